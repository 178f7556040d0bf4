package io.freshet.spark.health;

/** What a query observes of each micro-batch: the names under which {@link StreamHealth} finds it. */
public final class Observations {
    /**
     * {@code records_read}, {@code bytes_read}, {@code rejected}, {@code skipped}, {@code rejected_rows};
     * {@link #SKIPPED_VALUES} and a metric, how many of its values were left out; {@code offsets_deleted}, those that
     * Kafka had deleted before they were read, null where that is not known; and, of the series furthest ahead of the
     * clock, {@code ahead_series} and {@code ahead_micros}, null when all are in step.
     */
    public static final String READ = "read";
    /** What the name of an observed number begins with that ends with that of a metric. */
    public static final String SKIPPED_VALUES = "skipped_values|";
    /** Per kind of window, how many records were aggregated. */
    public static final String AGGREGATED = "aggregated";
    /** Per kind of window, how many of them were counted into a window, because they were not late. */
    public static final String COUNTED = "counted";
    /** {@code bytes_written} and {@code windows_written}, to the windows topic. */
    public static final String WRITTEN = "written";

    private Observations() {}
}
