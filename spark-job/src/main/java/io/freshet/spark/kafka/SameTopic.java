package io.freshet.spark.kafka;

import io.freshet.spark.plan.DirectSource;
import java.util.Iterator;
import java.util.Optional;
import org.apache.spark.rdd.RDD;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.execution.SparkPlan;

/**
 * The records of a micro-batch of Kafka's source, from this topic and from no other of its name.
 *
 * <p>The driver looks after Spark has planned the micro-batch, so that its offsets are this topic's; each task looks when it
 * has read its last record, so that its records are. What follows the shuffle sees no record of another topic.
 *
 * @param topic whose offsets the query's checkpoint holds
 */
public record SameTopic(TopicIdentity topic) implements DirectSource {
    @Override
    public Optional<RDD<InternalRow>> rows(SparkPlan plan) {
        topic.verify();
        TopicIdentity ofTasks = topic;
        RDD<InternalRow> rows = KafkaScan.rows(plan, topic::verify).orElseGet(plan::execute);
        return Optional.of(rows.toJavaRDD().mapPartitions(task -> new Verified(task, ofTasks)).rdd());
    }

    /** Ends only when the topic was the same until then. */
    private static final class Verified implements Iterator<InternalRow> {
        private final Iterator<InternalRow> rows;
        private final TopicIdentity topic;
        private boolean ended;

        Verified(Iterator<InternalRow> rows, TopicIdentity topic) {
            this.rows = rows;
            this.topic = topic;
        }

        @Override
        public boolean hasNext() {
            if (!ended && !rows.hasNext()) {
                topic.verify();
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
