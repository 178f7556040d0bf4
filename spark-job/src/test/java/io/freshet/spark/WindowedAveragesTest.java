package io.freshet.spark;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.freshet.spark.health.StreamMetrics;
import io.freshet.spark.nativelib.ConfigurationException;
import io.freshet.spark.testing.JavaProcess;
import io.freshet.spark.testing.KafkaBroker;
import io.freshet.spark.testing.LocalSpark;
import io.freshet.spark.testing.Waiting;
import java.lang.reflect.InvocationTargetException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;
import org.apache.spark.SparkEnv;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import scala.jdk.javaapi.CollectionConverters;

/**
 * How the job ends, by whose process it runs in. An exit of the process where there should be none would end the tests.
 */
class WindowedAveragesTest {
    @TempDir
    private static Path folder;
    private static KafkaBroker broker;

    @BeforeAll
    static void start() throws Exception {
        broker = new KafkaBroker(Files.createDirectory(folder.resolve("kafka")));
    }

    @AfterAll
    static void stop() throws Exception {
        broker.stop();
    }

    private static String configuration(String name) throws Exception {
        return Files.writeString(folder.resolve(name + ".toml"), String.join("\n", "[kafka]",
            "bootstrap_servers = '" + broker.address() + "'", "[spark]", "shuffle_partitions = 3",
            "checkpoint_location = '" + folder.resolve("checkpoints") + "'", "[[stream]]", "name = '" + name + "'",
            "series = ['id']", "values = { v = 'v' }", "windows = ['10s']")).toString();
    }

    /** The thread in which YARN's application master calls a program, by reflection, and what came of it. */
    private static final class Program {
        private final CompletableFuture<Throwable> end = new CompletableFuture<>();
        private final Thread thread;

        Program(String... words) {
            thread = new Thread(() -> {
                try {
                    WindowedAverages.class.getMethod("main", String[].class).invoke(null, (Object) words);
                    end.complete(null);
                } catch (InvocationTargetException e) {
                    end.complete(e.getCause());
                } catch (ReflectiveOperationException e) {
                    end.complete(e);
                }
            }, "Driver");
            thread.start();
        }

        Throwable interrupt() {
            thread.interrupt();
            return end.join();
        }
    }

    @Test
    void aNotebookKeepsItsProcessAndItsSessionAndSeesTheStreamMeanwhile() throws Exception {
        try (SparkSession notebook = LocalSpark.start()) {
            notebook.range(3).createOrReplaceTempView("mine");
            Program job = new Program("-c", configuration("guest"));
            Waiting.until(() -> gauges().contains("streams.guest.batches"), () -> gauges() + ", " + job.end);
            assertTrue(gauges().contains("native_memory_bytes"), () -> gauges().toString());
            assertEquals(0, notebook.streams().active().length);
            assertInstanceOf(InterruptedException.class, job.interrupt());
            assertEquals(3, notebook.sql("SELECT * FROM mine").count());
            assertEquals("2", notebook.conf().get("spark.sql.shuffle.partitions"));
            assertEquals(Set.of(), gauges());
            assertFalse(StreamMetrics.isOpen());
            // A second time, as people run a cell again.
            Program again = new Program("-c", configuration("guest"));
            Waiting.until(() -> gauges().contains("streams.guest.batches"), () -> gauges() + ", " + again.end);
            assertInstanceOf(InterruptedException.class, again.interrupt());
        }
    }

    /** Those of Freshet in Spark's own registry. */
    private static Set<String> gauges() {
        String name = "plugin." + FreshetPlugin.class.getName();
        return CollectionConverters.asJava(SparkEnv.get().metricsSystem().getSourcesByName(name)).stream()
            .flatMap(source -> source.metricRegistry().getNames().stream()).collect(Collectors.toSet());
    }

    @Test
    void anApplicationMasterHearsHowTheJobEnded() throws Exception {
        Program broken = new Program("-c", folder.resolve("missing.toml").toString());
        assertInstanceOf(ConfigurationException.class, broken.end.join());
        Program misused = new Program("--nonsense");
        assertEquals("unknown argument '--nonsense'; see --help", misused.end.join().getMessage());

        Program job = new Program("-c", configuration("master"));
        Waiting.until(() -> StreamMetrics.isOpen() && SparkSession.getDefaultSession().isDefined(),
            () -> job.end.toString());
        assertInstanceOf(InterruptedException.class, job.interrupt());
        // The context was the job's own.
        assertNull(SparkEnv.get());
        Program asked = new Program("--help");
        assertNull(asked.end.join());
    }

    @ParameterizedTest
    @CsvSource({"--help, 0", "--nonsense, 2"})
    void aProcessOfItsOwnEndsWithAnExitCode(String word, int exitCode) throws Exception {
        String jar = System.getProperty("freshet.test.jar");
        String spark = String.join(":", Files.readAllLines(Path.of("build/classpaths/spark.txt")));
        String main = WindowedAverages.class.getName();
        assertEquals(exitCode, JavaProcess.run(folder, jar + ":" + spark, List.of(main, word)).exitCode());
        assertEquals(exitCode, JavaProcess.run(folder, spark, List.of("org.apache.spark.deploy.SparkSubmit", "--master",
            "local[1]", "--class", main, jar, word)).exitCode());
    }
}
