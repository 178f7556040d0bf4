package io.freshet.spark.engine.spark42.kafka;

import io.freshet.spark.engine.TopicCheck;
import java.util.Optional;
import org.apache.spark.rdd.RDD;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.execution.SparkPlan;
import org.apache.spark.sql.execution.datasources.v2.MicroBatchScanExec;
import org.apache.spark.sql.kafka010.KafkaBatchInputPartition;
import scala.jdk.javaapi.CollectionConverters;

/** Recognizes a micro-batch of Spark's Kafka source. */
final class KafkaScan {
    private KafkaScan() {}

    /**
     * The rows of the scan, read directly from Kafka: {@link KafkaRow}s with the scan's columns.
     *
     * @param check asked by tasks that get nothing
     * @param raw whether whole batches may come in place of records
     * @return empty when the plan is no micro-batch of Kafka's source, or needs Spark's own reader by what is asked of
     *     it
     */
    static Optional<RDD<InternalRow>> rows(SparkPlan plan, TopicCheck check, boolean raw) {
        return isReadable(plan) && plan instanceof MicroBatchScanExec scan
            ? Optional.of(new KafkaRecordsRdd(scan.inputRDD(), ScanMetrics.of(scan), check,
                raw && KafkaSource.isRaw(scan.session()))) : Optional.empty();
    }

    /** Whether it is a micro-batch that is read directly. */
    static boolean isReadable(SparkPlan plan) {
        return plan instanceof MicroBatchScanExec scan && KafkaSource.isDirect(scan.session())
            && CollectionConverters.asJava(scan.inputPartitions()).stream()
                .allMatch(KafkaBatchInputPartition.class::isInstance);
    }
}
