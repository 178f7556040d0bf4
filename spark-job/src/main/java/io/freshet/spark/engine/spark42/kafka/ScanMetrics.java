package io.freshet.spark.engine.spark42.kafka;

import java.io.Serializable;
import org.apache.spark.sql.execution.datasources.v2.MicroBatchScanExec;
import org.apache.spark.sql.execution.metric.SQLMetric;

/**
 * The metrics of a scan of Kafka's source, as Spark shows them beside it in the plan of a query.
 *
 * @param rows by which Spark also reports how many rows a micro-batch has read
 * @param losses how often offsets were found to be gone; null when the source of this version has no such metric
 * @param lostOffsets how many offsets these were; null so too
 */
record ScanMetrics(SQLMetric rows, SQLMetric losses, SQLMetric lostOffsets) implements Serializable {
    static ScanMetrics of(MicroBatchScanExec scan) {
        return new ScanMetrics(scan.longMetric("numOutputRows"), metric(scan, "dataLoss"),
            metric(scan, "offsetOutOfRange"));
    }

    private static SQLMetric metric(MicroBatchScanExec scan, String name) {
        return scan.metrics().contains(name) ? scan.longMetric(name) : null;
    }

    /** Takes in that so many offsets were passed over, as Spark's own reader does. */
    void addLoss(long offsets) {
        if (losses != null && lostOffsets != null) {
            losses.add(1);
            lostOffsets.add(offsets);
        }
    }
}
