package io.freshet.spark.job;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.freshet.spark.configuration.PipelineConfiguration;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.spark.SparkEnv;
import org.apache.spark.metrics.source.CodegenMetrics;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerApplicationEnd;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.streaming.Trigger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class JobSessionTest {
    @TempDir
    private Path folder;

    /** By this code YARN says in client mode whether an application has failed. */
    @ParameterizedTest
    @CsvSource({"true, 0", "false, 1"})
    void sparkIsToldHowTheJobHasEnded(boolean inOrder, int exitCode) {
        var settings = new PipelineConfiguration.Spark(1_000, 2, Optional.empty(), folder.toString(), false);
        CompletableFuture<Object> told = new CompletableFuture<>();
        System.setProperty("spark.ui.enabled", "false");
        System.setProperty("spark.master", "local[1]");
        try (JobSession opened = JobSession.open(settings)) {
            opened.session().sparkContext().addSparkListener(new SparkListener() {
                @Override
                public void onApplicationEnd(SparkListenerApplicationEnd end) {
                    told.complete(end.exitCode().get());
                }
            });
            if (inOrder) {
                opened.endsInOrder();
            }
        } finally {
            System.clearProperty("spark.ui.enabled");
            System.clearProperty("spark.master");
        }
        assertEquals(exitCode, told.orTimeout(1, TimeUnit.MINUTES).join());
        assertNull(SparkEnv.get());
    }

    /** Each start of a query is in a session of its own, for which Spark would generate all classes again. */
    @Test
    void aQueryThatIsStartedAgainCompilesNothingAgain() throws Exception {
        var settings = new PipelineConfiguration.Spark(1_000, 2, Optional.empty(), folder.toString(), false);
        System.setProperty("spark.ui.enabled", "false");
        System.setProperty("spark.master", "local[1]");
        try (JobSession opened = JobSession.open(settings)) {
            long before = CodegenMetrics.METRIC_COMPILATION_TIME().getCount();
            count(opened.session(), "first");
            long first = CodegenMetrics.METRIC_COMPILATION_TIME().getCount();
            assertTrue(first > before, "nothing was compiled");
            count(opened.session(), "second");
            assertEquals(first, CodegenMetrics.METRIC_COMPILATION_TIME().getCount());
        } finally {
            System.clearProperty("spark.ui.enabled");
            System.clearProperty("spark.master");
        }
    }

    private void count(SparkSession session, String checkpoint) throws Exception {
        session.readStream().format("rate-micro-batch").option("rowsPerBatch", 10).load()
            .groupBy(functions.col("value").mod(3)).count()
            .writeStream().format("noop").outputMode("update").trigger(Trigger.AvailableNow())
            .option("checkpointLocation", folder.resolve(checkpoint).toString()).start().awaitTermination();
    }
}
