package io.freshet.spark.job;

import io.freshet.spark.engine.SparkEngine;
import io.freshet.spark.nativelib.NativeContract;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.SparkConf;
import org.apache.spark.sql.SparkSession;

/** The settings of Spark that the job changes. */
public final class SparkSettings {
    /**
     * The options that Spark leaves out of the plans that it shows: its default, and all that has to do with getting
     * in.
     */
    private static final String REDACTED_OPTIONS = "(?i)url|\\.ssl\\.|\\.sasl\\.";
    /** By its name: Hadoop creates it, and it stands apart from this room, in the public interface. */
    private static final String LOCAL_FILE_SYSTEM = "io.freshet.spark.LocalCheckpoints";
    /** So too. */
    static final String PLUGIN = "io.freshet.spark.FreshetPlugin";
    private static final String EXTENSIONS = "io.freshet.spark.FreshetExtensions";
    private static final String EXTENSIONS_SETTING = "spark.sql.extensions";

    private SparkSettings() {}

    /** The settings of Spark that suit these queries; what spark-submit was told takes precedence. */
    public static SparkConf defaults(int shufflePartitions, String checkpointLocation, boolean rocksdb) {
        SparkConf defaults = new SparkConf()
            // Streams share the cores, each in a pool of its own: a large batch of one must not hold up the others.
            .setIfMissing("spark.scheduler.mode", "FAIR")
            .setIfMissing("spark.sql.shuffle.partitions", Integer.toString(shufflePartitions))
            .setIfMissing("spark.sql.session.timeZone", "UTC")
            .setIfMissing("spark.sql.redaction.options.regex", REDACTED_OPTIONS)
            .setIfMissing("spark.sql.streaming.stopTimeout", NativeContract.get().stopTimeoutMillis() + "ms")
            // Without it, metrics begin with the id of the application, which is another one after each start.
            .setIfMissing("spark.metrics.namespace", "freshet");
        addToList(defaults, "spark.plugins", PLUGIN);
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

    /**
     * What suits a session that is the job's own, and the first of its context.
     *
     * <p>Each query runs in a session of its own, a copy of the job's. As long as each of these has a class loader for
     * what others might add to it, Spark generates and Java compiles the classes of every plan anew at every start of a
     * query.
     */
    public static void ofItsOwnSession(SparkConf settings) {
        settings.setIfMissing("spark.sql.artifact.isolation.enabled", "false");
    }

    /**
     * What the plugin sets as a context starts, before it has sessions and asks for executors.
     *
     * @param context the settings of the context itself
     */
    public static void complete(SparkConf context) {
        addToList(context, EXTENSIONS_SETTING, EXTENSIONS);
        ExecutorOverhead.complete(context);
    }

    /**
     * Gives a session of a context that was there before the job what of these settings it can still take, without
     * those that its context was told.
     */
    public static void apply(SparkConf defaults, SparkSession session) {
        SparkConf ofContext = session.sparkContext().getConf();
        Stream.of(defaults.getAll())
            .filter(setting -> setting._1().startsWith("spark.sql.") && !ofContext.contains(setting._1()))
            .filter(setting -> session.conf().isModifiable(setting._1()))
            .forEach(setting -> session.conf().set(setting._1(), setting._2()));
    }

    /** Adds a class to those that are set, once. */
    private static void addToList(SparkConf settings, String key, String name) {
        List<String> names = Stream.of(settings.get(key, "").split(",")).map(String::strip)
            .filter(known -> !known.isEmpty() && !known.equals(name)).toList();
        settings.set(key, Stream.concat(names.stream(), Stream.of(name)).collect(Collectors.joining(",")));
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
