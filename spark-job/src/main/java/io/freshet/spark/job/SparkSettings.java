package io.freshet.spark.job;

import io.freshet.spark.engine.SparkEngine;
import io.freshet.spark.nativelib.NativeContract;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.SparkConf;

/** The settings of Spark that the job changes. */
public final class SparkSettings {
    /**
     * The options that Spark leaves out of the plans that it shows: its default, and all that has to do with getting
     * in.
     */
    private static final String REDACTED_OPTIONS = "(?i)url|\\.ssl\\.|\\.sasl\\.";
    /** By its name: Hadoop creates it, and it stands apart from this room, in the public interface. */
    private static final String LOCAL_FILE_SYSTEM = "io.freshet.spark.LocalCheckpoints";

    private SparkSettings() {}

    /** The settings of Spark that suit these queries; what spark-submit was told takes precedence. */
    public static SparkConf defaults(int shufflePartitions, String checkpointLocation, boolean rocksdb) {
        SparkConf defaults = new SparkConf()
            // Streams share the cores, each in a pool of its own: a large batch of one must not hold up the others.
            .setIfMissing("spark.scheduler.mode", "FAIR")
            .setIfMissing("spark.sql.shuffle.partitions", Integer.toString(shufflePartitions))
            .setIfMissing("spark.sql.session.timeZone", "UTC")
            .setIfMissing("spark.sql.redaction.options.regex", REDACTED_OPTIONS)
            .setIfMissing("spark.sql.streaming.stopTimeout", NativeContract.get().stopTimeoutMillis() + "ms");
        if (isLocalFolder(checkpointLocation, defaults)) {
            // On a local folder the default manager forks some dozens of processes per batch to set permissions.
            defaults.setIfMissing("spark.sql.streaming.checkpointFileManagerClass",
                SparkEngine.current().localCheckpointFileManager());
            writeWithoutProcesses(defaults);
        }
        if (rocksdb) {
            defaults.setIfMissing(
                "spark.sql.streaming.stateStore.providerClass", SparkEngine.current().rocksdbStateStore());
            defaults.setIfMissing("spark.sql.streaming.stateStore.rocksdb.changelogCheckpointing.enabled", "true");
        }
        return defaults;
    }

    /** Where the executors are in this process, they are sure to find the class. */
    private static void writeWithoutProcesses(SparkConf defaults) {
        if (defaults.get("spark.master", "local[*]").startsWith("local")) {
            defaults.setIfMissing("spark.hadoop.fs.file.impl", LOCAL_FILE_SYSTEM);
            // spark-submit has used Hadoop's own one before: from the cache it would be given out for ever.
            defaults.setIfMissing("spark.hadoop.fs.file.impl.disable.cache", "true");
        }
    }

    /** Whether Hadoop would find the location in the local file system; no other system is asked. */
    public static boolean isLocalFolder(String location, SparkConf settings) {
        String scheme = new Path(location).toUri().getScheme();
        Configuration hadoop = SparkEngine.current().hadoopConfiguration(settings);
        return "file".equals(scheme == null ? FileSystem.getDefaultUri(hadoop).getScheme() : scheme);
    }
}
