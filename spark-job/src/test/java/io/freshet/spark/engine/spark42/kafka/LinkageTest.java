package io.freshet.spark.engine.spark42.kafka;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.freshet.spark.testing.JavaProcess;
import io.freshet.spark.testing.KafkaBroker;
import io.freshet.spark.testing.LocalSpark;
import io.freshet.spark.testing.RandomRecords;
import io.freshet.spark.testing.Sending;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.xbean.asm9.ClassReader;
import org.apache.xbean.asm9.ClassVisitor;
import org.apache.xbean.asm9.ClassWriter;
import org.apache.xbean.asm9.MethodVisitor;
import org.apache.xbean.asm9.Opcodes;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The direct reader in a Java machine whose Kafka client is another one, or lacks something. */
class LinkageTest {
    @TempDir
    private static Path folder;

    private static KafkaBroker broker;

    @BeforeAll
    static void start() throws Exception {
        broker = new KafkaBroker(Files.createDirectory(folder.resolve("kafka")));
    }

    @AfterAll
    static void stop() throws Exception {
        broker.stop();
    }

    @ParameterizedTest
    @ValueSource(classes = {RawConsumer.class, KafkaRecordsRdd.class, ConsumerPool.class})
    void aClassThatIsMissingMakesNoOtherWindowsAndOneLineInTheLog(Class<?> missing) throws Exception {
        String topic = "without-" + missing.getSimpleName();
        create(topic, 2);
        RandomRecords random = new RandomRecords(15);
        send(topic, 2, random.next(1_000, 60_000), 16_384);
        Path changed = Files.createTempDirectory(folder, "changed");
        // A class of another name in its place: NoClassDefFoundError.
        replace(changed, missing, bytes(LinkageTest.class));
        JavaProcess process = probe(changed, "windows", topic);
        List<String> expected;
        try (SparkSession spark = LocalSpark.start()) {
            expected = LinkageProbe.read(spark, "windows", broker.address(), topic, checkpoint());
        }
        assertTrue(Linkage.OF_RECORDS.isWhole() && Linkage.OF_BATCHES.isWhole());
        assertEquals(expected, rows(process));
        assertTrue(expected.size() > 1_000, () -> expected.size() + " lines");
        assertWarnedOnce(process, missing.getName().replace('.', '/'));
    }

    @Test
    void aMethodThatIsMissingInTheMidstOfARangeLosesNoRecordAndRepeatsNone() throws Exception {
        create("midst", 1);
        // Each in a batch, and so in a fetch, of its own.
        send("midst", 1, IntStream.range(0, 100).mapToObj(i -> ("value " + i).getBytes(UTF_8)).toList(), 0);
        Path changed = Files.createTempDirectory(folder, "changed");
        replace(changed, KafkaConsumer.class, without("beginningOffsets", bytes(KafkaConsumer.class)));
        JavaProcess process = probe(changed, "offsets", "midst");
        List<String> rows = rows(process);
        List<Long> offsets = rows.stream().filter(row -> !row.startsWith("ROW read"))
            .map(LinkageTest::offset).sorted().toList();
        long seen = offsets.stream().filter(offset -> offset < LinkageProbe.DELETED_BELOW).count();
        assertTrue(seen > LinkageProbe.DELETED_AT && seen < LinkageProbe.DELETED_BELOW - 10, () -> rows.toString());
        List<Long> expected = LongStream
            .concat(LongStream.range(0, seen), LongStream.range(LinkageProbe.DELETED_BELOW, 100)).boxed().toList();
        assertEquals(expected, offsets);
        assertTrue(rows.contains("ROW read " + expected.size()), rows::toString);
        assertWarnedOnce(process, "beginningOffsets");
    }

    private static long offset(String row) {
        return Long.parseLong(row.replaceAll(".*\\[(\\d+)\\]", "$1"));
    }

    @Test
    void rowsThatWereHandedOnAreNotReadAgainWhereverTheFirstReaderBreaks() {
        for (int broken = 0; broken <= 5; broken++) {
            Linkage linkage = new Linkage("otherwise");
            Counted counted = new Counted();
            int rows = broken;
            try (RangeRows range = new RangeRows(ways(linkage, () -> new BreakingReader(rows, wrapped())),
                () -> offsets(3, 4, 6, 7, 9).iterator(), counted)) {
                List<Long> read = new ArrayList<>();
                range.forEachRemaining(row -> read.add(row.getLong(KafkaRow.OFFSET)));
                assertEquals(List.of(3L, 4L, 6L, 7L, 9L), read);
            }
            assertEquals(5, counted.rows);
            // What was read directly before it broke, Spark's reader reads and counts again.
            assertEquals(List.of(0L, 0L), List.of(counted.inputRecords, counted.inputBytes));
            assertFalse(linkage.isWhole());
        }
    }

    @Test
    void whatIsNoFailureOfLinkageFailsTheTask() {
        Linkage linkage = new Linkage("otherwise");
        KafkaException failure = new KafkaException("no leader");
        RangeRows range =
            new RangeRows(ways(linkage, () -> new BreakingReader(2, failure)), () -> offsets().iterator(),
                new Counted());
        range.next();
        range.next();
        assertSame(failure, assertThrows(KafkaException.class, range::hasNext));
        assertTrue(linkage.isWhole());
    }

    /** A range of many rows is counted on the way, and the rest of it when a task ends early. */
    @Test
    void whatIsReadIsCountedOnTheWayAndAtTheEnd() {
        Counted counted = new Counted();
        long[] many = LongStream.range(0, 10_000).toArray();
        var reader = new BreakingReader(offsets(many), new KafkaException("not reached"));
        try (RangeRows range = new RangeRows(ways(new Linkage("otherwise"), () -> reader),
            () -> offsets().iterator(), counted)) {
            for (int row = 0; row < 9_000; row++) {
                range.next();
            }
            assertEquals(8_192, counted.rows);
        }
        assertEquals(List.of(9_000L, 9_000L, 90_000L),
            List.of(counted.rows, counted.inputRecords, counted.inputBytes));
    }

    private static List<RangeRows.Way> ways(Linkage linkage, Supplier<RangeRows.Reader> open) {
        return List.of(new RangeRows.Way(linkage, from -> open.get()));
    }

    private static final class Counted implements RangeRows.Counts {
        private long rows;
        private long inputRecords;
        private long inputBytes;

        @Override
        public void rows(long more) {
            rows += more;
        }

        @Override
        public void input(long moreRecords, long moreBytes) {
            inputRecords += moreRecords;
            inputBytes += moreBytes;
        }
    }

    /** As Kafka's client gives it. */
    private static KafkaException wrapped() {
        return new KafkaException("Failed to construct kafka consumer", new NoSuchMethodError("gone"));
    }

    /** Reads some rows and breaks. */
    private static final class BreakingReader implements RangeRows.Reader {
        private final Iterator<InternalRow> rows;
        private final RuntimeException failure;
        private long bytes;

        BreakingReader(int most, RuntimeException failure) {
            this(offsets(3, 4, 6, 7, 9).subList(0, most), failure);
        }

        BreakingReader(List<InternalRow> rows, RuntimeException failure) {
            this.rows = rows.iterator();
            this.failure = failure;
        }

        @Override
        public boolean hasNext() {
            if (!rows.hasNext()) {
                throw failure;
            }
            return true;
        }

        @Override
        public InternalRow next() {
            bytes += 10;
            return rows.next();
        }

        @Override
        public long bytes() {
            return bytes;
        }

        @Override
        public void close() {
            throw new NoSuchMethodError("gone too");
        }
    }

    private static List<InternalRow> offsets(long... offsets) {
        return LongStream.of(offsets).<InternalRow>mapToObj(
            offset -> new GenericInternalRow(new Object[] {null, null, null, 0, offset})).toList();
    }

    private static JavaProcess probe(Path changed, String what, String topic) throws Exception {
        return JavaProcess.run(folder, changed + ":" + System.getProperty("java.class.path"),
            List.of(LinkageProbe.class.getName(), what, broker.address(), topic, checkpoint()));
    }

    private static String checkpoint() throws IOException {
        return Files.createTempDirectory(folder, "checkpoint").toString();
    }

    private static List<String> rows(JavaProcess process) {
        assertEquals(0, process.exitCode(), process.output());
        return process.output().lines().filter(line -> line.startsWith("ROW ")).toList();
    }

    private static void assertWarnedOnce(JavaProcess process, String missing) {
        String instead = missing.endsWith("RawConsumer") ? "Kafka's records are read one by one"
            : "Kafka is read by Spark's own reader";
        List<String> warnings = process.output().lines().filter(line -> line.contains(instead)).toList();
        assertEquals(1, warnings.size(), process.output());
        assertTrue(warnings.get(0).contains(missing), warnings::toString);
    }

    private static byte[] bytes(Class<?> type) throws IOException {
        try (var in = type.getResourceAsStream("/" + type.getName().replace('.', '/') + ".class")) {
            return in.readAllBytes();
        }
    }

    private static void replace(Path changed, Class<?> type, byte[] with) throws IOException {
        Path file = changed.resolve(type.getName().replace('.', '/') + ".class");
        Files.createDirectories(file.getParent());
        Files.write(file, with);
    }

    /** A class without the methods of a name. */
    private static byte[] without(String method, byte[] type) {
        ClassWriter writer = new ClassWriter(0);
        new ClassReader(type).accept(new ClassVisitor(Opcodes.ASM9, writer) {
            @Override
            public MethodVisitor visitMethod(
                int access, String name, String descriptor, String signature, String[] exceptions) {
                return name.equals(method) ? null : super.visitMethod(access, name, descriptor, signature, exceptions);
            }
        }, 0);
        return writer.toByteArray();
    }

    private static void create(String topic, int partitions) throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", broker.address()))) {
            admin.createTopics(Stream.of(new NewTopic(topic, partitions, (short) 1)).toList()).all().get();
        }
    }

    private static void send(String topic, int partitions, List<byte[]> records, int batchBytes) {
        Map<String, Object> properties = Map.of("bootstrap.servers", broker.address(), "batch.size", batchBytes,
            "max.in.flight.requests.per.connection", 1);
        try (var producer = new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer())) {
            Sending.all(producer, IntStream.range(0, records.size())
                .mapToObj(i -> new ProducerRecord<>(topic, i % partitions, null, records.get(i))));
        }
    }
}
