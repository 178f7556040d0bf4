package io.freshet.spark.engine.spark42.kafka;

import io.freshet.spark.engine.spark42.plan.SkippedOffsets;
import org.apache.spark.TaskContext;
import org.apache.spark.executor.InputMetrics;

/** Tells Spark what a task reads of its range: the input of its stage, and the rows of its scan. */
final class TaskCounts implements RangeRows.Counts {
    private final InputMetrics input;
    private final ScanMetrics scan;
    private final SkippedOffsets skipped;

    /** @param offsets how many there are in the range */
    TaskCounts(TaskContext task, ScanMetrics scan, long offsets) {
        input = task.taskMetrics().inputMetrics();
        this.scan = scan;
        skipped = SkippedOffsets.begin(task, offsets);
    }

    @Override
    public void rows(long more) {
        scan.rows().add(more);
        skipped.subtract(more);
    }

    @Override
    public void input(long moreRecords, long moreBytes) {
        input.incRecordsRead(moreRecords);
        input.incBytesRead(moreBytes);
    }
}
