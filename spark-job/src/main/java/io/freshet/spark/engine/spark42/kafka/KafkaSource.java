package io.freshet.spark.engine.spark42.kafka;

import io.freshet.spark.engine.TopicCheck;
import io.freshet.spark.engine.spark42.plan.DirectSource;
import java.util.Iterator;
import java.util.Optional;
import org.apache.spark.SparkConf;
import org.apache.spark.TaskContext;
import org.apache.spark.rdd.RDD;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.execution.SparkPlan;
import org.apache.spark.sql.execution.metric.SQLMetric;

/**
 * The records of a micro-batch of Kafka's source, read directly where that can be done, and from these topics and no
 * others of their names.
 *
 * <p>The driver looks after Spark has planned the micro-batch, so that its offsets are those of these topics; each task
 * looks when it has read its last record, so that its records are. What follows the shuffle sees no record of others.
 *
 * @param topics whose offsets the query's checkpoint holds; {@link TopicCheck#NONE} takes records of any
 */
public record KafkaSource(TopicCheck topics) implements DirectSource {
    /** Set to false, Spark's own reader is used throughout. */
    static final String DIRECT_SETTING = "spark.freshet.kafka.direct";
    /** Set to false, records are read one by one, by Kafka's own consumer. */
    static final String RAW_SETTING = "spark.freshet.kafka.raw";
    /** Delegation tokens of Spark's are known to its own reader only. */
    private static final String TOKEN_SETTINGS = "spark.kafka.clusters.";

    /** Whether a session's queries read Kafka directly, as far as their settings and this process allow it. */
    public static boolean isDirect(SparkSession session) {
        SparkConf ofContext = session.sparkContext().getConf();
        // That of the session, which has those of its context as well: one query may be told otherwise than another.
        return Boolean.parseBoolean(session.conf().get(DIRECT_SETTING, "true"))
            && ofContext.getAllWithPrefix(TOKEN_SETTINGS).length == 0
            && Linkage.OF_RECORDS.isWhole();
    }

    /** Whether those that read it directly, and take whole batches, get these. */
    static boolean isRaw(SparkSession session) {
        return Boolean.parseBoolean(session.conf().get(RAW_SETTING, "true")) && Linkage.OF_BATCHES.isWhole();
    }

    @Override
    public Optional<RDD<InternalRow>> rows(SparkPlan plan, boolean batches) {
        if (topics == TopicCheck.NONE) {
            return direct(plan, batches);
        }
        topics.verify();
        TopicCheck ofTasks = topics;
        RDD<InternalRow> rows = direct(plan, batches).orElseGet(plan::execute);
        SQLMetric deleted = deletedOffsets(plan);
        return Optional.of(rows.toJavaRDD().mapPartitions(task -> {
            DeletedOffsets.keep(deleted, TaskContext.get());
            return new Verified(task, ofTasks);
        }).rdd());
    }

    /** Null where no reader tells, or where it does not fit this version of Spark. */
    private static SQLMetric deletedOffsets(SparkPlan plan) {
        if (!Linkage.OF_RECORDS.isWhole()) {
            return null;
        }
        try {
            return DeletedOffsets.find(plan);
        } catch (RuntimeException | LinkageError e) {
            Linkage.OF_RECORDS.breakOrThrow(e);
            return null;
        }
    }

    @Override
    public String shown(SparkPlan plan, boolean batches) {
        try {
            if (!KafkaScan.isReadable(plan)) {
                return "";
            }
            return batches && isRaw(plan.session()) ? "kafka=read in whole batches" : "kafka=read directly";
        } catch (RuntimeException | LinkageError e) {
            return ""; // whoever runs the plan finds out, and says so
        }
    }

    /** Empty as well where the classes that recognize the micro-batch do not fit this version of Spark. */
    private Optional<RDD<InternalRow>> direct(SparkPlan plan, boolean batches) {
        if (!Linkage.OF_RECORDS.isWhole()) {
            return Optional.empty();
        }
        try {
            return KafkaScan.rows(plan, topics, batches);
        } catch (RuntimeException | LinkageError e) {
            Linkage.OF_RECORDS.breakOrThrow(e);
            return Optional.empty();
        }
    }

    /** Ends only when the topics were the same until then. */
    private static final class Verified implements Iterator<InternalRow> {
        private final Iterator<InternalRow> rows;
        private final TopicCheck topics;
        private boolean ended;

        Verified(Iterator<InternalRow> rows, TopicCheck topics) {
            this.rows = rows;
            this.topics = topics;
        }

        @Override
        public boolean hasNext() {
            if (!ended && !rows.hasNext()) {
                topics.verify();
                ended = true;
            }
            return !ended;
        }

        @Override
        public InternalRow next() {
            return rows.next(); // says itself when there is none
        }
    }
}
