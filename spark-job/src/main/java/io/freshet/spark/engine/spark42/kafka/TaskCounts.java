package io.freshet.spark.engine.spark42.kafka;

import org.apache.spark.TaskContext;
import org.apache.spark.executor.InputMetrics;

/** Tells Spark what a task reads of its range: the input of its stage, and the rows of its scan. */
final class TaskCounts implements RangeRows.Counts {
    private final InputMetrics input;
    private final ScanMetrics scan;

    TaskCounts(TaskContext task, ScanMetrics scan) {
        input = task.taskMetrics().inputMetrics();
        this.scan = scan;
    }

    @Override
    public void rows(long more) {
        scan.rows().add(more);
    }

    @Override
    public void input(long moreRecords, long moreBytes) {
        input.incRecordsRead(moreRecords);
        input.incBytesRead(moreBytes);
    }
}
