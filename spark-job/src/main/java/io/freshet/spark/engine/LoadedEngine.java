package io.freshet.spark.engine;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;
import java.util.stream.Stream;
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
            .flatMap(provider -> made(provider).stream()).toList();
        return choose(engines, org.apache.spark.package$.MODULE$.SPARK_VERSION());
    }

    /** The engine, unless it needs something that this Spark does not have: it is then for another one. */
    static Optional<SparkEngine> made(ServiceLoader.Provider<SparkEngine> provider) {
        try {
            return Optional.of(provider.get());
        } catch (ServiceConfigurationError | LinkageError e) {
            LOGGER.info("an engine does not fit this Spark and is passed over: {}", e.toString());
            return Optional.empty();
        }
    }

    /** The one that is written for a version; else that of the newest line below it, or of the oldest, which may do. */
    static SparkEngine choose(List<SparkEngine> engines, String version) {
        SparkEngine oldest = engines.stream().min(LoadedEngine::byLine).orElseThrow(() -> new IllegalStateException(
            "META-INF/services/" + SparkEngine.class.getName() + " names no engine that can be made: use the Spark "
                + "that docs/spark.md names, and freshet-spark-all.jar as it is built"));
        SparkEngine nearest = engines.stream().filter(engine -> compare(engine.sparkLine(), version) <= 0)
            .max(LoadedEngine::byLine).orElse(oldest);
        if (!version.startsWith(nearest.sparkLine() + ".")) {
            LOGGER.warn("Freshet is written for Spark {}, and this is Spark {}: what differs may fail",
                nearest.sparkLine(), version);
        }
        return nearest;
    }

    private static int byLine(SparkEngine one, SparkEngine other) {
        return compare(one.sparkLine(), other.sparkLine());
    }

    /** By the first two numbers: {@code 4.10.1} is after {@code 4.9}, and no later than {@code 4.10}. */
    private static int compare(String version, String other) {
        return Arrays.compare(line(version), line(other));
    }

    private static int[] line(String version) {
        return Stream.of(version.split("[.-]")).limit(2).mapToInt(Integer::parseInt).toArray();
    }
}
