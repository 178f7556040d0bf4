package io.freshet.spark.health;

import io.freshet.spark.configuration.PipelineConfiguration;
import io.freshet.spark.nativelib.NativeContract;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Reports each stream's health to Kafka, once a second. */
public final class HealthReporter implements AutoCloseable {
    private static final Logger LOGGER = LoggerFactory.getLogger(HealthReporter.class);

    private final String topic;
    private final HealthListener streams;
    private final KafkaProducer<byte[], byte[]> producer;
    private final ScheduledExecutorService clock = Executors.newSingleThreadScheduledExecutor(task -> {
        Thread thread = new Thread(task, "freshet-health");
        thread.setDaemon(true);
        return thread;
    });

    /** @param streams whose health is reported */
    public HealthReporter(PipelineConfiguration configuration, HealthListener streams) {
        this.streams = streams;
        topic = configuration.healthTopic();
        Map<String, Object> properties = new HashMap<>(configuration.kafka());
        properties.put("compression.type", "lz4");
        // A report that cannot be sent is stale by the next one: the job itself must not wait for it.
        properties.put("max.block.ms", "500");
        properties.put("delivery.timeout.ms", "3000");
        properties.put("request.timeout.ms", "2000");
        producer = new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer());
    }

    /** Reports from now on. */
    public void start() {
        long interval = NativeContract.get().health().intervalMillis();
        clock.scheduleAtFixedRate(this::report, interval, interval, TimeUnit.MILLISECONDS);
    }

    private void report() {
        streams.streams().forEach(health -> {
            try {
                producer.send(new ProducerRecord<>(topic, NativeContract.reportKey(health.stream()), health.report()));
            } catch (RuntimeException e) {
                // An exception would end the schedule, and the next report may get through.
                LOGGER.warn("the health of stream {} could not be reported: {}", health.stream(), e.toString());
            }
        });
    }

    @Override
    public void close() {
        clock.shutdownNow();
        producer.close();
    }
}
