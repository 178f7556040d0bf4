package io.freshet.spark.job;

import com.codahale.metrics.MetricRegistry;
import io.freshet.spark.configuration.PipelineConfiguration;
import io.freshet.spark.engine.SparkEngine;
import io.freshet.spark.health.ExecutorMemory;
import io.freshet.spark.health.StreamMetrics;
import java.util.ArrayDeque;
import java.util.Deque;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkEnv;
import org.apache.spark.sql.SparkSession;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The session of the job: of a context of its own, or of one that was there before, which then outlives it. */
public final class JobSession implements AutoCloseable {
    private static final Logger LOGGER = LoggerFactory.getLogger(JobSession.class);
    private static final int FAILED = 1;

    private final SparkSession session;
    /** What is to be done at its end, in this order. */
    private final Deque<Runnable> ends = new ArrayDeque<>();
    private boolean inOrder;

    private JobSession(SparkSession session) {
        this.session = session;
    }

    /** Opens it with the settings that suit the job's queries. */
    public static JobSession open(PipelineConfiguration.Spark spark) {
        SparkConf defaults =
            SparkSettings.defaults(spark.shufflePartitions(), spark.checkpointLocation(), spark.rocksdb());
        JobSession opened = SparkEnv.get() == null ? ofItsOwn(defaults, spark.checkpointLocation()) : asGuest(defaults);
        if (!StreamMetrics.isOpen()) {
            opened.showMetrics();
        }
        return opened;
    }

    private static JobSession ofItsOwn(SparkConf settings, String checkpoints) {
        SparkSettings.ofItsOwnSession(settings);
        settings.setIfMissing("spark.app.name", "freshet").setIfMissing("spark.master", "local[*]");
        if (SparkSettings.isLocalFolder(checkpoints, settings) && !settings.get("spark.master").startsWith("local")) {
            LOGGER.warn("spark.checkpoint_location {} is a folder of the local file system, and the master is {}: "
                + "every executor must see the same folder under that path", checkpoints, settings.get("spark.master"));
        }
        SparkSession session = SparkSession.builder().config(settings).getOrCreate();
        JobSession opened = new JobSession(session);
        // Of this YARN makes the final status in client mode: without it, a job that has failed has succeeded.
        opened.ends.add(() -> session.sparkContext().stop(opened.inOrder ? 0 : FAILED));
        return opened;
    }

    /** A session beside the others of the context: they keep their settings, views and queries. */
    private static JobSession asGuest(SparkConf defaults) {
        SparkSession session = SparkSession.builder().getOrCreate().newSession();
        SparkSettings.apply(defaults, session);
        LOGGER.info("the job uses a context of Spark that was there before it: settings of the context are left as "
            + "they are");
        return new JobSession(session);
    }

    /** The context was started without the plugin. */
    private void showMetrics() {
        MetricRegistry registry = new MetricRegistry();
        ExecutorMemory.showOwn(registry);
        Runnable hide = SparkEngine.current().showMetrics(SparkSettings.PLUGIN, registry);
        StreamMetrics.open(registry);
        ends.addFirst(hide);
        ends.addFirst(() -> StreamMetrics.close(registry));
    }

    /** The session itself. */
    public SparkSession session() {
        return session;
    }

    /** The job has ended as it was told to. Spark, which hears of it when it stops, takes all else for a failure. */
    public void endsInOrder() {
        inOrder = true;
    }

    @Override
    public void close() {
        ends.forEach(Runnable::run);
    }
}
