package io.freshet.spark.job;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import io.freshet.spark.configuration.PipelineConfiguration;
import io.freshet.spark.kafka.KafkaTopics;
import io.freshet.spark.testing.Certificate;
import io.freshet.spark.testing.KafkaBroker;
import io.freshet.spark.testing.LocalSpark;
import io.freshet.spark.testing.Sending;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.execution.SparkPlan;
import org.apache.spark.sql.execution.datasources.v2.MicroBatchScanExec;
import org.apache.spark.sql.execution.streaming.runtime.StreamingQueryWrapper;
import org.apache.spark.sql.kafka010.KafkaBatchInputPartition;
import org.apache.spark.sql.streaming.StreamingQuery;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import scala.jdk.javaapi.CollectionConverters;

/** A query on a broker whose certificate only the driver has as a file, which is gone when executors need it. */
class PrivateAuthorityTest {
    private static final String RECORD = "{\"id\":\"s\",\"at\":1700000000000,\"v\":1}";

    @TempDir
    private Path folder;

    @ParameterizedTest
    @ValueSource(strings = {"true", "false"})
    void theTextOfTheCertificateReachesTheTasksAndNoPathOfTheDriver(String direct) throws Exception {
        Certificate certificate = new Certificate(folder);
        String text = Files.readString(certificate.pem());
        KafkaBroker broker = new KafkaBroker(Files.createDirectory(folder.resolve("kafka")), certificate);
        try (SparkSession spark = LocalSpark.start()) {
            PipelineConfiguration configuration = configuration(broker, certificate.pem());
            Files.delete(certificate.pem());
            KafkaTopics.createMissing(configuration.kafka(), configuration.topics());
            send(configuration.kafka(), RECORD, RECORD, "{\"id\":");
            spark.conf().set("spark.freshet.kafka.direct", direct);
            // One without records would follow, which reads nothing.
            spark.conf().set("spark.sql.streaming.noDataMicroBatches.enabled", "false");
            StreamingQuery query = new StreamQuery(spark, configuration, configuration.streams().get(0)).start();
            query.processAllAvailable();
            Map<String, Object> ofTasks = paramsOfTasks(query);
            query.stop();
            assertEquals("SSL", ofTasks.get("security.protocol"));
            assertEquals("PEM", ofTasks.get("ssl.truststore.type"));
            assertEquals(text, ofTasks.get("ssl.truststore.certificates"));
            assertFalse(ofTasks.values().stream().anyMatch(value -> value.toString().contains(folder.toString())),
                () -> ofTasks.keySet().toString());
            assertEquals(1, broker.read("windows.s").size());
            // Sent from within a task, with a client of its own.
            assertEquals(1, broker.read("dead-letters").size());
        } finally {
            broker.stop();
        }
    }

    /** What Spark gives to each task of the newest micro-batch, which is the only one. */
    private static Map<String, Object> paramsOfTasks(StreamingQuery query) {
        SparkPlan plan = ((StreamingQueryWrapper) query).streamingQuery().lastExecution().executedPlan();
        Set<Map<String, Object>> params = scans(plan)
            .flatMap(scan -> CollectionConverters.asJava(scan.inputPartitions()).stream())
            .map(partition -> ((KafkaBatchInputPartition) partition).executorKafkaParams())
            .collect(Collectors.toSet());
        assertEquals(1, params.size());
        return params.iterator().next();
    }

    private static Stream<MicroBatchScanExec> scans(SparkPlan plan) {
        return CollectionConverters.asJava(plan.collectLeaves()).stream()
            .filter(MicroBatchScanExec.class::isInstance).map(MicroBatchScanExec.class::cast);
    }

    private PipelineConfiguration configuration(KafkaBroker broker, Path pem) throws Exception {
        Path file = Files.writeString(folder.resolve("freshet.toml"), String.join("\n", "[kafka]",
            "bootstrap_servers = '" + broker.secureAddress() + "'", "partitions = 1",
            "security = { protocol = 'ssl', ca_file = '" + pem + "' }", "[spark]",
            "checkpoint_location = '" + folder.resolve("checkpoints") + "'", "[[stream]]", "name = 's'",
            "series = ['id']", "time = { field = 'at', unit = 'ms' }", "values = { v = 'v' }", "windows = ['10s']"));
        return PipelineConfiguration.load(file.toString());
    }

    private static void send(Map<String, String> kafka, String... records) {
        Map<String, Object> properties = new HashMap<>(kafka);
        try (var producer = new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer())) {
            Sending.all(producer, List.of(records).stream()
                .map(record -> new ProducerRecord<byte[], byte[]>("raw.s", record.getBytes(UTF_8))));
        }
    }
}
