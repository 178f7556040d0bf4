package io.freshet.spark.kafka;

import java.util.Optional;
import org.apache.spark.SparkConf;
import org.apache.spark.rdd.RDD;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.connector.read.InputPartition;
import org.apache.spark.sql.execution.SparkPlan;
import org.apache.spark.sql.execution.datasources.v2.MicroBatchScanExec;
import org.apache.spark.sql.kafka010.KafkaBatchInputPartition;
import scala.jdk.javaapi.CollectionConverters;

/** Recognizes a micro-batch of Spark's Kafka source. */
public final class KafkaScan {
    /** Set to false, Spark's own reader is used throughout. */
    static final String DIRECT_SETTING = "spark.freshet.kafka.direct";
    /** Delegation tokens of Spark's are known to its own reader only. */
    private static final String TOKEN_SETTINGS = "spark.kafka.clusters.";

    private KafkaScan() {}

    /**
     * The rows of the scan, read directly from Kafka: {@link KafkaRow}s with the scan's columns.
     *
     * @return empty when the plan is no micro-batch of Kafka's source, or needs Spark's own reader by what is asked of it
     */
    public static Optional<RDD<InternalRow>> rows(SparkPlan plan) {
        return rows(plan, TopicCheck.NONE);
    }

    /** @param check asked by tasks that get nothing */
    static Optional<RDD<InternalRow>> rows(SparkPlan plan, TopicCheck check) {
        if (!(plan instanceof MicroBatchScanExec scan) || !isDirect(scan.session())) {
            return Optional.empty();
        }
        boolean ofKafka = CollectionConverters.asJava(scan.inputPartitions()).stream()
            .allMatch(KafkaScan::isRangeWithoutHeaders);
        return ofKafka
            ? Optional.of(new KafkaRecordsRdd(scan.inputRDD(), scan.longMetric("numOutputRows"), check))
            : Optional.empty();
    }

    private static boolean isRangeWithoutHeaders(InputPartition partition) {
        return partition instanceof KafkaBatchInputPartition range && !range.includeHeaders();
    }

    /** Whether a session's queries read Kafka directly, as far as their settings say so. */
    public static boolean isDirect(SparkSession session) {
        SparkConf ofContext = session.sparkContext().getConf();
        // That of the session, which has those of its context as well: one query may be told otherwise than another.
        return Boolean.parseBoolean(session.conf().get(DIRECT_SETTING, "true"))
            && ofContext.getAllWithPrefix(TOKEN_SETTINGS).length == 0;
    }
}
