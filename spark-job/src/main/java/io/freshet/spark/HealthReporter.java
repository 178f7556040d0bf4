package io.freshet.spark;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.spark.sql.streaming.StreamingQueryListener;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Listens to the queries and reports each stream's health to Kafka, once a second. */
final class HealthReporter extends StreamingQueryListener implements AutoCloseable {
    private static final Logger LOGGER = LoggerFactory.getLogger(HealthReporter.class);

    private final String topic;
    private final String instance = hostName() + ":" + ProcessHandle.current().pid();
    private final Map<String, StreamHealth> streams = new ConcurrentHashMap<>();
    private final KafkaProducer<byte[], byte[]> producer;
    private final ScheduledExecutorService clock = Executors.newSingleThreadScheduledExecutor(task -> {
        Thread thread = new Thread(task, "freshet-health");
        thread.setDaemon(true);
        return thread;
    });

    HealthReporter(PipelineConfiguration configuration) {
        topic = configuration.healthTopic();
        Map<String, Object> properties = new HashMap<>(configuration.kafka());
        properties.put("compression.type", "lz4");
        // A report that cannot be sent is stale by the next one: the job itself must not wait for it.
        properties.put("max.block.ms", "500");
        properties.put("delivery.timeout.ms", "3000");
        properties.put("request.timeout.ms", "2000");
        producer = new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer());
        clock.scheduleAtFixedRate(this::report, 1, 1, TimeUnit.SECONDS);
    }

    /** Reports a stream from now on. */
    void watch(PipelineConfiguration.Stream stream, StreamCounters counters) {
        streams.put(stream.name(), new StreamHealth(stream.name(), instance, counters));
    }

    private void report() {
        streams.forEach((name, health) -> {
            byte[] key = ("spark-job/" + name).getBytes(StandardCharsets.UTF_8);
            try {
                producer.send(new ProducerRecord<>(topic, key, health.report()));
            } catch (RuntimeException e) {
                // An exception would end the schedule, and the next report may get through.
                LOGGER.warn("the health of stream {} could not be reported: {}", name, e.toString());
            }
        });
    }

    @Override
    public void onQueryStarted(QueryStartedEvent event) {
        LOGGER.info("query {} has started", event.name());
    }

    @Override
    public void onQueryProgress(QueryProgressEvent event) {
        StreamHealth health = streams.get(event.progress().name());
        if (health != null) {
            health.add(event.progress());
        }
    }

    @Override
    public void onQueryTerminated(QueryTerminatedEvent event) {
        LOGGER.info("query {} has ended", event.id());
    }

    @Override
    public void close() {
        clock.shutdownNow();
        producer.close();
    }

    private static String hostName() {
        try {
            return InetAddress.getLocalHost().getHostName();
        } catch (UnknownHostException e) {
            return "localhost"; // a machine without a name of its own
        }
    }
}
