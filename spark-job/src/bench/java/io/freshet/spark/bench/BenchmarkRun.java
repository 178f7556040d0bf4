package io.freshet.spark.bench;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.streaming.StreamingQuery;
import org.apache.spark.sql.streaming.StreamingQueryListener;
import org.apache.spark.sql.streaming.Trigger;

/**
 * Runs one query over the topic and measures it once it is warm: from the end of one micro-batch to the end of a later
 * one. The first batches pay for planning and compiling, which a query that runs for days pays once.
 */
final class BenchmarkRun extends StreamingQueryListener {
    private static final OperatingSystemMXBean SYSTEM =
        (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    private static final double NANOS = 1e9;
    /**
     * Micro-batches before the measurement, or half of them if there are fewer in the topic; fewer as well when they
     * take very long.
     */
    private static final int WARM_UP_BATCHES = 6;
    private static final double WARM_UP_SECONDS = 15;
    /** Enough to measure; what is left of the topic is not read then. */
    private static final double MEASURED_SECONDS = 15;

    private final int warmUpBatches;
    private final double measuredSeconds;
    private final List<Sample> samples = new ArrayList<>();
    private final CountDownLatch ended = new CountDownLatch(1);
    private final CountDownLatch measured = new CountDownLatch(1);
    private Sample start;
    private boolean enough;

    private record Sample(long records, long nanos, long cpuNanos) {}

    /**
     * What a run took.
     *
     * @param records read while it was measured
     * @param cpuSeconds of the whole process, garbage collection and compilation included
     */
    record Result(long records, double seconds, double cpuSeconds) {}

    private BenchmarkRun(long batches, double measuredSeconds) {
        warmUpBatches = (int) Math.min(WARM_UP_BATCHES, batches / 2);
        this.measuredSeconds = measuredSeconds;
    }

    /**
     * Runs a query until there is enough to measure, or to the end of the topic.
     *
     * @param topicRecords all of which the query must read if it runs to the end
     * @param batchRecords of a micro-batch
     * @param brief for a round that only warms up: one micro-batch is measured, so that it has a result as well
     */
    static Result measure(
        SparkSession session,
        Dataset<Row> rows,
        Path checkpoint,
        long topicRecords,
        long batchRecords,
        boolean brief) throws Exception {
        BenchmarkRun run = new BenchmarkRun(topicRecords / batchRecords, brief ? 0 : MEASURED_SECONDS);
        session.streams().addListener(run);
        try {
            StreamingQuery query = rows.writeStream().format("noop").outputMode("update")
                .option("checkpointLocation", checkpoint.toString())
                .trigger(Trigger.AvailableNow())
                .start();
            run.measured.await();
            query.stop();
            if (query.exception().isDefined()) {
                throw query.exception().get();
            }
            if (!run.ended.await(1, TimeUnit.MINUTES)) {
                throw new IllegalStateException("Spark has not reported the end of the query");
            }
        } finally {
            session.streams().removeListener(run);
        }
        run.requireAllRead(topicRecords);
        return run.result();
    }

    private void requireAllRead(long topicRecords) {
        long read = samples.stream().mapToLong(Sample::records).sum();
        if (!enough && read != topicRecords) {
            throw new IllegalStateException("the query has read " + read + " of " + topicRecords + " records");
        }
    }

    private Result result() {
        Sample last = samples.get(samples.size() - 1);
        if (last == start) {
            throw new IllegalStateException("the topic has too few records to measure anything after the warm-up");
        }
        long records = samples.subList(samples.indexOf(start) + 1, samples.size()).stream()
            .mapToLong(Sample::records).sum();
        return new Result(records, (last.nanos - start.nanos) / NANOS, (last.cpuNanos - start.cpuNanos) / NANOS);
    }

    @Override
    public void onQueryStarted(QueryStartedEvent event) {}

    @Override
    public void onQueryProgress(QueryProgressEvent event) {
        if (event.progress().numInputRows() == 0 || measured.getCount() == 0) {
            return;
        }
        Sample sample = new Sample(event.progress().numInputRows(), System.nanoTime(), SYSTEM.getProcessCpuTime());
        samples.add(sample);
        if (start != null) {
            if ((sample.nanos - start.nanos) / NANOS > measuredSeconds) {
                enough = true;
                measured.countDown();
            }
        } else if (samples.size() == warmUpBatches
            || (sample.nanos - samples.get(0).nanos) / NANOS > WARM_UP_SECONDS) {
            start = sample;
        }
    }

    @Override
    public void onQueryTerminated(QueryTerminatedEvent event) {
        measured.countDown();
        ended.countDown();
    }
}
