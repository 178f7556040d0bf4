package io.freshet.spark.rejected;

import io.freshet.spark.kafka.TopicAdmin;
import io.freshet.spark.nativelib.NativeContract;
import io.freshet.spark.nativelib.RejectedColumns;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.IntVector;
import org.apache.arrow.vector.VarBinaryVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Sends rejected records from an executor to the dead-letters topic: the record's own bytes, with where it came from
 * and why it was rejected in headers. The key names the record, so that a repeated task overwrites its letters.
 */
public final class DeadLetters implements RejectedSink {
    private static final long serialVersionUID = 1L;
    private static final byte[] NOTHING = {};
    /** For the topic to be there, and for room in the producer's memory. */
    private static final Duration PATIENCE = Duration.ofSeconds(10);
    /** For a letter to arrive: longer than a broker takes to start again. */
    private static final Duration DELIVERY = Duration.ofSeconds(45);
    /** Kafka's default. */
    private static final int USUAL_BATCH_BYTES = 16 << 10;

    /** One producer per executor, cluster and topic: connecting takes longer than most tasks do. */
    private static final Map<Target, KafkaProducer<byte[], byte[]>> PRODUCERS = new ConcurrentHashMap<>();

    /** Where letters are sent: the properties of a Kafka client, and the topic. */
    private record Target(Map<String, String> kafka, String topic) {}

    private final Map<String, String> kafka;
    private final String topic;
    private final String rawTopic;

    /** @see io.freshet.spark.RejectedRecords#deadLetters */
    public DeadLetters(Map<String, String> kafka, String topic, String rawTopic) {
        this.kafka = new HashMap<>(kafka); // which can be serialized
        this.topic = topic;
        this.rawTopic = rawTopic;
    }

    /** Without the properties: plans are shown. */
    @Override
    public String toString() {
        return "sent to topic " + topic;
    }

    /** The letters of one task. */
    @Override
    public Sender sender() {
        return new Letters();
    }

    private static KafkaProducer<byte[], byte[]> connect(Target target) {
        int maxBytes = NativeContract.get().deadLetters().maxBytes();
        Map<String, Object> properties = new HashMap<>(target.kafka());
        properties.put("acks", "all");
        properties.put("compression.type", "lz4");
        properties.put("linger.ms", "5");
        properties.put("batch.size", Integer.toString(batchBytes(target)));
        properties.put("max.request.size", Integer.toString(maxBytes));
        properties.put("buffer.memory", Integer.toString(2 * maxBytes));
        properties.put("max.block.ms", Long.toString(PATIENCE.toMillis()));
        properties.put("request.timeout.ms", Long.toString(PATIENCE.toMillis()));
        properties.put("delivery.timeout.ms", Long.toString(DELIVERY.toMillis()));
        return new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer());
    }

    /**
     * No batch is larger than what the topic takes. Kafka's client splits one that is, into batches of this size again,
     * and so on without an end (KAFKA-8350).
     */
    private static int batchBytes(Target target) {
        try {
            return Math.min(USUAL_BATCH_BYTES, TopicAdmin.maxMessageBytes(target.kafka(), target.topic(), PATIENCE));
        } catch (UnknownTopicOrPartitionException e) {
            throw missing(target.topic());
        } catch (AuthorizationException e) {
            return 0; // each letter for itself: that is slower, and fits if it can
        }
    }

    /** Kafka itself does not say which. */
    private static UnknownTopicOrPartitionException missing(String topic) {
        return new UnknownTopicOrPartitionException("topic " + topic + " for rejected records does not exist");
    }

    private static boolean isMissing(Throwable reason) {
        return reason instanceof UnknownTopicOrPartitionException
            || reason.getCause() instanceof UnknownTopicOrPartitionException;
    }

    /** Sends the letters of one task. */
    private final class Letters implements Sender {
        private final Target target = new Target(kafka, topic);
        private final NativeContract.DeadLetters contract = NativeContract.get().deadLetters();
        private final NativeContract.Headers names = contract.headers();
        private final byte[] stage = utf8(contract.stage());
        private final AtomicReference<Exception> failure = new AtomicReference<>();
        /** Filled by the producer's own thread. */
        private final Queue<ProducerRecord<byte[], byte[]>> tooLarge = new ConcurrentLinkedQueue<>();
        /**
         * How many letters have neither arrived nor failed. The producer's own flush ends early when it splits a batch.
         */
        private long underWay;
        /** Null until there is something to send: most tasks reject nothing. */
        private KafkaProducer<byte[], byte[]> producer;

        @Override
        public void send(RejectedColumns rejected) {
            producer = PRODUCERS.computeIfAbsent(target, DeadLetters::connect);
            VarCharVector told = rejected.topic();
            IntVector partition = rejected.partition();
            BigIntVector offset = rejected.offset();
            IntVector begin = rejected.row();
            VarCharVector reason = rejected.reason();
            VarCharVector detail = rejected.detail();
            VarBinaryVector key = rejected.key();
            VarBinaryVector value = rejected.value();
            for (int row = 0; row < rejected.rows(); row++) {
                String origin = told.isNull(row) ? rawTopic : new String(told.get(row), StandardCharsets.UTF_8);
                String position = partition.get(row) + "-" + offset.get(row);
                // Rows of one record must not overwrite each other's letters.
                position += begin.isNull(row) ? "" : "-" + begin.get(row);
                // Never null: that would be a tombstone, and compaction would make the letter vanish.
                byte[] letter = value.isNull(row) ? NOTHING : value.get(row);
                var message = new ProducerRecord<byte[], byte[]>(topic, utf8(origin + "-" + position), letter);
                message.headers()
                    .add(names.stage(), stage)
                    .add(names.reason(), reason.get(row))
                    .add(names.detail(), cut(detail.get(row), contract.maxDetailBytes()))
                    .add(names.topic(), utf8(origin))
                    .add(names.partition(), utf8(Integer.toString(partition.get(row))))
                    .add(names.offset(), utf8(Long.toString(offset.get(row))));
                if (!key.isNull(row)) {
                    message.headers().add(names.key(), key.get(row));
                }
                send(message);
                failIfOneHasFailed();
            }
        }

        private void send(ProducerRecord<byte[], byte[]> letter) {
            synchronized (this) {
                underWay++;
            }
            producer.send(letter, (metadata, error) -> {
                if (error instanceof RecordTooLargeException && letter.value().length + ownKey(letter).length > 0) {
                    tooLarge.add(letter);
                } else if (error != null) {
                    failure.compareAndSet(null, error);
                }
                ended();
            });
        }

        /** What the cluster does not take as a letter stays in its own topic; the letter says where. */
        private void sendShortened(ProducerRecord<byte[], byte[]> letter) {
            byte[] key = ownKey(letter);
            boolean withoutKey = key.length > letter.value().length;
            byte[] value = withoutKey ? letter.value() : NOTHING;
            var shorter = new ProducerRecord<byte[], byte[]>(topic, null, letter.key(), value, letter.headers());
            if (withoutKey) {
                shorter.headers().remove(names.key()).add(names.keyTruncated(), utf8(Integer.toString(key.length)));
            } else {
                shorter.headers().add(names.truncated(), utf8(Integer.toString(letter.value().length)));
            }
            send(shorter);
        }

        @Override
        public void flush() {
            if (producer == null) {
                return;
            }
            awaitArrival();
            // Twice at the most: without the longer one of key and value, and without both.
            while (!tooLarge.isEmpty()) {
                List<ProducerRecord<byte[], byte[]>> refused = List.copyOf(tooLarge);
                tooLarge.clear();
                refused.forEach(this::sendShortened);
                awaitArrival();
            }
        }

        private synchronized void ended() {
            underWay--;
            notifyAll();
        }

        /** Every letter arrives or fails in the time of a delivery, and so does one that is split from another. */
        private void awaitArrival() {
            producer.flush();
            long end = System.nanoTime() + 2 * DELIVERY.toNanos();
            synchronized (this) {
                while (underWay > 0 && System.nanoTime() < end) {
                    try {
                        wait(DELIVERY.toMillis());
                    } catch (InterruptedException e) {
                        throw new InterruptException(e);
                    }
                }
                if (underWay > 0) {
                    failure.compareAndSet(null, new TimeoutException(underWay + " letters have not arrived"));
                }
            }
            failIfOneHasFailed();
        }

        /** The next attempt finds out anew what the topic takes, and whether it is there. */
        private void failIfOneHasFailed() {
            Exception reason = failure.get();
            if (reason != null) {
                if (PRODUCERS.remove(target, producer)) {
                    producer.close(Duration.ZERO);
                }
                throw new IllegalStateException("rejected records of " + rawTopic + " could not be sent to " + topic,
                    isMissing(reason) ? missing(topic) : reason);
            }
        }

        /** The key of the record that a letter is about. */
        private byte[] ownKey(ProducerRecord<byte[], byte[]> letter) {
            Header key = letter.headers().lastHeader(names.key());
            return key == null ? NOTHING : key.value();
        }
    }

    /** The beginning of a text that is as long as it may be, without a part of a character. */
    private static byte[] cut(byte[] text, int maxBytes) {
        if (text.length <= maxBytes) {
            return text;
        }
        int end = maxBytes;
        while ((text[end] & 0xC0) == 0x80) {
            end--;
        }
        return Arrays.copyOf(text, end);
    }

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
