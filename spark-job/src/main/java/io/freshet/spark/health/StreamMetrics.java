package io.freshet.spark.health;

import com.codahale.metrics.Gauge;
import com.codahale.metrics.MetricRegistry;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * The figures of the streams of this process in Spark's metrics system: gauges {@code streams.<stream>.<name>}, from
 * when a stream is shown until it is hidden. What is not known is {@code NaN}, never 0.
 */
public final class StreamMetrics {
    private static final double MILLIS = 1_000.0;
    /** By name, with the unit at its end: docs/spark.md explains them. */
    private static final Map<String, Function<StreamFigures, Number>> GAUGES = gauges();
    private static final Map<String, StreamHealth> SHOWN = new ConcurrentHashMap<>();
    /** Null while Spark's context has none. */
    private static MetricRegistry registry;

    private StreamMetrics() {}

    private static Map<String, Function<StreamFigures, Number>> gauges() {
        Map<String, Function<StreamFigures, Number>> gauges = new LinkedHashMap<>();
        gauges.put("running", figures -> figures.running() ? 1 : 0);
        gauges.put("records_read", StreamFigures::recordsRead);
        gauges.put("records_counted", StreamFigures::recordsCounted);
        gauges.put("records_late", StreamFigures::recordsLate);
        gauges.put("records_rejected", StreamFigures::recordsRejected);
        gauges.put("records_skipped", StreamFigures::recordsSkipped);
        gauges.put("offsets_skipped", StreamFigures::offsetsSkipped);
        gauges.put("offsets_deleted", StreamFigures::offsetsDeleted);
        gauges.put("consumer_lag_records", StreamFigures::lag);
        gauges.put("watermark_delay_seconds", figures -> delay(figures.watermarkMillis()));
        gauges.put("batch_duration_seconds", figures -> seconds(figures.batchMillis()));
        gauges.put("progress_age_seconds", figures -> seconds(figures.progressAgeMillis()));
        gauges.put("trigger_interval_seconds", figures -> seconds(figures.triggerMillis()));
        gauges.put("state_rows", StreamFigures::stateRows);
        gauges.put("state_bytes", StreamFigures::stateBytes);
        gauges.put("batches", StreamFigures::batches);
        gauges.put("restarts", StreamFigures::restarts);
        return gauges;
    }

    private static Double seconds(Long millis) {
        return millis == null ? null : millis / MILLIS;
    }

    /** A watermark at the epoch is that of a query that has seen no event yet. */
    private static Double delay(Long watermarkMillis) {
        return watermarkMillis == null || watermarkMillis == 0 ? null
            : seconds(System.currentTimeMillis() - watermarkMillis);
    }

    /** Puts gauges for all streams, and for those that come, into the registry of a context that has started. */
    public static synchronized void open(MetricRegistry ofContext) {
        registry = ofContext;
        SHOWN.values().forEach(StreamMetrics::register);
    }

    /** The context has stopped. */
    public static synchronized void close(MetricRegistry ofContext) {
        if (registry == ofContext) {
            SHOWN.keySet().forEach(StreamMetrics::unregister);
            registry = null;
        }
    }

    /** Whether there is a registry. */
    public static synchronized boolean isOpen() {
        return registry != null;
    }

    /** Shows a stream from now on; one of the same name gives way. */
    public static synchronized void show(StreamHealth health) {
        hide(SHOWN.get(health.stream()));
        SHOWN.put(health.stream(), health);
        register(health);
    }

    /** The stream has ended: its gauges go, unless another one of its name was shown since. */
    public static synchronized void hide(StreamHealth health) {
        if (health != null && SHOWN.remove(health.stream(), health)) {
            unregister(health.stream());
        }
    }

    private static void register(StreamHealth health) {
        if (registry != null) {
            GAUGES.forEach((name, figure) ->
                registry.register(prefix(health.stream()) + name, known(() -> figure.apply(health.figures()))));
        }
    }

    private static void unregister(String stream) {
        if (registry != null) {
            GAUGES.keySet().forEach(name -> registry.remove(prefix(stream) + name));
        }
    }

    private static String prefix(String stream) {
        return "streams." + stream + ".";
    }

    /** A gauge for what may be unknown: Spark's servlets would print null, which no one can read. */
    public static Gauge<Number> known(Supplier<Number> value) {
        return () -> {
            Number now = value.get();
            return now == null ? Double.NaN : now;
        };
    }
}
