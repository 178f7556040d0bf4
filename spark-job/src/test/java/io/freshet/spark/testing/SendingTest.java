package io.freshet.spark.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SendingTest {
    private static final String TOPIC = "sent";

    /** The producer would send the large record, but the topic does not take it. */
    @Test
    void aRecordThatDoesNotArriveFailsTheTestThatSendsIt(@TempDir Path folder) throws Exception {
        KafkaBroker broker = new KafkaBroker(folder);
        // Each record in a batch of its own: the producer splits a batch that the topic does not take without an end.
        Map<String, Object> properties = Map.of("bootstrap.servers", broker.address(), "batch.size", 1);
        try (Admin admin = Admin.create(properties);
            var producer = new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer())) {
            NewTopic topic = new NewTopic(TOPIC, 1, (short) 1).configs(Map.of("max.message.bytes", "1000"));
            admin.createTopics(List.of(topic)).all().get();
            Sending.all(producer, Stream.of(record(10)));
            var error = assertThrows(AssertionError.class,
                () -> Sending.all(producer, Stream.of(record(10), record(2_000))));
            assertInstanceOf(RecordTooLargeException.class, error.getCause());
            assertEquals(2, broker.read(TOPIC).size());
        } finally {
            broker.stop();
        }
    }

    private static ProducerRecord<byte[], byte[]> record(int bytes) {
        return new ProducerRecord<>(TOPIC, new byte[bytes]);
    }
}
