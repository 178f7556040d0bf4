package io.freshet.spark.bench;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** The topics that all cases read: sensors that report in turn, ten thousand records for each second of event time. */
final class BenchmarkTopic {
    private static final int PARTITIONS = 4;
    private static final int RECORDS_PER_SECOND = 10_000;
    private static final long START_MILLIS = 1_700_000_000_000L;
    private static final long SEED = 42;

    private BenchmarkTopic() {}

    /** The topic whose batches are compressed so, by Kafka's name of the codec. */
    static String name(String codec) {
        return "raw.bench." + codec;
    }

    /** Creates and fills a topic for each codec, all of them with the same records. */
    static void fill(String servers, List<String> codecs, long records, int series)
        throws ExecutionException, InterruptedException {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", servers))) {
            // Old event times: the default retention would delete the records at once.
            admin.createTopics(codecs.stream()
                .map(codec -> new NewTopic(name(codec), Optional.of(PARTITIONS), Optional.empty())
                    .configs(Map.of("retention.ms", "-1", "retention.bytes", "-1")))
                .toList()).all().get();
        }
        AtomicReference<Exception> failure = new AtomicReference<>();
        Map<String, KafkaProducer<byte[], byte[]>> producers = new TreeMap<>();
        try {
            codecs.forEach(codec -> producers.put(name(codec), producer(servers, codec)));
            Random random = new Random(SEED);
            for (long number = 0; number < records; number++) {
                var record = record(number, series, random);
                producers.forEach((topic, producer) -> producer.send(
                    new ProducerRecord<>(topic, null, record.timestamp(), record.key(), record.value()),
                    (metadata, error) -> {
                        if (error != null) {
                            failure.compareAndSet(null, error);
                        }
                    }));
            }
        } finally {
            producers.values().forEach(KafkaProducer::close);
        }
        if (failure.get() != null) {
            throw new ExecutionException("the topic could not be filled", failure.get());
        }
    }

    private static KafkaProducer<byte[], byte[]> producer(String servers, String codec) {
        Map<String, Object> settings = Map.of("bootstrap.servers", servers, "compression.type", codec,
            "linger.ms", "20", "batch.size", "262144", "acks", "all");
        return new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer());
    }

    /** Event times are out of order by up to two seconds. */
    private static ProducerRecord<byte[], byte[]> record(long number, int series, Random random) {
        String sensor = String.format(Locale.ROOT, "sensor-%05d", random.nextInt(series));
        long at = START_MILLIS + number * 1_000 / RECORDS_PER_SECOND - random.nextInt(2_000);
        return record("", sensor, number, at, random);
    }

    /** About 125 bytes of JSON under the sensor's name. */
    static ProducerRecord<byte[], byte[]> record(String topic, String sensor, long number, long at, Random random) {
        String value = String.format(Locale.ROOT,
            "{\"sensor\":\"%s\",\"site\":\"plant-%d\",\"at\":%d,\"temperature\":%.3f,\"humidity\":%.2f,"
                + "\"status\":\"ok\"}",
            sensor, number % 7, at, 20 + 5 * random.nextGaussian(), 40 + 20 * random.nextDouble());
        return new ProducerRecord<>(topic, null, at, utf8(sensor), utf8(value));
    }

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
