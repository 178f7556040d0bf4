package io.freshet.spark.testing;

import java.util.concurrent.CountDownLatch;
import org.apache.spark.api.java.function.ForeachPartitionFunction;
import org.apache.spark.sql.SparkSession;

/** Tasks that keep the cores of a local Spark until this is closed: whatever else it is told to do hangs. */
public final class HangingTasks implements AutoCloseable {
    /** The tasks run in this process; a copy that a task gets would not be counted down. */
    private static CountDownLatch running;
    private static CountDownLatch release;

    private final Thread job;

    /** @param cores how many there are */
    public HangingTasks(SparkSession spark, int cores) {
        running = new CountDownLatch(cores);
        release = new CountDownLatch(1);
        job = new Thread(() -> spark.range(0, cores, 1, cores)
            .foreachPartition((ForeachPartitionFunction<Long>) rows -> hang()), "hanging-tasks");
        job.setDaemon(true);
        job.start();
    }

    private static void hang() throws InterruptedException {
        running.countDown();
        release.await();
    }

    /** Waits until every core is taken. */
    public void awaitRunning() throws InterruptedException {
        Waiting.until(() -> running.getCount() == 0, () -> running.getCount() + " cores are free");
    }

    /** Lets the tasks end. */
    @Override
    public void close() {
        release.countDown();
        try {
            job.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
