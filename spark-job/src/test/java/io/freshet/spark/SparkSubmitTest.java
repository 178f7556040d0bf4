package io.freshet.spark;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.freshet.spark.testing.JavaProcess;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A program of a user's, submitted to a Spark that has nothing but its own jars on its class path. */
class SparkSubmitTest {
    private static final String PROGRAM = """
        import io.freshet.spark.Freshet;
        import io.freshet.spark.StreamSpec;
        import org.apache.spark.sql.Dataset;
        import org.apache.spark.sql.Row;
        import org.apache.spark.sql.SparkSession;

        public class Submitted {
            public static void main(String... arguments) {
                SparkSession spark = SparkSession.builder().getOrCreate();
                String fields = "series = [\\"id\\"], time = { field = \\"at\\" }, values = { v = \\"v\\" }";
                Dataset<Row> records = spark.range(0, 1000, 1, 4).selectExpr(
                    "concat('{\\"id\\":', id % 2, ',\\"v\\":', id, ',\\"at\\":', id, '}') AS value",
                    "'' AS key", "0 AS partition", "id AS offset", "timestamp_millis(1000) AS timestamp");
                records.createOrReplaceTempView("records");
                spark.sql("SELECT inline(freshet_parse(value, '" + fields + "')) FROM records")
                    .createOrReplaceTempView("readings");
                System.out.println("SQL " + spark.sql("SELECT series, s.count, s.sum FROM "
                    + "(SELECT series, freshet_stats(value) AS s FROM readings GROUP BY series) ORDER BY series")
                    .collectAsList());
                System.out.println("JAVA " + Freshet.windows(records, StreamSpec.parse(fields + ", windows = \\"1m\\""))
                    .select("series", "count", "sum").orderBy("series").collectAsList());
                System.out.println("KAFKA " + spark.readStream().format("kafka").option("subscribe", "t")
                    .option("kafka.bootstrap.servers", "127.0.0.1:1").load().columns().length);
            }
        }
        """;

    /** What is shown of executors with processes of their own, read as Prometheus reads it. */
    private static final String ON_EXECUTORS = """
        import io.freshet.spark.Freshet;
        import io.freshet.spark.StreamSpec;
        import java.net.URI;
        import org.apache.spark.sql.SparkSession;

        public class OnExecutors {
            public static void main(String... arguments) throws Exception {
                SparkSession spark = SparkSession.builder().getOrCreate();
                String fields = "series = [\\"id\\"], time = { field = \\"at\\" }, values = { v = \\"v\\" }";
                Freshet.windows(spark.range(0, 1000, 1, 4).selectExpr(
                    "concat('{\\"id\\":1,\\"v\\":', id, ',\\"at\\":', id, '}') AS value", "'' AS key",
                    "0 AS partition", "id AS offset", "timestamp_millis(1000) AS timestamp"),
                    StreamSpec.parse(fields + ", windows = \\"1m\\"")).createGlobalTempView("windows");
                System.out.println("VIEW "
                    + spark.newSession().sql("SELECT count FROM global_temp.windows").collectAsList());
                URI page = URI.create(spark.sparkContext().uiWebUrl().get() + "/metrics/prometheus/");
                String name = "metrics_freshet_driver_plugin_io_freshet_spark_FreshetPlugin_"
                    + "executors_0_native_memory_bytes_Value{type=\\"gauges\\"} ";
                long bytes = 0;
                for (int look = 0; look < 600 && bytes == 0; look++) {
                    Thread.sleep(100);
                    String said = new String(page.toURL().openStream().readAllBytes());
                    bytes = said.lines().filter(line -> line.startsWith(name))
                        .mapToLong(line -> Long.parseLong(line.substring(name.length()))).findFirst().orElse(0);
                }
                System.out.println("EXECUTOR " + (bytes > 0));
            }
        }
        """;

    private static final String SINK = "spark.metrics.conf.driver.sink.prometheusServlet.";

    @Test
    void executorsHaveThePluginFromTheJarAndTellTheDriverOfTheirMemory(@TempDir Path folder) throws Exception {
        List<String> jars = Files.readAllLines(Path.of("build/classpaths/spark.txt"));
        Path home = Files.createDirectories(folder.resolve("spark/jars"));
        for (String jar : jars) {
            Files.createSymbolicLink(home.resolve(Path.of(jar).getFileName()), Path.of(jar));
        }
        List<String> arguments = List.of(
            "org.apache.spark.deploy.SparkSubmit", "--master", "local-cluster[1,1,512]",
            "--conf", "spark.executor.memory=512m", "--conf", "spark.driver.bindAddress=127.0.0.1",
            "--conf", "spark.driver.host=127.0.0.1", "--conf", "spark.ui.port=0",
            "--conf", "spark.sql.shuffle.partitions=2", "--conf", "spark.metrics.namespace=freshet",
            "--conf", "spark.sql.warehouse.dir=" + folder.resolve("warehouse"),
            "--conf", SINK + "class=org.apache.spark.metrics.sink.PrometheusServlet",
            "--conf", SINK + "path=/metrics/prometheus",
            "--conf", "spark.plugins=io.freshet.spark.FreshetPlugin",
            "--jars", System.getProperty("freshet.test.jar"), "--class", "OnExecutors",
            program(folder, "OnExecutors", ON_EXECUTORS).toString());
        JavaProcess submitted = JavaProcess.run(folder, String.join(":", jars), arguments,
            Map.of("SPARK_HOME", folder.resolve("spark").toString(), "SPARK_SCALA_VERSION", "2.13", "SPARK_LOCAL_IP",
                "127.0.0.1"));
        List<String> lines = submitted.output().lines().filter(line -> line.matches("(VIEW|EXECUTOR) .*")).toList();
        assertEquals(List.of("VIEW [[1000]]", "EXECUTOR true"), lines, submitted.output());
        assertEquals(0, submitted.exitCode(), submitted.output());
    }

    @Test
    void aPlainSparkSubmitHasTheFunctionsTheInterfaceAndKafka(@TempDir Path folder) throws Exception {
        String sparkAlone = String.join(":", Files.readAllLines(Path.of("build/classpaths/spark.txt")));
        JavaProcess submitted = JavaProcess.run(folder, sparkAlone, arguments(folder));
        String printed = submitted.output();
        assertEquals(0, submitted.exitCode(), printed);
        String sums = "[[0,500,249500.0], [1,500,250000.0]]";
        List<String> lines = printed.lines().filter(line -> line.matches("(SQL|JAVA|KAFKA) .*")).toList();
        assertEquals(List.of("SQL " + sums, "JAVA " + sums, "KAFKA 7"), lines, printed);
    }

    private static List<String> arguments(Path folder) throws Exception {
        return List.of(
            "org.apache.spark.deploy.SparkSubmit", "--master", "local[2]",
            "--conf", "spark.ui.enabled=false", "--conf", "spark.driver.bindAddress=127.0.0.1",
            "--conf", "spark.driver.host=127.0.0.1", "--conf", "spark.sql.shuffle.partitions=2",
            "--conf", "spark.sql.warehouse.dir=" + folder.resolve("warehouse"),
            "--conf", "spark.sql.extensions=io.freshet.spark.FreshetExtensions",
            "--jars", System.getProperty("freshet.test.jar"), "--class", "Submitted",
            program(folder, "Submitted", PROGRAM).toString());
    }

    /** Compiles a program and packs it into a jar of its own. */
    private static Path program(Path folder, String name, String program) throws Exception {
        Path source = Files.writeString(folder.resolve(name + ".java"), program);
        int failed = ToolProvider.getSystemJavaCompiler().run(null, null, null, "-d", folder.toString(), "-classpath",
            System.getProperty("java.class.path"), source.toString());
        assertTrue(failed == 0, "the program does not compile");
        Path jar = folder.resolve(name + ".jar");
        try (JarOutputStream entries = new JarOutputStream(Files.newOutputStream(jar))) {
            entries.putNextEntry(new JarEntry(name + ".class"));
            entries.write(Files.readAllBytes(folder.resolve(name + ".class")));
        }
        return jar;
    }
}
