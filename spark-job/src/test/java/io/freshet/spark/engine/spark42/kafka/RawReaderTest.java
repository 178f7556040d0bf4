package io.freshet.spark.engine.spark42.kafka;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.freshet.spark.configuration.PipelineConfiguration;
import io.freshet.spark.engine.TopicCheck;
import io.freshet.spark.job.QueryFailure;
import io.freshet.spark.rejected.DeadLetters;
import io.freshet.spark.testing.Sending;
import io.freshet.spark.testing.Waiting;
import io.freshet.spark.windows.StreamWindows;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.streaming.StreamingQueryException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The reader of whole batches where a log is not as its producer has written it. */
class RawReaderTest extends ReaderTest {
    /** Compaction leaves offsets out within batches, and batches without a record. */
    @Test
    void aCompactedTopicIsReadAsSparkReadsIt() throws Exception {
        create("compacted", 1, Map.of("cleanup.policy", "compact", "segment.ms", "1", "min.cleanable.dirty.ratio",
            "0.01", "min.compaction.lag.ms", "0", "delete.retention.ms", "0"));
        int sent = 0;
        try (var producer = producer(Map.of("compression.type", "lz4", "linger.ms", "50"))) {
            for (int round = 0; round < 20; round++) {
                int newest = round;
                // Of each round, a few keys are its own, and some records are nothing but tombstones.
                Sending.all(producer, IntStream.range(0, 50).mapToObj(i -> new ProducerRecord<>("compacted", 0,
                    ("key " + (i < 5 ? newest * 100 + i : i % 7)).getBytes(UTF_8),
                    i % 11 == 10 ? null : ("value " + newest + " " + i).getBytes(UTF_8))));
                sent += 50;
            }
        }
        int all = sent;
        Waiting.until(() -> broker.read("compacted").size() < all / 2, () -> "nothing was compacted");
        int before = TakenApart.WHOLE.intValue();
        long read = assertSameAsSpark("compacted", Map.of("maxOffsetsPerTrigger", "70"));
        assertTrue(read < all / 2, () -> read + " records");
        assertTrue(TakenApart.WHOLE.intValue() > before, "no batch was whole");
    }

    /** Damage in a batch that the native library reads, and in one that lies in the range only in part. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "40 | topic 'raw.flipped-40', partition 0, record batch at offset 40: the checksum of a record batch is",
        "35 | the record batch at offset 40 of raw.flipped-35-0 is damaged: Record is corrupt"})
    void aFlippedByteFailsTheQueryWithWhereItIs(int most, String place) throws Exception {
        String topic = "raw.flipped-" + most;
        create(topic, 1, Map.of());
        try (var producer = producer(Map.of("linger.ms", "1000"))) {
            for (int batch = 0; batch < 3; batch++) {
                int first = batch * 40;
                Sending.all(producer, IntStream.range(first, first + 40).mapToObj(i ->
                    new ProducerRecord<>(topic, 0, null, ("{\"id\":\"a\",\"at\":" + i + ",\"v\":1}").getBytes(UTF_8))));
            }
        }
        flip(broker.firstSegment(topic, 0), "\"at\":60,");
        PipelineConfiguration.Stream stream = stream("flipped-" + most);
        Function<Dataset<Row>, Dataset<Row>> partials = rows -> StreamWindows.partials(rows, stream,
            new DeadLetters(Map.of("bootstrap.servers", broker.address()), "dead-letters", topic), TopicCheck.NONE)
            .where("series = 'nobody'"); // what is kept has the columns of Kafka's source
        Reading reading = reading(partials, topic, Map.of("maxOffsetsPerTrigger", "" + most));
        var failure = assertThrows(StreamingQueryException.class, reading::run);
        String shown = QueryFailure.of(failure, "checkpoint", List.of()).description();
        assertTrue(shown.contains(place), shown);
    }

    private static PipelineConfiguration.Stream stream(String name) throws IOException {
        Path file = Files.createTempFile(folder, "freshet", ".toml");
        Files.writeString(file, "[kafka]\nbootstrap_servers = \"" + broker.address() + "\"\n[[stream]]\nname = \""
            + name + "\"\nseries = [\"id\"]\ntime = { field = \"at\", unit = \"ms\" }\nvalues = { v = \"v\" }\n"
            + "windows = [\"10s\"]\n");
        return PipelineConfiguration.load(file.toString()).streams().get(0);
    }

    /** Flips a bit of a file, where a text begins. */
    private static void flip(Path file, String text) throws IOException {
        try (RandomAccessFile segment = new RandomAccessFile(file.toFile(), "rw")) {
            byte[] bytes = new byte[Math.toIntExact(segment.length())];
            segment.readFully(bytes);
            // One byte is one character there.
            int place = new String(bytes, ISO_8859_1).indexOf(text);
            assertTrue(place > 0, "the text is not in the file");
            segment.seek(place);
            segment.write(bytes[place] ^ 1);
        }
    }
}
