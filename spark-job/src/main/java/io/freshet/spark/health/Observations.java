package io.freshet.spark.health;

/** What a query observes of each micro-batch: the names under which {@link StreamHealth} finds it. */
public final class Observations {
    /**
     * {@code records_read}, {@code bytes_read}, {@code rejected}; {@code offsets_deleted}, those that Kafka had deleted
     * before they were read, null where that is not known; and, of the series furthest ahead of the clock, {@code
     * ahead_series} and {@code ahead_micros}, null when all are in step.
     */
    public static final String READ = "read";
    /** Per kind of window, how many records were aggregated. */
    public static final String AGGREGATED = "aggregated";
    /** Per kind of window, how many of them were counted into a window, because they were not late. */
    public static final String COUNTED = "counted";
    /** {@code bytes_written} and {@code windows_written}, to the windows topic. */
    public static final String WRITTEN = "written";

    private Observations() {}
}
