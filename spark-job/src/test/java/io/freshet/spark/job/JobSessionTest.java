package io.freshet.spark.job;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import io.freshet.spark.configuration.PipelineConfiguration;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.spark.SparkEnv;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerApplicationEnd;
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
}
