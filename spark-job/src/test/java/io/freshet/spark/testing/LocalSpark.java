package io.freshet.spark.testing;

import org.apache.spark.sql.SparkSession;

/** Spark inside the test's own process, with two cores. */
public final class LocalSpark {
    private LocalSpark() {}

    /** A session. */
    public static SparkSession start() {
        return builder().getOrCreate();
    }

    /** A session of a context that has a setting of its own. */
    public static SparkSession start(String key, String value) {
        return builder().config(key, value).getOrCreate();
    }

    /** A session with Freshet's functions for SQL, configured as users do it. */
    public static SparkSession startWithExtensions() {
        return builder().config("spark.sql.extensions", "io.freshet.spark.FreshetExtensions").getOrCreate();
    }

    private static SparkSession.Builder builder() {
        return SparkSession.builder().master("local[2]")
            .config("spark.ui.enabled", "false")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.driver.host", "127.0.0.1")
            .config("spark.sql.shuffle.partitions", "2")
            .config("spark.sql.session.timeZone", "UTC")
            .config("spark.sql.streaming.checkpointFileManagerClass",
                "org.apache.spark.sql.execution.streaming.checkpointing.FileSystemBasedCheckpointFileManager");
    }
}
