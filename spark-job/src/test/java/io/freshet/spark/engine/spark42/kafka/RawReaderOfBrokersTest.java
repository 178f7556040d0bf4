package io.freshet.spark.engine.spark42.kafka;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.freshet.spark.testing.Certificate;
import io.freshet.spark.testing.KafkaBroker;
import io.freshet.spark.testing.Waiting;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewPartitionReassignment;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.errors.SaslAuthenticationException;
import org.apache.kafka.common.record.CompressionType;
import org.apache.kafka.common.record.MemoryRecords;
import org.apache.kafka.common.record.RecordBatch;
import org.apache.kafka.common.record.TimestampType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The reader of whole batches against brokers that are not one broker which anybody may ask. */
class RawReaderOfBrokersTest extends ReaderTest {
    private static final int RECORDS = 80;

    @Test
    void anotherLeaderIsFollowedInTheMidstOfAQuery() throws Exception {
        KafkaBroker second = broker.second(Files.createDirectory(folder.resolve("second")));
        try {
            admin.createTopics(List.of(new NewTopic("moved", Map.of(0, List.of(1))))).all().get();
            fill("moved", 1, 1_000);
            Map<String, String> options = Map.of("maxOffsetsPerTrigger", "100");
            Reading raw = raw("moved", options);
            raw.afterBatch = batch -> {
                if (batch == 2) {
                    move("moved", 2);
                } else if (batch == 5) {
                    move("moved", 1);
                }
            };
            raw.run();
            Reading plain = plain("moved", options);
            plain.run();
            assertEquals(1_000, raw.rows());
            assertEquals(plain.batches, raw.batches);
        } finally {
            second.stop();
        }
    }

    /** Another broker becomes the only one that has the partition. */
    private static void move(String topic, int to) throws Exception {
        TopicPartition partition = new TopicPartition(topic, 0);
        admin.alterPartitionReassignments(
            Map.of(partition, Optional.of(new NewPartitionReassignment(List.of(to))))).all().get();
        Waiting.until(() -> leader(topic) == to, () -> "the partition has not moved to " + to);
    }

    private static int leader(String topic) {
        try {
            var found = admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions().get(0);
            return found.replicas().size() == 1 && found.leader() != null ? found.leader().id() : -1;
        } catch (InterruptedException | ExecutionException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void aBrokerThatWantsToKnowWhoIsThereIsRead() throws Exception {
        Certificate certificate = new Certificate(Files.createDirectory(folder.resolve("certificate")));
        KafkaBroker secured = new KafkaBroker(Files.createDirectory(folder.resolve("secured")), certificate);
        // Small batches: of those the size of a range none might lie in one.
        try (var producer = producer(Map.of("batch.size", "1024"), secured)) {
            createAt(secured, "secured");
            send(producer, "secured", 1, 500);
            Map<String, String> options = new HashMap<>(Map.of("kafka.bootstrap.servers", secured.saslAddress(),
                "kafka.security.protocol", "SASL_SSL", "kafka.ssl.truststore.type", "PEM",
                "kafka.ssl.truststore.location", certificate.pem().toString(), "kafka.sasl.mechanism", "PLAIN",
                "kafka.sasl.jaas.config", KafkaBroker.login(true), "maxOffsetsPerTrigger", "170"));
            int before = TakenApart.WHOLE.intValue();
            assertEquals(500, assertSameAsSpark("secured", options));
            assertTrue(TakenApart.WHOLE.intValue() > before, "no batch was whole");

            // Spark's driver would find out first, were it told the same.
            var properties = new HashMap<String, Object>();
            options.forEach((key, value) -> properties.put(key.replaceFirst("^kafka\\.", ""), value));
            properties.put("sasl.jaas.config", KafkaBroker.login(false));
            try (var consumer = new RawConsumer(properties, new TopicPartition("secured", 0), false)) {
                consumer.seek(0);
                var failure = assertThrows(SaslAuthenticationException.class,
                    () -> consumer.poll(Duration.ofSeconds(20)));
                assertTrue(failure.getMessage().contains("Invalid username or password"), failure::getMessage);
            }
        } finally {
            secured.stop();
        }
    }

    /** Formats of before Kafka 0.11, which no broker writes any more, but which old logs still have. */
    @ParameterizedTest
    @ValueSource(bytes = {RecordBatch.MAGIC_VALUE_V0, RecordBatch.MAGIC_VALUE_V1})
    void batchesOfEarlierFormatsAreReadAsSparkReadsThem(byte version) throws Exception {
        Path data = Files.createDirectory(folder.resolve("old-" + version));
        KafkaBroker writing = new KafkaBroker(data);
        createAt(writing, "old");
        try (var producer = producer(Map.of(), writing)) {
            send(producer, "old", 1, RECORDS);
        }
        writing.stop();
        replace(writing.firstSegment("old", 0), version);
        KafkaBroker reading = new KafkaBroker(data);
        try {
            assertEquals(RECORDS, assertSameAsSpark("old",
                Map.of("kafka.bootstrap.servers", reading.address(), "maxOffsetsPerTrigger", "23")));
        } finally {
            reading.stop();
        }
    }

    /** Puts as many records in the place of those of a log; the broker makes the indexes anew. */
    private static void replace(Path segment, byte version) throws IOException {
        try (OutputStream log = Files.newOutputStream(segment)) {
            int offset = 0;
            for (CompressionType codec : List.of(CompressionType.NONE, CompressionType.GZIP, CompressionType.SNAPPY,
                CompressionType.LZ4)) {
                var builder = MemoryRecords.builder(ByteBuffer.allocate(65_536), version, Compression.of(codec).build(),
                    version == 0 ? TimestampType.NO_TIMESTAMP_TYPE : TimestampType.CREATE_TIME, offset);
                for (int i = 0; i < RECORDS / 4; i++, offset++) {
                    builder.append(version == 0 ? RecordBatch.NO_TIMESTAMP : 1_000 + offset,
                        offset % 3 == 0 ? null : ("key " + offset).getBytes(UTF_8),
                        offset % 7 == 0 ? null : ("value " + offset).getBytes(UTF_8));
                }
                ByteBuffer bytes = builder.build().buffer();
                log.write(bytes.array(), bytes.arrayOffset() + bytes.position(), bytes.remaining());
            }
        }
        for (String index : List.of(".index", ".timeindex")) {
            Files.deleteIfExists(Path.of(segment.toString().replace(".log", index)));
        }
    }

    private static void createAt(KafkaBroker other, String topic) throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", other.address()))) {
            admin.createTopics(List.of(new NewTopic(topic, 1, (short) 1))).all().get();
        }
    }
}
