package io.freshet.spark;

import com.codahale.metrics.MetricRegistry;
import io.freshet.spark.health.ExecutorMemory;
import io.freshet.spark.health.StreamMetrics;
import io.freshet.spark.job.SparkSettings;
import java.util.Map;
import org.apache.spark.SparkContext;
import org.apache.spark.api.plugin.DriverPlugin;
import org.apache.spark.api.plugin.ExecutorPlugin;
import org.apache.spark.api.plugin.PluginContext;
import org.apache.spark.api.plugin.SparkPlugin;

/**
 * Freshet's part of a Spark application: {@code spark.plugins=io.freshet.spark.FreshetPlugin}, which the job sets by
 * itself.
 *
 * <p>It brings the figures of the job's streams and the native memory of driver and executors to Spark's metrics
 * system, gives every session {@link FreshetExtensions}, and asks for executors that have room for the native memory.
 */
public final class FreshetPlugin implements SparkPlugin {
    /** Called by Spark, by reflection, on the driver and on each executor. */
    public FreshetPlugin() {}

    @Override
    public DriverPlugin driverPlugin() {
        return new OnDriver();
    }

    @Override
    public ExecutorPlugin executorPlugin() {
        return new OnExecutor();
    }

    private static final class OnDriver implements DriverPlugin {
        private MetricRegistry registry;
        private ExecutorMemory executors;

        @Override
        public Map<String, String> init(SparkContext context, PluginContext plugin) {
            SparkSettings.complete(plugin.conf());
            registry = plugin.metricRegistry();
            ExecutorMemory.showOwn(registry);
            executors = new ExecutorMemory(registry);
            context.addSparkListener(executors);
            StreamMetrics.open(registry);
            return Map.of();
        }

        @Override
        public Object receive(Object message) {
            executors.receive(message);
            return null;
        }

        @Override
        public void shutdown() {
            StreamMetrics.close(registry);
        }
    }

    private static final class OnExecutor implements ExecutorPlugin {
        private ExecutorMemory.Reporter reporter;

        @Override
        public void init(PluginContext plugin, Map<String, String> fromDriver) {
            // Without executors of their own, tasks run in the driver, whose half has told of its memory.
            if (!plugin.executorID().equals(ExecutorMemory.DRIVER)) {
                ExecutorMemory.showOwn(plugin.metricRegistry());
                reporter = new ExecutorMemory.Reporter(plugin.executorID(), plugin::send);
            }
        }

        @Override
        public void shutdown() {
            if (reporter != null) {
                reporter.close();
            }
        }
    }
}
