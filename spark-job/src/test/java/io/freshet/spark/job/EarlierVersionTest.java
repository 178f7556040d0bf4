package io.freshet.spark.job;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.freshet.spark.configuration.PipelineConfiguration;
import io.freshet.spark.health.HealthListener;
import io.freshet.spark.kafka.KafkaTopics;
import io.freshet.spark.testing.KafkaAndSpark;
import io.freshet.spark.testing.Sending;
import io.freshet.spark.testing.Waiting;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.streaming.StreamingQuery;
import org.junit.jupiter.api.Test;

/**
 * What an earlier version has left goes on: the folder {@code earlier} in the test resources holds a checkpoint of a
 * query that has read the first part of the records, and the messages that it wrote. Both are of the version before
 * fields could be added to a window; with {@code -Dfreshet.record.earlier=FOLDER}, the test writes those of this
 * version instead.
 */
class EarlierVersionTest extends KafkaAndSpark {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Path EARLIER = Path.of("spark-job/src/test/resources/earlier");
    private static final String NAME = "earlier";
    private static final List<String> KINDS = List.of("10s", "1m/20s");
    private static final long ORIGIN = 1_700_000_040_000L;
    private static final int FIRST_PART = 400;
    private static final int RECORDS = 700;

    /** A reading; the times go to and fro, so that the second part comes into panes of the first. */
    private record Reading(String series, long time, double value) {
        static Reading number(int index) {
            // Series 0 has few readings in a pane, series 1 more than are kept as they are.
            String series = index % 8 == 0 ? "few" : "many";
            // Some of the second part are in windows of their own.
            long time = ORIGIN + index * 7_919L % 120_000 + (index > 600 ? 300_000 : 0);
            return new Reading(series, time, (index * 37 % 101 - 20) / 4.0);
        }

        byte[] record() {
            return ("{\"id\":\"" + series + "\",\"at\":" + time + ",\"v\":" + value + "}").getBytes(UTF_8);
        }
    }

    private static PipelineConfiguration configure() throws Exception {
        Path file = folder.resolve(NAME + ".toml");
        Files.writeString(file, String.join("\n", "[kafka]", "bootstrap_servers = '" + broker.address() + "'",
            "partitions = 1", "[spark]", "trigger = '0s'",
            "checkpoint_location = '" + folder.resolve("checkpoints") + "'", "[[stream]]", "name = '" + NAME + "'",
            "series = ['id']", "time = { field = 'at', unit = 'ms' }", "values = { v = 'v' }",
            "windows = ['10s', '1m/20s']", "lateness = '1h'"));
        PipelineConfiguration configuration = PipelineConfiguration.load(file.toString());
        KafkaTopics.createMissing(configuration.kafka(), configuration.topics());
        return configuration;
    }

    private static void send(PipelineConfiguration.Stream stream, int from, int to) {
        try (var producer = new KafkaProducer<>(Map.<String, Object>of("bootstrap.servers", broker.address()),
            new ByteArraySerializer(), new ByteArraySerializer())) {
            Sending.all(producer, IntStream.range(from, to)
                .mapToObj(index -> new ProducerRecord<>(stream.rawTopics().get(0), Reading.number(index).record())));
        }
    }

    /** Lets the query work on what there is. */
    private static JsonNode run(PipelineConfiguration configuration, long records) throws Exception {
        SparkSession session = spark.newSession();
        StreamQuery query = new StreamQuery(session, configuration, configuration.streams().get(0));
        HealthListener listener = new HealthListener();
        listener.watch(query.health());
        session.streams().addListener(listener);
        StreamingQuery running = query.start();
        try {
            running.processAllAvailable();
            Waiting.until(() -> report(query).path("records_in").asLong() >= records, () -> report(query).toString());
        } finally {
            running.stop();
            session.streams().removeListener(listener);
        }
        return report(query);
    }

    private static JsonNode report(StreamQuery query) {
        try {
            return JSON.readTree(query.health().report());
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void aQueryGoesOnFromACheckpointOfAnEarlierVersion() throws Exception {
        PipelineConfiguration configuration = configure();
        PipelineConfiguration.Stream stream = configuration.streams().get(0);
        send(stream, 0, FIRST_PART);
        Path checkpoint = folder.resolve("checkpoints").resolve(NAME);
        String record = System.getProperty("freshet.record.earlier");
        if (record != null) {
            run(configuration, FIRST_PART);
            write(Path.of(record), checkpoint, broker.read(stream.windowsTopic()));
            return;
        }
        copy(EARLIER.resolve("checkpoint"), checkpoint);
        setTopicId(checkpoint, configuration, stream);
        send(stream, FIRST_PART, RECORDS);
        JsonNode report = run(configuration, RECORDS - FIRST_PART);
        assertEquals(RECORDS - FIRST_PART, report.path("records_in").asLong(), report::toString);
        assertEquals(0, report.path("late").asLong(), report::toString);

        Map<String, JsonNode> windows = new TreeMap<>();
        for (String line : Files.readAllLines(EARLIER.resolve("messages.jsonl"))) {
            put(windows, JSON.readTree(line));
        }
        int earlier = windows.size();
        for (var message : broker.read(stream.windowsTopic())) {
            put(windows, JSON.readTree(message.value()));
        }
        assertTrue(earlier > 20 && windows.size() >= earlier, earlier + " of " + windows.size());
        for (String kind : KINDS) {
            for (String series : List.of("few", "many")) {
                compare(windows, kind, series);
            }
        }
    }

    /** The newest version counts. */
    private static void put(Map<String, JsonNode> windows, JsonNode window) {
        String key = window.get("series").asText() + "|" + window.get("window").asText() + "|"
            + window.get("start").asLong();
        windows.merge(key, window,
            (one, other) -> one.get("revision").asLong() > other.get("revision").asLong() ? one : other);
    }

    private static void compare(Map<String, JsonNode> windows, String kind, String series) {
        long size = kind.equals("10s") ? 10_000 : 60_000;
        long slide = kind.equals("10s") ? 10_000 : 20_000;
        for (long start = ORIGIN - size + slide; start < ORIGIN + 420_000; start += slide) {
            long from = start;
            double[] values = Stream.iterate(0, index -> index + 1).limit(RECORDS).map(Reading::number)
                .filter(reading -> reading.series.equals(series) && from <= reading.time && reading.time < from + size)
                .mapToDouble(Reading::value).sorted().toArray();
            JsonNode window = windows.remove(series + "|" + kind + "|" + start);
            if (values.length == 0) {
                assertEquals(null, window);
                continue;
            }
            assertEquals(values.length, window.get("count").asInt(), window::toString);
            assertEquals(Arrays.stream(values).sum(), window.get("sum").asDouble(), 1e-9, window::toString);
            assertEquals(values[0], window.get("min").asDouble(), window::toString);
            assertEquals(values[values.length - 1], window.get("max").asDouble(), window::toString);
            compareEnds(window, start, size, series);
            double median = values[(values.length + 1) / 2 - 1];
            double tolerance = values.length <= 32 ? 0 : Math.abs(median) * 0.01;
            assertEquals(median, window.get("p50").asDouble(), tolerance + 1e-300, window::toString);
        }
    }

    /** What the earlier version did not keep is unknown, and never wrong. */
    private static void compareEnds(JsonNode window, long start, long size, String series) {
        List<Reading> readings = Stream.iterate(0, index -> index + 1).limit(RECORDS).map(Reading::number)
            .filter(reading -> reading.series.equals(series) && start <= reading.time && reading.time < start + size)
            .sorted(Comparator.comparingLong(Reading::time).thenComparingDouble(Reading::value)).toList();
        boolean isOfBoth = Stream.iterate(0, index -> index + 1).limit(FIRST_PART).map(Reading::number)
            .anyMatch(readings::contains);
        assertEquals(!isOfBoth, window.hasNonNull("first"), window::toString);
        if (!isOfBoth) {
            assertEquals(readings.get(0).value, window.get("first").asDouble(), window::toString);
            assertEquals(readings.get(readings.size() - 1).value, window.get("last").asDouble(), window::toString);
        }
    }

    /** The test's topic is the one that the checkpoint belongs to, though Kafka has given it another id. */
    private static void setTopicId(
        Path checkpoint, PipelineConfiguration configuration, PipelineConfiguration.Stream stream) throws Exception {
        Path file = checkpoint.resolve("freshet/topic.json");
        String saved = JSON.readTree(Files.readString(file)).get("topic_id").asText();
        var topic = io.freshet.spark.kafka.TopicAdmin
            .describe(configuration.kafka(), stream.rawTopics(), java.time.Duration.ofSeconds(10)).get(0).orThrow();
        String id = topic.topicId().toString();
        Files.writeString(file, Files.readString(file).replace(saved, id));
        Files.deleteIfExists(file.resolveSibling(".topic.json.crc"));
    }

    private static void write(Path target, Path checkpoint, List<ConsumerRecord<byte[], byte[]>> messages)
        throws IOException {
        copy(checkpoint, target.resolve("checkpoint"));
        List<String> lines = new ArrayList<>();
        messages.forEach(message -> lines.add(new String(message.value(), UTF_8)));
        Files.write(target.resolve("messages.jsonl"), lines);
    }

    private static void copy(Path from, Path to) throws IOException {
        try (Stream<Path> files = Files.walk(from)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                Path copy = to.resolve(from.relativize(file));
                Files.createDirectories(copy.getParent());
                Files.copy(file, copy);
            }
        }
    }
}
