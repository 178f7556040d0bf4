package io.freshet.spark;

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

/** Runs one query over the whole topic and measures it from the end of its first micro-batch to the end of its last. */
final class BenchmarkRun extends StreamingQueryListener {
    private static final OperatingSystemMXBean SYSTEM =
        (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    private static final double NANOS = 1e9;

    private final List<Sample> samples = new ArrayList<>();
    private final CountDownLatch ended = new CountDownLatch(1);

    private record Sample(long records, long nanos, long cpuNanos) {}

    /**
     * What a run took.
     *
     * @param records read after the first micro-batch
     * @param cpuSeconds of the whole process, garbage collection and compilation included
     */
    record Result(long records, double seconds, double cpuSeconds) {}

    private BenchmarkRun() {}

    static Result measure(SparkSession session, Dataset<Row> rows, Path checkpoint) throws Exception {
        BenchmarkRun run = new BenchmarkRun();
        session.streams().addListener(run);
        try {
            StreamingQuery query = rows.writeStream().format("noop").outputMode("update")
                .option("checkpointLocation", checkpoint.toString())
                .trigger(Trigger.AvailableNow())
                .start();
            query.awaitTermination();
            if (!run.ended.await(1, TimeUnit.MINUTES)) {
                throw new IllegalStateException("Spark has not reported the end of the query");
            }
        } finally {
            session.streams().removeListener(run);
        }
        return run.result();
    }

    private Result result() {
        Sample first = samples.get(0);
        Sample last = samples.get(samples.size() - 1);
        long records = samples.stream().skip(1).mapToLong(Sample::records).sum();
        return new Result(records, (last.nanos - first.nanos) / NANOS, (last.cpuNanos - first.cpuNanos) / NANOS);
    }

    @Override
    public void onQueryStarted(QueryStartedEvent event) {}

    @Override
    public void onQueryProgress(QueryProgressEvent event) {
        if (event.progress().numInputRows() > 0) {
            samples.add(new Sample(event.progress().numInputRows(), System.nanoTime(), SYSTEM.getProcessCpuTime()));
        }
    }

    @Override
    public void onQueryTerminated(QueryTerminatedEvent event) {
        ended.countDown();
    }
}
