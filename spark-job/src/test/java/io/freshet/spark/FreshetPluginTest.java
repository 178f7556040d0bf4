package io.freshet.spark;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.freshet.spark.health.StreamHealth;
import io.freshet.spark.health.StreamMetrics;
import io.freshet.spark.job.SparkSettings;
import io.freshet.spark.testing.MetricsPage;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.apache.spark.SparkConf;
import org.apache.spark.resource.ResourceProfile;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The plugin in real contexts, as the job, or a user, sets it. */
class FreshetPluginTest {
    private static final String PLUGIN = FreshetPlugin.class.getName();
    private static final String FIELDS =
        "series = ['id'], time = { field = 'at', unit = 'ms' }, values = { v = 'v' }, windows = ['10s']";

    @TempDir
    private Path folder;

    private SparkSession spark;

    @AfterEach
    void stop() {
        if (spark != null) {
            spark.stop();
        }
    }

    private SparkSession start(SparkConf settings) {
        SparkConf local = settings.setMaster("local[2]").setAppName("plugin")
            .set("spark.driver.bindAddress", "127.0.0.1").set("spark.driver.host", "127.0.0.1")
            .set("spark.sql.warehouse.dir", folder.resolve("warehouse").toString())
            .set("spark.sql.shuffle.partitions", "2");
        spark = SparkSession.builder().config(local).getOrCreate();
        return spark;
    }

    private SparkConf jobSettings() {
        return SparkSettings.defaults(2, folder.toString(), false);
    }

    private static Dataset<Row> windows(SparkSession session) {
        Dataset<Row> records = session.range(0, 100, 1, 2).selectExpr(
            "concat('{\"id\":\"s\",\"v\":', id, ',\"at\":', id, '}') AS value", "'' AS key", "0 AS partition",
            "id AS offset", "timestamp_millis(1000) AS timestamp");
        return Freshet.windows(records, StreamSpec.parse(FIELDS.replace('\'', '"')));
    }

    /** Sessions of a Thrift server are made like this: they share views, and not what a session was told. */
    @Test
    void viewsOfWindowsWorkInSessionsThatDidNotMakeThem() throws Exception {
        start(new SparkConf(false).set("spark.plugins", PLUGIN).set("spark.ui.enabled", "false"));
        windows(spark).createGlobalTempView("windows");
        SparkSession other = spark.newSession();
        List<Row> counted = other.sql("SELECT series, count FROM global_temp.windows").collectAsList();
        assertEquals("[[s,100]]", counted.toString());
        assertEquals(1, other.newSession()
            .sql("SELECT freshet_parse('{\"v\":1}', 'values = { v = \"v\" }', 's', timestamp_millis(0))").count());
    }

    @Test
    void whatUsersHaveSetStaysBesideIt() {
        SparkConf settings = jobSettings();
        assertEquals(PLUGIN, settings.get("spark.plugins"));
        assertEquals("freshet", settings.get("spark.metrics.namespace"));
        SparkConf own = new SparkConf(false).set("spark.sql.extensions", "a.B," + FreshetExtensions.class.getName());
        SparkSettings.complete(own);
        assertEquals("a.B," + FreshetExtensions.class.getName(), own.get("spark.sql.extensions"));
        System.setProperty("spark.plugins", "a.Plugin, " + PLUGIN);
        System.setProperty("spark.metrics.namespace", "mine");
        try {
            assertEquals("a.Plugin," + PLUGIN, jobSettings().get("spark.plugins"));
            assertEquals("mine", jobSettings().get("spark.metrics.namespace"));
        } finally {
            System.clearProperty("spark.plugins");
            System.clearProperty("spark.metrics.namespace");
        }
    }

    /** Twice in the list, as when the user names it too: Spark takes each once, and so does the page. */
    @Test
    void aStreamHasItsGaugesWhileItIsShownAndWhatIsUnknownIsNoNumber() {
        start(MetricsPage.serve(jobSettings().set("spark.plugins", PLUGIN + "," + PLUGIN)));
        assertTrue(MetricsPage.read(spark).containsKey("native_memory_bytes"), () -> MetricsPage.text(spark));
        StreamHealth health = new StreamHealth("fleet");
        StreamMetrics.show(health);
        health.restarting("an error", Optional.empty());
        Map<String, Double> gauges = MetricsPage.read(spark);
        assertEquals(1, gauges.get("streams_fleet_restarts"));
        assertEquals(0, gauges.get("streams_fleet_records_read"));
        for (String unknown : List.of("consumer_lag_records", "watermark_delay_seconds", "batch_duration_seconds",
            "trigger_interval_seconds", "state_rows", "state_bytes")) {
            assertEquals(Double.NaN, gauges.get("streams_fleet_" + unknown), unknown);
        }
        assertFalse(MetricsPage.text(spark).contains("null"), () -> MetricsPage.text(spark));

        // A query that is started anew in this process has another health, and the old one ends later.
        StreamHealth next = new StreamHealth("fleet");
        StreamMetrics.show(next);
        StreamMetrics.hide(health);
        assertEquals(0, MetricsPage.read(spark).get("streams_fleet_restarts"));
        StreamMetrics.hide(next);
        assertEquals(List.of(), MetricsPage.read(spark).keySet().stream().filter(name -> name.startsWith("streams"))
            .toList());
    }

    /** Spark is up from the start, and says nothing of the queries. */
    @Test
    void theJobIsReadyWhenTheQueriesOfAllItsStreamsRun() {
        start(MetricsPage.serve(jobSettings()));
        String page = spark.sparkContext().uiWebUrl().get();
        assertEquals(1, JobHealth.run(page));
        StreamHealth one = new StreamHealth("one.half");
        StreamHealth other = new StreamHealth("other");
        StreamMetrics.show(one);
        StreamMetrics.show(other);
        try {
            one.running();
            assertEquals(1, JobHealth.run(page));
            other.running();
            assertEquals(0, JobHealth.run(page));
            one.restarting("an error", Optional.empty());
            assertEquals(1, JobHealth.run(page));
            one.running();
            other.waitingFor("the topic raw.other");
            assertEquals(1, JobHealth.run(page));
            assertEquals(0, JobHealth.run("--live", page));
            other.waitingFor(null);
            assertEquals(0, JobHealth.run(page));
        } finally {
            StreamMetrics.hide(one);
            StreamMetrics.hide(other);
        }
        assertEquals(2, JobHealth.run("--live", page, "more"));
        spark.stop();
        assertEquals(1, JobHealth.run(page));
        assertEquals(1, JobHealth.run("--live", page));
    }

    /** Executors are asked for after the plugin has started, as Spark's own resource profile shows. */
    @Test
    void executorsAreAskedForWithRoomForTheNativeMemory() {
        spark = SparkSession.builder().config(jobSettings().setMaster("local-cluster[0,1,1024]").setAppName("overhead")
            .set("spark.ui.enabled", "false").set("spark.driver.bindAddress", "127.0.0.1")
            .set("spark.driver.host", "127.0.0.1").set("spark.executor.cores", "4")).getOrCreate();
        ResourceProfile profile = spark.sparkContext().resourceProfileManager().defaultResourceProfile();
        assertEquals(384 + 4 * (128 + 16), profile.executorResources().get("memoryOverhead").get().amount());
    }

    @ParameterizedTest
    @CsvSource(nullValues = "-", value = {
        "local[*],        -,                                      -",
        "local,           -,                                      -",
        "yarn,            -,                                      528m",
        "spark://a,       spark.executor.cores=2,                 672m",
        "k8s://https://a, spark.executor.memory=10g,              1168m",
        "k8s://https://a, spark.kubernetes.memoryOverheadFactor=0.4 spark.executor.memory=2g, 964m",
        "yarn,            spark.executor.memoryOverheadFactor=0.5 spark.executor.memory=2g, 1168m",
        "yarn,            spark.executor.minMemoryOverhead=1g,    1168m",
        "yarn,            spark.executor.cores=8 spark.task.cpus=4, 672m",
        "yarn,            spark.freshet.task.memory=1g,           1424m",
        "yarn,            spark.executor.memoryOverhead=700m,     700m",
    })
    void theRoomIsSparksOwnAndThatOfTheTasksUnlessTheUserHasSaidSo(String master, String settings, String overhead) {
        SparkConf context = new SparkConf(false).setMaster(master);
        Stream.ofNullable(settings).flatMap(all -> Stream.of(all.split(" "))).map(setting -> setting.split("="))
            .forEach(setting -> context.set(setting[0], setting[1]));
        SparkSettings.complete(context);
        assertEquals(overhead, context.get("spark.executor.memoryOverhead", null));
    }

    /** One context after the other, as in a notebook whose user starts anew. */
    @Test
    void aContextThatFollowsHasTheGaugesToo() {
        StreamHealth health = new StreamHealth("fleet");
        StreamMetrics.show(health);
        try {
            for (int context = 0; context < 2; context++) {
                start(MetricsPage.serve(jobSettings()));
                assertTrue(MetricsPage.read(spark).containsKey("streams_fleet_batches"));
                spark.stop();
                assertFalse(StreamMetrics.isOpen());
            }
        } finally {
            StreamMetrics.hide(health);
        }
    }
}
