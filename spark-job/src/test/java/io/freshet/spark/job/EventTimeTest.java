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
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.LongStream;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.streaming.StreamingQuery;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What the streaming query makes of clocks that are wrong, and of a list of windows that changes while windows are
 * open: on a real broker, over restarts.
 */
class EventTimeTest extends KafkaAndSpark {
    private static final ObjectMapper JSON = new ObjectMapper();

    /** A stream whose query runs now and then. */
    private static final class Stream {
        private final String name;
        private PipelineConfiguration configuration;
        private JsonNode report;

        Stream(String name) {
            this.name = name;
        }

        Stream configured(String... settings) throws Exception {
            Path file = folder.resolve(name + ".toml");
            Files.writeString(file, String.join("\n", "[kafka]", "bootstrap_servers = '" + broker.address() + "'",
                "partitions = 1", "[spark]", "trigger = '0s'",
                "checkpoint_location = '" + folder.resolve("checkpoints") + "'", "[[stream]]", "name = '" + name + "'",
                "series = ['id']", "time = { field = 'at', unit = 'ms' }", "values = { v = 'v' }",
                String.join("\n", settings)));
            configuration = PipelineConfiguration.load(file.toString());
            KafkaTopics.createMissing(configuration.kafka(), configuration.topics());
            return this;
        }

        Path checkpoint() {
            return folder.resolve("checkpoints").resolve(name);
        }

        private void send(String series, long... times) {
            PipelineConfiguration.Stream stream = configuration.streams().get(0);
            try (var producer = new KafkaProducer<>(Map.<String, Object>of("bootstrap.servers", broker.address()),
                new ByteArraySerializer(), new ByteArraySerializer())) {
                Sending.all(producer, LongStream.of(times)
                    .mapToObj(time -> "{\"id\":\"" + series + "\",\"at\":" + time + ",\"v\":1}")
                    .map(record -> new ProducerRecord<>(stream.rawTopics().get(0), record.getBytes(UTF_8))));
            }
        }

        /**
         * Sends readings of a series at these times, and lets the query work on them, in a micro-batch of their own.
         */
        Stream run(String series, long... times) throws Exception {
            send(series, times);
            PipelineConfiguration.Stream stream = configuration.streams().get(0);
            SparkSession session = spark.newSession();
            StreamQuery query = new StreamQuery(session, configuration, stream);
            HealthListener listener = new HealthListener();
            listener.watch(query.health());
            session.streams().addListener(listener);
            StreamingQuery running = query.start();
            try {
                running.processAllAvailable();
                Waiting.until(() -> report(query).path("records_in").asLong() >= times.length,
                    () -> report(query).toString());
            } finally {
                running.stop();
                session.streams().removeListener(listener);
            }
            report = report(query);
            return this;
        }

        /** The newest version of every window of a kind, by its start less an instant, in seconds. */
        Map<Long, String> windows(String kind, long origin) throws Exception {
            Map<Long, String> windows = new TreeMap<>();
            for (var message : broker.read(configuration.streams().get(0).windowsTopic())) {
                JsonNode window = JSON.readTree(message.value());
                if (window.get("window").asText().equals(kind)) {
                    windows.put((window.get("start").asLong() - origin) / 1_000,
                        window.get("count").asLong() + (window.path("partial").asBoolean() ? " partial" : ""));
                }
            }
            return windows;
        }

        private static JsonNode report(StreamQuery query) {
            try {
                return JSON.readTree(query.health().report());
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    private static long[] times(long from, long step, int count) {
        return LongStream.range(0, count).map(index -> from + index * step).toArray();
    }

    /** One sender four minutes ahead, which max_future allows, and six hundred good records afterwards. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void oneClockThatRunsAheadMakesNobodyElseLate(boolean futureMovesWatermark) throws Exception {
        Stream stream = new Stream("clock-" + futureMovesWatermark).configured("windows = ['10s']", "lateness = '10s'",
            "future_moves_watermark = " + futureMovesWatermark);
        long now = System.currentTimeMillis();
        stream.run("fast", now + 240_000);
        String notices = stream.report.path("notices").toString();
        assertEquals(!futureMovesWatermark,
            notices.contains("series 'fast' is 2") && notices.contains("s ahead of Kafka's"), notices);
        // A micro-batch with the watermark of the one before.
        stream.run("good", times(now - 5_000, 1, 600));
        long late = stream.report.path("late").asLong();
        stream.run("good", times(now - 5_000, 1, 600));
        // Plain Spark's rule calls all of them late, as soon as the watermark has moved.
        assertEquals(futureMovesWatermark ? 600 : 0, stream.report.path("late").asLong(), stream.report::toString);
        assertTrue(futureMovesWatermark || late == 0, "late at once");
    }

    @Test
    void aChangedListOfWindowsMarksWhatIsPartialAndEndsWhatWasOpen() throws Exception {
        long origin = 1_700_000_040_000L; // a full minute
        String lateness = "lateness = '1h'";
        Stream stream = new Stream("list").configured("windows = ['10s']", lateness).run("a", times(origin, 1_000, 26));
        assertEquals("[]", stream.report.path("notices").toString());

        // The minute's window began before it was in the list, and has lost 26 readings; the next one is whole.
        stream.configured("windows = ['10s', '1m']", lateness).run("a", times(origin + 26_000, 1_000, 105));
        assertEquals("{0=34 partial, 60=60, 120=11}", stream.windows("1m", origin).toString());
        assertEquals("{0=10, 10=10, 20=10, 30=10, 40=10, 50=10, 60=10, 70=10, 80=10, 90=10, 100=10, 110=10, 120=10, "
            + "130=1}", stream.windows("10s", origin).toString());
        assertTrue(stream.report.path("notices").toString().contains(
            "windows of 1m were not in the list before: those that start until 2023-11-14T22:14:25Z may lack "
                + "readings"));

        // The last ten seconds were open when they were taken away: they are brought to their end, and no others begun.
        stream.configured("windows = ['1m']", lateness).run("a", origin + 131_000, origin + 5_000, origin + 145_000);
        Map<Long, String> ten = stream.windows("10s", origin);
        assertEquals("11", ten.get(0L));
        assertEquals("2", ten.get(130L));
        assertEquals(14, ten.size());
        assertEquals("{0=35 partial, 60=60, 120=13}", stream.windows("1m", origin).toString());
        assertTrue(stream.report.path("notices").toString().contains("windows of 10s are not in the list any more"));
        assertEquals("{\"1m\":0}", stream.report.path("late_by_window").toString());

        // Back again: what was brought to its end is whole, and what came in between is not known.
        stream.configured("windows = ['1m', '10s']", lateness)
            .run("a", origin + 132_000, origin + 141_000, origin + 151_000);
        ten = stream.windows("10s", origin);
        assertEquals("3", ten.get(130L));
        assertEquals("1 partial", ten.get(140L));
        assertEquals("1", ten.get(150L));
        // Nothing has changed any more; what is partial is told until it has ended.
        stream.run("a", origin + 142_000);
        assertEquals("2 partial", stream.windows("10s", origin).get(140L));
        assertTrue(stream.report.path("notices").toString().contains("windows of 10s were not in the list before: "
            + "those that start after 2023-11-14T22:16:10Z and until 2023-11-14T22:16:25Z may lack readings"));
        stream.run("a", origin + 9_000_000);
        stream.run("a", origin + 9_001_000);
        stream.run("a", origin + 9_002_000);
        assertEquals("[]", stream.report.path("notices").toString());
    }

    @Test
    void aWindowThatIsPartialStaysSoWhenItsKindIsTakenAwayAndComesBack() throws Exception {
        long origin = 1_699_999_200_000L; // a full hour
        Stream stream = new Stream("back").configured("windows = ['10s']").run("a", times(origin, 1_000, 6));
        stream.configured("windows = ['10s', '1h']").run("a", origin + 6_000);
        assertEquals("{0=1 partial}", stream.windows("1h", origin).toString());
        stream.configured("windows = ['10s']").run("a", origin + 7_000);
        stream.configured("windows = ['10s', '1h']").run("a", origin + 8_000);
        assertEquals("{0=3 partial}", stream.windows("1h", origin).toString());
    }

    /** It may have handed on windows already: they must not be left behind half done. */
    @Test
    void aListThatChangesUnderAMicroBatchWaitsForItsEnd() throws Exception {
        long origin = 1_700_000_040_000L;
        Stream stream = new Stream("open").configured("windows = ['10s']").run("a", times(origin, 1_000, 6));
        // As if the job had been killed when the windows had been sent, before the commit.
        Files.delete(stream.checkpoint().resolve("commits/0"));
        Files.deleteIfExists(stream.checkpoint().resolve("commits/.0.crc"));
        stream.configured("windows = ['1m']").run("a", origin + 6_000, origin + 70_000);
        assertEquals("{0=7}", stream.windows("10s", origin).toString());
        assertEquals("{0=1 partial, 60=1}", stream.windows("1m", origin).toString());
    }

    /** Until then they are worked on with every record. */
    @Test
    void aKindThatWasTakenAwayIsForgottenWhenItsWindowsHaveEnded() throws Exception {
        long origin = 1_700_000_040_000L;
        Stream stream = new Stream("ended").configured("windows = ['10s', '1m']").run("a", origin);
        stream.configured("windows = ['1m']");
        SparkSession session = spark.newSession();
        StreamQuery query = new StreamQuery(session, stream.configuration, stream.configuration.streams().get(0));
        HealthListener listener = new HealthListener();
        listener.watch(query.health());
        session.streams().addListener(listener);
        QuerySupervisor supervisor = SupervisedStream.supervisor(query);
        supervisor.start();
        try {
            Path kinds = stream.checkpoint().resolve("freshet/windows.json");
            Waiting.until(() -> read(kinds).contains("last_start_us"), () -> read(kinds));
            for (long second = 100; read(kinds).contains("last_start_us"); second++) {
                stream.send("a", origin + second * 1_000);
                long sent = second - 99;
                Waiting.until(() -> Stream.report(query).path("records_in").asLong() >= sent
                    || !read(kinds).contains("last_start_us"), () -> Stream.report(query).toString());
            }
            assertEquals(0, Stream.report(query).path("restarts").asLong());
        } finally {
            supervisor.stop();
            session.streams().removeListener(listener);
        }
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            return "";
        }
    }
}
