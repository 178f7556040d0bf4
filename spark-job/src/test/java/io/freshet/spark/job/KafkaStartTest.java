package io.freshet.spark.job;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.freshet.spark.WindowedAverages;
import io.freshet.spark.configuration.PipelineConfiguration;
import io.freshet.spark.nativelib.ConfigurationException;
import io.freshet.spark.testing.Certificate;
import io.freshet.spark.testing.JavaProcess;
import io.freshet.spark.testing.KafkaBroker;
import io.freshet.spark.testing.Waiting;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A job that starts while Kafka is away, hangs, or does not want it. */
class KafkaStartTest {
    @TempDir
    private Path folder;

    private final JobEnd end = new JobEnd();

    private Path configuration(String address, String... more) throws IOException {
        return Files.writeString(folder.resolve("freshet.toml"), String.join("\n", "[kafka]",
            "bootstrap_servers = '" + address + "'", "partitions = 1", String.join("\n", more), "[spark]",
            "checkpoint_location = '" + folder.resolve("checkpoints") + "'", "[[stream]]", "name = 's'",
            "series = ['id']", "values = { v = 'v' }", "windows = ['10s']"));
    }

    private boolean createTopics(Path configuration) {
        try {
            return new KafkaStart(PipelineConfiguration.load(configuration.toString()), end).createTopics();
        } catch (ExecutionException | InterruptedException e) {
            throw new CompletionException(e);
        }
    }

    /** In a process of its own, as it is started on a machine that comes up: first nothing listens, then a broker. */
    @Test
    void aJobThatIsStartedBeforeKafkaSaysWhatItWaitsForAndGoesOn() throws Exception {
        int port = KafkaBroker.portOfNobody();
        Path output = folder.resolve("output.txt");
        Process job = start(configuration("127.0.0.1:" + port), output);
        try {
            String waits = "the job waits for Kafka at 127.0.0.1:" + port;
            Waiting.until(() -> text(output).split(waits, -1).length > 2, () -> text(output));
            KafkaBroker broker = new KafkaBroker(Files.createDirectory(folder.resolve("kafka")), null, port);
            try {
                Waiting.until(() -> text(output).contains("Kafka at 127.0.0.1:" + port + " is there"),
                    () -> text(output));
                Waiting.until(() -> text(output).contains("the query of stream s has started"), () -> text(output));
                assertEquals(List.of(), broker.read("windows.s"));
                job.destroy();
                assertTrue(job.waitFor(30, TimeUnit.SECONDS), () -> text(output));
                assertEquals(0, job.exitValue(), () -> text(output));
            } finally {
                broker.stop();
            }
        } finally {
            job.destroyForcibly();
        }
    }

    @Test
    void aJobThatWaitsForKafkaEndsWhenItIsToldTo() throws Exception {
        Path output = folder.resolve("output.txt");
        Process job = start(configuration("127.0.0.1:" + KafkaBroker.portOfNobody()), output);
        try {
            Waiting.until(() -> text(output).contains("the job waits for Kafka"), () -> text(output));
            job.destroy();
            assertTrue(job.waitFor(10, TimeUnit.SECONDS), () -> text(output));
            assertEquals(0, job.exitValue(), () -> text(output));
        } finally {
            job.destroyForcibly();
        }
    }

    private Process start(Path configuration, Path output) throws IOException {
        String jars = System.getProperty("freshet.test.jar") + ":"
            + String.join(":", Files.readAllLines(Path.of("build/classpaths/spark.txt")));
        return JavaProcess.start(output, jars, List.of("-Dspark.master=local[1]", "-Dspark.ui.enabled=false",
            "-Dspark.driver.bindAddress=127.0.0.1", "-Dspark.driver.host=127.0.0.1", WindowedAverages.class.getName(),
            "-c", configuration.toString()), Map.of());
    }

    private static String text(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** It takes connections and says nothing: an answer is waited for longer than for the end. */
    @Test
    void theEndComesAlsoWhileABrokerHangs() throws Exception {
        KafkaBroker broker = new KafkaBroker(Files.createDirectory(folder.resolve("kafka")));
        try {
            broker.pause();
            Path configuration = configuration(broker.address());
            var waiting = CompletableFuture.supplyAsync(() -> createTopics(configuration));
            assertFalse(waiting.isDone());
            end.fail(new IllegalStateException("Spark has stopped"));
            assertThrows(ExecutionException.class, () -> waiting.get(5, TimeUnit.SECONDS));
        } finally {
            broker.resume();
            broker.stop();
        }
    }

    @Test
    void whatKafkaRefusesForGoodIsNotWaitedFor() throws Exception {
        Certificate certificate = new Certificate(Files.createDirectory(folder.resolve("right")));
        Certificate wrong = new Certificate(Files.createDirectory(folder.resolve("wrong")));
        KafkaBroker broker = new KafkaBroker(Files.createDirectory(folder.resolve("kafka")), certificate);
        try {
            Path configuration = configuration(broker.secureAddress(),
                "security = { protocol = 'ssl', ca_file = '" + wrong.pem() + "' }");
            String said = assertThrows(ConfigurationException.class, () -> createTopics(configuration)).getMessage();
            assertTrue(said.startsWith("Kafka at " + broker.secureAddress() + " cannot be used: ")
                && said.endsWith("correct username, password or ca_file in [kafka.security]"), said);
        } finally {
            broker.stop();
        }
    }
}
