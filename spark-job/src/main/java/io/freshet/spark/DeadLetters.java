package io.freshet.spark;

import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.IntVector;
import org.apache.arrow.vector.VarBinaryVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Sends rejected records from an executor to the dead-letters topic: the record's own bytes, with where it came from and
 * why it was rejected in headers. The key names the record, so that a repeated task overwrites its letters.
 */
final class DeadLetters extends RejectedRecords {
    private static final long serialVersionUID = 1L;
    /** As freshet-core creates the topic; a letter is its record and some hundred bytes. */
    private static final int MAX_LETTER_BYTES = 16 << 20;
    private static final byte[] NOTHING = {};
    private static final String KEY = "freshet-key";

    /** One producer per executor and cluster: connecting takes longer than most tasks do. */
    private static final Map<Map<String, String>, KafkaProducer<byte[], byte[]>> PRODUCERS =
        new ConcurrentHashMap<>();

    private final Map<String, String> kafka;
    private final String topic;
    private final String rawTopic;

    DeadLetters(Map<String, String> kafka, String topic, String rawTopic) {
        this.kafka = new HashMap<>(kafka);
        this.topic = topic;
        this.rawTopic = rawTopic;
    }

    /** The letters of one task. */
    @Override
    Sender sender() {
        return new Letters();
    }

    private static KafkaProducer<byte[], byte[]> connect(Map<String, String> kafka) {
        Map<String, Object> properties = new HashMap<>(kafka);
        properties.put("acks", "all");
        properties.put("compression.type", "lz4");
        properties.put("linger.ms", "5");
        properties.put("max.request.size", Integer.toString(MAX_LETTER_BYTES));
        properties.put("buffer.memory", Integer.toString(2 * MAX_LETTER_BYTES));
        return new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer());
    }

    /** Sends the letters of one task. */
    private final class Letters implements Sender {
        private final AtomicReference<Exception> failure = new AtomicReference<>();
        /** Filled by the producer's own thread. */
        private final Queue<ProducerRecord<byte[], byte[]>> tooLarge = new ConcurrentLinkedQueue<>();
        /** Null until there is something to send: most tasks reject nothing. */
        private KafkaProducer<byte[], byte[]> producer;

        @Override
        public void send(VectorSchemaRoot rejected) {
            producer = PRODUCERS.computeIfAbsent(kafka, DeadLetters::connect);
            IntVector partition = (IntVector) rejected.getVector("partition");
            BigIntVector offset = (BigIntVector) rejected.getVector("offset");
            VarCharVector reason = (VarCharVector) rejected.getVector("reason");
            VarCharVector detail = (VarCharVector) rejected.getVector("detail");
            VarBinaryVector key = (VarBinaryVector) rejected.getVector("key");
            VarBinaryVector value = (VarBinaryVector) rejected.getVector("value");
            for (int row = 0; row < rejected.getRowCount(); row++) {
                String position = partition.get(row) + "-" + offset.get(row);
                // Never null: that would be a tombstone, and compaction would make the letter vanish.
                byte[] letter = value.isNull(row) ? NOTHING : value.get(row);
                var message = new ProducerRecord<byte[], byte[]>(topic, utf8(rawTopic + "-" + position), letter);
                message.headers()
                    .add("freshet-stage", utf8("parse"))
                    .add("freshet-reason", reason.get(row))
                    .add("freshet-detail", detail.get(row))
                    .add("freshet-topic", utf8(rawTopic))
                    .add("freshet-partition", utf8(Integer.toString(partition.get(row))))
                    .add("freshet-offset", utf8(Long.toString(offset.get(row))));
                if (!key.isNull(row)) {
                    message.headers().add(KEY, key.get(row));
                }
                send(message);
            }
        }

        private void send(ProducerRecord<byte[], byte[]> letter) {
            producer.send(letter, (metadata, error) -> {
                if (error instanceof RecordTooLargeException && letter.value().length + ownKey(letter).length > 0) {
                    tooLarge.add(letter);
                } else if (error != null) {
                    failure.compareAndSet(null, error);
                }
            });
        }

        /** What the cluster does not take as a letter stays in its own topic; the letter says where. */
        private void sendShortened(ProducerRecord<byte[], byte[]> letter) {
            byte[] key = ownKey(letter);
            boolean withoutKey = key.length > letter.value().length;
            byte[] value = withoutKey ? letter.value() : NOTHING;
            var shorter = new ProducerRecord<byte[], byte[]>(topic, null, letter.key(), value, letter.headers());
            if (withoutKey) {
                shorter.headers().remove(KEY).add("freshet-key-truncated", utf8(Integer.toString(key.length)));
            } else {
                shorter.headers().add("freshet-truncated", utf8(Integer.toString(letter.value().length)));
            }
            send(shorter);
        }

        @Override
        public void flush() {
            if (producer == null) {
                return;
            }
            producer.flush();
            // Twice at the most: without the longer one of key and value, and without both.
            while (!tooLarge.isEmpty()) {
                List<ProducerRecord<byte[], byte[]>> refused = List.copyOf(tooLarge);
                tooLarge.clear();
                refused.forEach(this::sendShortened);
                producer.flush();
            }
            if (failure.get() != null) {
                throw new IllegalStateException("rejected records of " + rawTopic + " could not be sent to " + topic,
                    failure.get());
            }
        }
    }

    /** The key of the record that a letter is about. */
    private static byte[] ownKey(ProducerRecord<byte[], byte[]> letter) {
        Header key = letter.headers().lastHeader(KEY);
        return key == null ? NOTHING : key.value();
    }

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
