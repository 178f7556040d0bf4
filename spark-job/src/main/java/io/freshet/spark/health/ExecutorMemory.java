package io.freshet.spark.health;

import com.codahale.metrics.MetricRegistry;
import io.freshet.spark.nativelib.NativeMemoryUse;
import java.io.IOException;
import java.time.Duration;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerExecutorRemoved;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The native memory of the executors, in the driver's metrics: gauges {@code executors.<id>.native_memory_bytes}. Spark
 * has servlets for metrics on the driver only, so that executors tell the driver. One that has gone has no gauge, and
 * of one that is silent nothing is known.
 */
public final class ExecutorMemory extends SparkListener {
    /** What Spark calls the executor that is the driver. */
    public static final String DRIVER = "driver";

    /** The name of each gauge. */
    private static final String NAME = "native_memory_bytes";

    private static final Logger LOGGER = LoggerFactory.getLogger(ExecutorMemory.class);
    private static final Duration INTERVAL = Duration.ofSeconds(2);
    private static final Duration SILENCE = INTERVAL.multipliedBy(5);

    private final MetricRegistry registry;
    private final Map<String, Told> executors = new ConcurrentHashMap<>();
    /** Their last words may come after them. Spark gives no id twice. */
    private final Set<String> removed = new HashSet<>();

    private record Told(long bytes, long nanos) {
        Long known() {
            return System.nanoTime() - nanos > SILENCE.toNanos() ? null : (Long) bytes;
        }
    }

    /** @param registry of the driver */
    public ExecutorMemory(MetricRegistry registry) {
        this.registry = registry;
    }

    /** Puts the gauge {@code native_memory_bytes} of this process itself into a registry. */
    public static void showOwn(MetricRegistry registry) {
        registry.register(NAME, StreamMetrics.known(NativeMemoryUse::bytes));
    }

    /** Takes in what an executor has sent. */
    public synchronized void receive(Object message) {
        ((Map<?, ?>) message).forEach((executor, bytes) -> keep((String) executor, (Long) bytes));
    }

    private void keep(String executor, long bytes) {
        if (!removed.contains(executor) && executors.put(executor, new Told(bytes, System.nanoTime())) == null) {
            registry.register(gauge(executor), StreamMetrics.known(() -> known(executor)));
        }
    }

    private Long known(String executor) {
        Told told = executors.get(executor);
        return told == null ? null : told.known();
    }

    private String gauge(String executor) {
        return "executors." + executor + "." + NAME;
    }

    @Override
    public synchronized void onExecutorRemoved(SparkListenerExecutorRemoved event) {
        removed.add(event.executorId());
        if (executors.remove(event.executorId()) != null) {
            registry.remove(gauge(event.executorId()));
        }
    }

    /** Sends a message to the driver's half of the plugin. */
    @FunctionalInterface
    public interface Sender {
        void send(Object message) throws IOException;
    }

    /** Tells the driver of the memory of this executor, every few seconds. */
    public static final class Reporter implements AutoCloseable {
        private final String executor;
        private final Sender driver;
        private final ScheduledExecutorService clock = Executors.newSingleThreadScheduledExecutor(task -> {
            Thread thread = new Thread(task, "freshet-memory");
            thread.setDaemon(true);
            return thread;
        });

        /** Tells from now on. */
        public Reporter(String executor, Sender driver) {
            this.executor = executor;
            this.driver = driver;
            clock.scheduleWithFixedDelay(this::report, 0, INTERVAL.toMillis(), TimeUnit.MILLISECONDS);
        }

        private void report() {
            try {
                // Of the Java machine's own classes only: Spark's messages may be read without this jar.
                driver.send(Map.of(executor, NativeMemoryUse.bytes()));
            } catch (IOException | RuntimeException e) {
                // An exception would end the schedule, and the next report may get through.
                LOGGER.debug("the driver could not be told of this executor's memory", e);
            }
        }

        @Override
        public void close() {
            clock.shutdownNow();
        }
    }
}
