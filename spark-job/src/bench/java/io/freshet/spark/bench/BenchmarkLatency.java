package io.freshet.spark.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.freshet.spark.configuration.PipelineConfiguration;
import io.freshet.spark.job.StreamQuery;
import io.freshet.spark.kafka.KafkaTopics;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Random;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.LongStream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.streaming.StreamingQuery;
import org.apache.spark.sql.streaming.StreamingQueryListener;

/**
 * How long an event takes from the moment it is sent to the raw topic until a window that counts it is read from the
 * windows topic, and how long the micro-batches take: for every single event, at an even pace, with the whole query of
 * the job and its trigger as fast as possible.
 */
final class BenchmarkLatency extends StreamingQueryListener {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int RECORDS_PER_SECOND = 10_000;
    private static final int SERIES = 1_000;
    private static final long SEED = 42;
    /** Spark's name for the time from one micro-batch to the next. */
    static final String BATCH = "triggerExecution";
    private static final int WARM_UP_SECONDS = 20;
    private static final int WINDOW_MILLIS = 10_000;
    private static final long PACE_NANOS = 1_000_000;
    private static final double NANOS = 1e9;
    private static final Duration POLL = Duration.ofMillis(50);
    /** How long the last events may take to get into their windows. */
    private static final long REST_SECONDS = 20;

    /**
     * Epoch milliseconds at which the events were sent that no window has counted yet, by the message key of the
     * window.
     */
    private final Map<String, Queue<Long>> waiting = new ConcurrentHashMap<>();
    private final LongStream.Builder eventMillis = LongStream.builder();
    private final Map<String, LongStream.Builder> phaseMillis = new TreeMap<>();
    private final PipelineConfiguration configuration;
    private final PipelineConfiguration.Stream stream;
    /** Epoch milliseconds; what is sent from then on is measured. */
    private volatile long warmUntil = Long.MAX_VALUE;
    private long windows;
    private long counted;

    /**
     * Percentiles in milliseconds, of what was sent after the warm-up.
     *
     * @param phases medians of what Spark reports of each micro-batch, {@value #BATCH} being the whole
     * @param batches micro-batches with records
     * @param windows messages in the windows topic
     * @param records all that were sent, the warm-up included: every one of them was counted into a window
     */
    record Result(
        Map<String, Long> phases,
        long batches,
        long windowP50,
        long windowP95,
        long windowP99,
        long windows,
        long records) {}

    private BenchmarkLatency(PipelineConfiguration configuration) {
        this.configuration = configuration;
        this.stream = configuration.streams().get(0);
    }

    /** @param seconds to measure for, after the warm-up */
    static Result measure(SparkSession session, PipelineConfiguration configuration, int seconds) throws Exception {
        KafkaTopics.createMissing(configuration.kafka(), configuration.topics());
        return new BenchmarkLatency(configuration).run(session, seconds);
    }

    private Result run(SparkSession session, int seconds) throws Exception {
        long records = (long) RECORDS_PER_SECOND * (WARM_UP_SECONDS + seconds);
        StreamingQuery query = new StreamQuery(session, configuration, stream).start();
        session.streams().addListener(this);
        try (var windowsTopic = new KafkaConsumer<>(Map.<String, Object>of(
            "bootstrap.servers", Benchmark.servers(configuration), "group.id", UUID.randomUUID().toString(),
            "auto.offset.reset", "earliest"), new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            windowsTopic.subscribe(List.of(stream.windowsTopic()));
            warmUntil = System.currentTimeMillis() + 1_000L * WARM_UP_SECONDS;
            Thread sender = new Thread(() -> send(records), "sender");
            sender.start();
            long giveUp = System.nanoTime() + (long) ((WARM_UP_SECONDS + seconds + REST_SECONDS) * NANOS);
            while (counted < records) {
                for (ConsumerRecord<byte[], byte[]> message : windowsTopic.poll(POLL)) {
                    count(message, System.currentTimeMillis());
                }
                if (query.exception().isDefined()) {
                    throw query.exception().get();
                }
                if (System.nanoTime() > giveUp) {
                    throw new IllegalStateException("of " + records + " events only " + counted + " are in a window");
                }
            }
            sender.join();
        } finally {
            query.stop();
            session.streams().removeListener(this);
        }
        return result(records);
    }

    /** One record after the other at its time; what is behind is sent at once. */
    private void send(long records) {
        Map<String, Object> settings = Map.of("bootstrap.servers", Benchmark.servers(configuration),
            "compression.type", "lz4", "linger.ms", "2");
        try (var producer = new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
            Random random = new Random(SEED);
            long begun = System.nanoTime();
            for (long number = 0; number < records; number++) {
                while (number * NANOS / RECORDS_PER_SECOND > System.nanoTime() - begun) {
                    LockSupport.parkNanos(PACE_NANOS);
                }
                long now = System.currentTimeMillis();
                String series = "sensor-" + number % SERIES;
                long start = now - now % WINDOW_MILLIS;
                String key = series + "|temperature|" + stream.windows().get(0) + "|" + start;
                waiting.computeIfAbsent(key, unused -> new ConcurrentLinkedQueue<>()).add(now);
                producer.send(BenchmarkTopic.record(stream.rawTopics().get(0), series, number, now, random));
            }
        }
    }

    /** All events of a window up to its newest one have arrived: those of one series keep their order. */
    private void count(ConsumerRecord<byte[], byte[]> message, long now) throws IOException {
        JsonNode window = JSON.readTree(message.value());
        Queue<Long> sent = waiting.get(new String(message.key(), StandardCharsets.UTF_8));
        long newest = window.get("last_event").longValue();
        windows += newest >= warmUntil ? 1 : 0;
        for (Long event = sent.peek(); event != null && event <= newest; event = sent.peek()) {
            sent.remove();
            counted++;
            if (event >= warmUntil) {
                eventMillis.add(now - event);
            }
        }
    }

    private Result result(long records) {
        long[] events = eventMillis.build().sorted().toArray();
        Map<String, Long> phases = new TreeMap<>();
        long batches = 0;
        synchronized (phaseMillis) {
            for (Map.Entry<String, LongStream.Builder> phase : phaseMillis.entrySet()) {
                long[] sorted = phase.getValue().build().sorted().toArray();
                phases.put(phase.getKey(), percentile(sorted, 50));
                batches = Math.max(batches, sorted.length);
            }
        }
        return new Result(phases, batches, percentile(events, 50), percentile(events, 95), percentile(events, 99),
            windows, records);
    }

    /** The nearest rank. */
    private static long percentile(long[] sorted, int percent) {
        if (sorted.length == 0) {
            throw new IllegalStateException("nothing was measured after the warm-up");
        }
        return sorted[(int) Math.ceil(percent / 100.0 * sorted.length) - 1];
    }

    @Override
    public void onQueryStarted(QueryStartedEvent event) {}

    @Override
    public void onQueryProgress(QueryProgressEvent event) {
        if (event.progress().numInputRows() > 0 && System.currentTimeMillis() >= warmUntil) {
            synchronized (phaseMillis) {
                event.progress().durationMs().forEach((phase, millis) ->
                    phaseMillis.computeIfAbsent(phase, unused -> LongStream.builder()).add(millis));
            }
        }
    }

    @Override
    public void onQueryTerminated(QueryTerminatedEvent event) {}
}
