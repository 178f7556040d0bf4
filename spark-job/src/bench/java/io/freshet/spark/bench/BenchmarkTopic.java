package io.freshet.spark.bench;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** The topic that all cases read: sensors that report in turn, ten thousand records for each second of event time. */
final class BenchmarkTopic {
    private static final int PARTITIONS = 4;
    private static final int RECORDS_PER_SECOND = 10_000;
    private static final long START_MILLIS = 1_700_000_000_000L;
    private static final long SEED = 42;

    private BenchmarkTopic() {}

    /** Creates and fills the topic. */
    static void fill(String servers, long records, int series) throws ExecutionException, InterruptedException {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", servers))) {
            // Old event times: the default retention would delete the records at once.
            NewTopic topic = new NewTopic(Benchmark.TOPIC, Optional.of(PARTITIONS), Optional.empty())
                .configs(Map.of("retention.ms", "-1", "retention.bytes", "-1"));
            admin.createTopics(List.of(topic)).all().get();
        }
        Map<String, Object> settings = Map.of("bootstrap.servers", servers, "compression.type", "lz4",
            "linger.ms", "20", "batch.size", "262144", "acks", "all");
        AtomicReference<Exception> failure = new AtomicReference<>();
        try (var producer = new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
            Random random = new Random(SEED);
            for (long number = 0; number < records; number++) {
                producer.send(record(number, series, random), (metadata, error) -> {
                    if (error != null) {
                        failure.compareAndSet(null, error);
                    }
                });
            }
        }
        if (failure.get() != null) {
            throw new ExecutionException("the topic could not be filled", failure.get());
        }
    }

    /** Event times are out of order by up to two seconds. */
    private static ProducerRecord<byte[], byte[]> record(long number, int series, Random random) {
        String sensor = String.format(Locale.ROOT, "sensor-%05d", random.nextInt(series));
        long at = START_MILLIS + number * 1_000 / RECORDS_PER_SECOND - random.nextInt(2_000);
        return record(Benchmark.TOPIC, sensor, number, at, random);
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
