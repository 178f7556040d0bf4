package io.freshet.spark.rejected;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.freshet.spark.Freshet;
import io.freshet.spark.RejectedRecords;
import io.freshet.spark.StreamSpec;
import io.freshet.spark.job.QueryFailure;
import io.freshet.spark.testing.KafkaAndSpark;
import java.sql.Timestamp;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.Header;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.streaming.OutputMode;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Rejected records in the dead-letters topic of a real broker. */
class DeadLettersTest extends KafkaAndSpark {
    private static final StructType RECORD =
        StructType.fromDDL("key BINARY, value BINARY, partition INT, offset BIGINT, timestamp TIMESTAMP");
    private static final StreamSpec SPEC = StreamSpec.parse("values = { v = \"v\" }, windows = \"10s\"");
    /** Of the letters, as the broker stores them; more than the producer puts into one batch. */
    private static final int MOST_BYTES = 40_000;
    private static final String ABSENT = "-";

    /** Key and value of so many bytes, and what of it is in the letter, or else how many bytes the headers tell. */
    @ParameterizedTest
    @CsvSource({
        "100,    200,    -,     -",
        "100,    80000,  -,     80000",
        "80000,  100,    80000, -",
        "80000,  0,      80000, -",
        "80000,  90000,  80000, 90000",
        "90000,  80000,  90000, 80000",
        "23000,  24000,  -,     24000",
        "100,    17000000, -,   17000000",
    })
    void whatTheClusterDoesNotTakeIsLeftOut(int keyBytes, int valueBytes, String keyLeftOut, String valueLeftOut)
        throws Exception {
        String topic = "letters-" + keyBytes + "-" + valueBytes;
        create(topic, MOST_BYTES);
        byte[] key = incompressible(keyBytes);
        byte[] value = incompressible(valueBytes);
        // One that is rejected beside it and fits.
        send(topic, RowFactory.create(key, value, 3, 7L, new Timestamp(0)),
            RowFactory.create(utf8("k"), utf8("{"), 3, 8L, new Timestamp(0)));

        List<ConsumerRecord<byte[], byte[]>> letters = broker.read(topic);
        assertEquals(2, letters.size());
        assertEquals("k", header(with(letters, "raw-3-8"), "freshet-key"));
        ConsumerRecord<byte[], byte[]> letter = with(letters, "raw-3-7");
        assertEquals("7", header(letter, "freshet-offset"));
        assertEquals(keyLeftOut, header(letter, "freshet-key-truncated"));
        assertEquals(keyLeftOut.equals(ABSENT) ? new String(key, UTF_8) : ABSENT, header(letter, "freshet-key"));
        assertEquals(valueLeftOut, header(letter, "freshet-truncated"));
        assertEquals(valueLeftOut.equals(ABSENT) ? new String(value, UTF_8) : "", new String(letter.value(), UTF_8));
    }

    @Test
    void aClusterThatTakesNotEvenAnEmptyLetterFailsTheQuery() throws Exception {
        create("tiny", 100);
        Row row = RowFactory.create(incompressible(500), incompressible(600), 0, 0L, new Timestamp(0));
        var failure = assertThrows(Exception.class, () -> send("tiny", row));
        String shown = QueryFailure.of(failure, "checkpoint", List.of()).description();
        assertTrue(shown.contains("RecordTooLargeException"), shown);
    }

    /** Kafka's client splits a batch that is too large into ones of the size that it makes, again and again. */
    @Test
    void manyLettersFitATopicThatTakesLessThanAUsualBatch() throws Exception {
        create("narrow", 4_000);
        List<Row> records = IntStream.range(0, 2_000)
            .mapToObj(offset -> RowFactory.create(
                utf8("k" + offset), incompressible(200 + offset % 7), 0, (long) offset, new Timestamp(0))).toList();
        assertTimeoutPreemptively(Duration.ofSeconds(60), () -> send("narrow", records.toArray(Row[]::new)));
        assertEquals(2_000,
            broker.read("narrow").stream().map(letter -> header(letter, "freshet-offset")).distinct().count());
    }

    @Test
    void aTopicThatIsMissingFailsTheTaskAtOnceAndIsNamed() {
        assertTimeoutPreemptively(Duration.ofSeconds(60), () -> {
            Row[] records = IntStream.range(0, 1_000).mapToObj(offset ->
                RowFactory.create(utf8("k"), utf8("{"), 0, (long) offset, new Timestamp(0))).toArray(Row[]::new);
            var failure = assertThrows(Exception.class, () -> send("absent", records));
            String shown = QueryFailure.of(failure, "checkpoint", List.of()).description();
            assertTrue(shown.contains("topic absent for rejected records does not exist"), shown);
            assertTrue(shown.contains("create it"), shown);
        });
    }

    /** The producer has sent to it before, and knows it. */
    @Test
    void aTopicThatIsDeletedFailsTheTaskWithinAMinuteAndIsFoundAgain() throws Exception {
        create("deleted", MOST_BYTES);
        Row record = RowFactory.create(utf8("k"), utf8("{"), 0, 1L, new Timestamp(0));
        send("deleted", record);
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", broker.address()))) {
            admin.deleteTopics(List.of("deleted")).all().get();
        }
        Row[] records = IntStream.range(0, 1_000).mapToObj(offset ->
            RowFactory.create(utf8("k"), utf8("{"), 0, (long) offset, new Timestamp(0))).toArray(Row[]::new);
        assertTimeoutPreemptively(Duration.ofSeconds(120), () -> {
            var failure = assertThrows(Exception.class, () -> send("deleted", records));
            String shown = QueryFailure.of(failure, "checkpoint", List.of()).description();
            assertTrue(shown.contains("deleted"), shown);
        });
        create("deleted", MOST_BYTES);
        send("deleted", record);
        assertEquals(1, broker.read("deleted").size());
    }

    /** Field names are quoted in it: here one of characters of two bytes, at an odd place. */
    @Test
    void aLongDetailIsCutBetweenCharacters() throws Exception {
        create("detailed", MOST_BYTES);
        StreamSpec spec = StreamSpec.parse("values = { v = \"" + "é".repeat(2_000) + "\" }, windows = \"10s\"");
        send("detailed", spec, RowFactory.create(utf8("k"), utf8("{}"), 0, 1L, new Timestamp(0)));
        String detail = header(broker.read("detailed").get(0), "freshet-detail");
        assertTrue(detail.contains("éé") && !detail.contains("\uFFFD"), detail);
        int bytes = detail.getBytes(UTF_8).length;
        assertTrue(bytes == 1_023 || bytes == 1_024, () -> bytes + " bytes: " + detail);
    }

    private static void create(String topic, int mostBytes) throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", broker.address()))) {
            admin.createTopics(List.of(new NewTopic(topic, 1, (short) 1)
                .configs(Map.of("max.message.bytes", Integer.toString(mostBytes))))).all().get();
        }
    }

    private static void send(String topic, Row... records) {
        send(topic, SPEC, records);
    }

    private static void send(String topic, StreamSpec spec, Row... records) {
        Dataset<Row> rows = spark.createDataFrame(List.of(records), RECORD).coalesce(1);
        RejectedRecords letters =
            RejectedRecords.deadLetters(Map.of("bootstrap.servers", broker.address()), topic, "raw");
        assertEquals(0, Freshet.windows(rows, spec, letters, OutputMode.Update()).count());
    }

    /** Letters of the alphabet that lz4 does not make much shorter; seeded, never a record that is accepted. */
    private static byte[] incompressible(int length) {
        return new Random(length).ints(length, ' ', '~').collect(StringBuilder::new, StringBuilder::appendCodePoint,
            StringBuilder::append).toString().getBytes(UTF_8);
    }

    private static ConsumerRecord<byte[], byte[]> with(List<ConsumerRecord<byte[], byte[]>> letters, String key) {
        return letters.stream().filter(letter -> new String(letter.key(), UTF_8).equals(key)).findFirst().orElseThrow();
    }

    private static String header(ConsumerRecord<byte[], byte[]> letter, String name) {
        Header header = letter.headers().lastHeader(name);
        return header == null ? ABSENT : new String(header.value(), UTF_8);
    }

    private static byte[] utf8(String text) {
        return text.getBytes(UTF_8);
    }
}
