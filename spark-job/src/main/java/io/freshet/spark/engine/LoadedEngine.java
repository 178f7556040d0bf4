package io.freshet.spark.engine;

import java.util.List;
import java.util.ServiceLoader;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The engine of this process. */
final class LoadedEngine {
    private static final Logger LOGGER = LoggerFactory.getLogger(LoadedEngine.class);

    static final SparkEngine ENGINE = load();

    private LoadedEngine() {}

    private static SparkEngine load() {
        // By the class loader of the job: a task's own may know only Spark.
        List<SparkEngine> engines = ServiceLoader.load(SparkEngine.class, SparkEngine.class.getClassLoader()).stream()
            .map(ServiceLoader.Provider::get).toList();
        return choose(engines, org.apache.spark.package$.MODULE$.SPARK_VERSION());
    }

    /** The one that is written for a version; else the first one, which may do. */
    static SparkEngine choose(List<SparkEngine> engines, String version) {
        if (engines.isEmpty()) {
            throw new IllegalStateException("META-INF/services/" + SparkEngine.class.getName() + " names no engine: "
                + "the jar was packed anew without its services; take freshet-spark-all.jar as it is built");
        }
        return engines.stream().filter(engine -> version.startsWith(engine.sparkLine() + ".")).findFirst()
            .orElseGet(() -> {
                LOGGER.warn("Freshet is written for Spark {}, and this is Spark {}: what differs may fail",
                    engines.get(0).sparkLine(), version);
                return engines.get(0);
            });
    }
}
