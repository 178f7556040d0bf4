package io.freshet.spark.engine.spark42.kafka;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.freshet.spark.engine.TopicCheck;
import io.freshet.spark.engine.spark42.plan.PartitionStep;
import io.freshet.spark.engine.spark42.plan.RowStep;
import io.freshet.spark.engine.spark42.plan.Step;
import io.freshet.spark.job.QueryFailure;
import io.freshet.spark.nativelib.SourceBatch;
import io.freshet.spark.testing.KafkaAndSpark;
import io.freshet.spark.testing.Sending;
import io.freshet.spark.testing.Waiting;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import javax.management.AttributeNotFoundException;
import javax.management.InstanceNotFoundException;
import javax.management.JMException;
import javax.management.MalformedObjectNameException;
import javax.management.ObjectName;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.MemoryRecords;
import org.apache.kafka.common.record.Record;
import org.apache.kafka.common.record.RecordBatch;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.utils.Utils;
import org.apache.spark.api.java.function.VoidFunction2;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.execution.SparkPlan;
import org.apache.spark.sql.execution.datasources.v2.MicroBatchScanExec;
import org.apache.spark.sql.execution.streaming.runtime.StreamingQueryWrapper;
import org.apache.spark.sql.streaming.StreamingQuery;
import org.apache.spark.sql.streaming.StreamingQueryException;
import org.apache.spark.sql.streaming.StreamingQueryProgress;
import org.apache.spark.sql.streaming.Trigger;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.unsafe.types.UTF8String;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import scala.jdk.javaapi.CollectionConverters;

/** The direct reader of Kafka's micro-batches against Spark's own, on the same topics of a real broker. */
class KafkaReaderAgainstSparkTest extends KafkaAndSpark {
    private static final List<String> COLUMNS =
        List.of("topic", "partition", "offset", "timestamp", "timestampType", "key", "value");
    private static final int PARTITION = COLUMNS.indexOf("partition");
    private static final int OFFSET = COLUMNS.indexOf("offset");
    private static final int KEY = COLUMNS.indexOf("key");
    private static final int VALUE = COLUMNS.indexOf("value");
    /** A broker that keeps every fetch waiting: there are never as many bytes. */
    private static final Duration BROKER_WAITS = Duration.ofMinutes(1);
    private static final Map<String, String> SLOW_BROKER = Map.of("kafka.fetch.min.bytes", "50000000",
        "kafka.fetch.max.wait.ms", "" + BROKER_WAITS.toMillis(), "kafka.request.timeout.ms", "120000",
        "kafka.default.api.timeout.ms", "120000");

    private static Admin admin;

    @BeforeAll
    static void start() throws Exception {
        admin = Admin.create(Map.of("bootstrap.servers", broker.address()));
    }

    @AfterAll
    static void stop() throws Exception {
        admin.close();
    }

    @ParameterizedTest
    @ValueSource(strings = {"CreateTime", "LogAppendTime"})
    void everyKindOfRecordIsReadAsSparkReadsIt(String timestampType) throws Exception {
        String topic = "kinds-" + timestampType;
        create(topic, 4, Map.of("message.timestamp.type", timestampType));
        byte[][] contents = {null, {}, "text".getBytes(UTF_8), {0, -1, 127, -128}};
        try (var producer = producer(Map.of("compression.type", "lz4"))) {
            Sending.all(producer, IntStream.range(0, 400).mapToObj(i -> {
                // The last partition stays empty.
                var record = new ProducerRecord<>(topic, i % 3, 1_700_000_000_000L + i, contents[i % 4],
                    contents[i / 4 % 4]);
                if (i % 5 == 0) {
                    record.headers().add(new RecordHeader("trace", new byte[] {1, (byte) i}));
                }
                return record;
            }));
        }
        assertEquals(400, assertSameAsSpark(topic, Map.of()));
    }

    /** In batches of many records, which end in the midst of ranges, and in ranges of many batches. */
    @ParameterizedTest
    @CsvSource({"none, CreateTime, 700", "gzip, LogAppendTime, 700", "snappy, CreateTime, 2000", "lz4, CreateTime, 900",
        "zstd, LogAppendTime, 1111"})
    void batchesOfEveryCodecAreReadAsSparkReadsThem(String codec, String timestampType, String most) throws Exception {
        String topic = "codec-" + codec;
        create(topic, 2, Map.of("message.timestamp.type", timestampType));
        try (var producer = producer(Map.of("compression.type", codec, "linger.ms", "50", "batch.size", "4096"))) {
            send(producer, topic, 2, 2_000);
        }
        long before = TakenApart.WHOLE.get();
        assertEquals(2_000, assertSameAsSpark(topic, Map.of("maxOffsetsPerTrigger", most)));
        assertTrue(TakenApart.WHOLE.get() > before, "no batch was whole");
    }

    /** What a fetch may bring is less than a batch: Kafka sends the first one all the same. */
    @Test
    void batchesThatAreLargerThanAFetchMayBeAreRead() throws Exception {
        create("larger", 1, Map.of());
        try (var producer = producer(Map.of("linger.ms", "50", "batch.size", "65536"))) {
            send(producer, "larger", 1, 5_000);
        }
        Map<String, String> options =
            Map.of("kafka.max.partition.fetch.bytes", "20000", "kafka.fetch.max.bytes", "20000");
        assertEquals(5_000, assertSameAsSpark("larger", options));
    }

    @ParameterizedTest
    @ValueSource(strings = {"read_committed", "read_uncommitted"})
    void abortedRecordsAndRangesThatEndInControlRecordsAreReadAsSparkReadsThem(String isolation) throws Exception {
        String topic = "transactions-" + isolation;
        create(topic, 2, Map.of());
        int committed = sendInTransactions(topic, 12, 25);
        boolean all = isolation.equals("read_uncommitted");
        // A batch of 37 offsets begins and ends in the midst of transactions, some in nothing but aborted ones.
        assertEquals(all ? 12 * 25 : committed,
            assertSameAsSpark(topic, Map.of("kafka.isolation.level", isolation, "maxOffsetsPerTrigger", "37")));
    }

    @Test
    void aRangeOfNothingButAnAbortedTransactionHasNoRows() throws Exception {
        create("aborted", 1, Map.of());
        try (var producer = producer(Map.of("transactional.id", "aborted"))) {
            producer.initTransactions();
            producer.beginTransaction();
            send(producer, "aborted", 1, 50);
            producer.abortTransaction();
        }
        assertEquals(0, assertSameAsSpark("aborted", Map.of("kafka.isolation.level", "read_committed")));
    }

    /** Spark plans no further than to its first record. */
    @Test
    void anOpenTransactionIsNotWaitedForAndIsReadOnceItHasEnded() throws Exception {
        create("open", 1, Map.of());
        fill("open", 1, 30);
        Map<String, String> options =
            Map.of("kafka.isolation.level", "read_committed", "kafkaConsumer.pollTimeoutMs", "60000");
        Reading direct = direct("open", options);
        Reading plain = plain("open", options);
        try (var producer = producer(Map.of("transactional.id", "open"))) {
            producer.initTransactions();
            producer.beginTransaction();
            send(producer, "open", 1, 20);
            fill("open", 1, 5);
            assertTimeoutPreemptively(Duration.ofSeconds(30), () -> {
                direct.run();
                plain.run();
            });
            assertEquals(30, direct.rows());
            producer.commitTransaction();
        }
        direct.run();
        plain.run();
        assertEquals(55, direct.rows());
        assertEquals(plain.batches, direct.batches);
    }

    @ParameterizedTest
    @CsvSource({"100, 500", "333, 500", "700, 70", "2000, 7"})
    void aBatchEndsWhereItIsPlannedToEndWhateverOnePollBrings(int batch, int poll) throws Exception {
        String topic = "cut-" + batch;
        create(topic, 3, Map.of());
        fill(topic, 3, 1_000);
        assertEquals(1_000, assertSameAsSpark(topic,
            Map.of("maxOffsetsPerTrigger", "" + batch, "kafka.max.poll.records", "" + poll)));
    }

    @Test
    void severalRangesOfOnePartitionAreReadAtTheSameTime() throws Exception {
        create("ranges", 2, Map.of());
        fill("ranges", 2, 2_000);
        assertEquals(2_000, assertSameAsSpark("ranges", Map.of("minPartitions", "9", "maxOffsetsPerTrigger", "700")));
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void recordsThatWereDeletedBeforeTheQueryGoesOnArePassedOver(boolean raw) throws Exception {
        String topic = "deleted-" + raw;
        create(topic, 3, Map.of());
        fill(topic, 3, 300);
        Map<String, String> options = Map.of("failOnDataLoss", "false", "kafkaConsumer.pollTimeoutMs", "5000");
        Reading direct = read(raw, topic, options);
        Reading plain = plain(topic, options);
        failInBatch(direct);
        failInBatch(plain);
        // The batch is planned and will be read again, but of one partition a part is gone and of another one all.
        delete(topic, Map.of(0, 40L, 1, 100L));
        direct.run();
        plain.run();
        assertEquals(plain.batches, direct.batches);
        assertEquals(60 + 100, direct.rows());
        // Beside the scan in Spark's page of the query.
        assertEquals(Map.of("offsetOutOfRange", 140L, "dataLoss", 2L), direct.losses);
        assertEquals(plain.losses, direct.losses);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void recordsThatAreDeletedBetweenBatchesArePassedOver(boolean raw) throws Exception {
        String topic = "between-" + raw;
        create(topic, 1, Map.of());
        fill(topic, 1, 1_000);
        Reading direct = read(raw, topic, Map.of("failOnDataLoss", "false", "maxOffsetsPerTrigger", "100"));
        direct.afterBatch = batch -> {
            if (batch == 0) {
                delete(topic, Map.of(0, 250L));
            }
        };
        direct.run();
        List<Long> offsets = direct.batches.values().stream().flatMap(List::stream)
            .map(row -> row.getLong(OFFSET)).toList();
        List<Long> expected = Stream.of(IntStream.range(0, 100), IntStream.range(250, 1_000))
            .flatMap(IntStream::boxed).map(Integer::longValue).toList();
        assertEquals(expected, offsets);
    }

    @ParameterizedTest
    @CsvSource({"40, false", "60, false", "60, true"})
    void aTopicThatWasMadeAnewWithFewerRecordsDoesNotHoldUpTheQuery(int before, boolean raw) throws Exception {
        String topic = "anew-" + before + raw;
        create(topic, 1, Map.of());
        fill(topic, 1, before);
        Map<String, String> options = Map.of("failOnDataLoss", "false", "kafkaConsumer.pollTimeoutMs", "2000");
        Reading direct = read(raw, topic, options);
        Reading plain = plain(topic, options);
        direct.run();
        plain.run();
        fill(topic, 1, 20);
        failInBatch(direct);
        failInBatch(plain);
        admin.deleteTopics(List.of(topic)).all().get();
        create(topic, 1, Map.of());
        fill(topic, 1, 40); // as many as were read already, or fewer
        direct.run();
        plain.run();
        assertEquals(plain.batches, direct.batches);
        assertEquals(before, direct.rows());
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void lostRecordsFailTheQueryWithWhereAndWhatToDo(boolean raw) throws Exception {
        String topic = "lost-" + raw;
        create(topic, 1, Map.of());
        fill(topic, 1, 100);
        Reading direct = read(raw, topic, Map.of("failOnDataLoss", "true"));
        failInBatch(direct);
        delete(topic, Map.of(0, 40L));
        var failure = assertThrows(StreamingQueryException.class, direct::run);
        String shown = QueryFailure.of(failure, "checkpoint", List.of()).description();
        assertTrue(shown.contains("offset 0 of " + topic + "-0 is no longer in Kafka"), shown);
        assertTrue(shown.contains("set failOnDataLoss to false"), shown);
        assertEquals(0, direct.rows());
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aLeaderThatDoesNotDeliverFailsTheQueryInTimeWithWhereAndWhatToDo(boolean raw) throws Exception {
        String topic = "silent-" + raw;
        create(topic, 1, Map.of());
        fill(topic, 1, 10);
        Map<String, String> options = new HashMap<>(SLOW_BROKER);
        options.put("kafkaConsumer.pollTimeoutMs", "1500");
        var failure = assertThrows(StreamingQueryException.class, () -> read(raw, topic, options).run());
        String shown = QueryFailure.of(failure, "checkpoint", List.of()).description();
        assertTrue(shown.contains("offset 0 of " + topic + "-0 within 1500 ms"), shown);
        assertTrue(shown.contains("kafkaConsumer.pollTimeoutMs"), shown);
    }

    @Test
    void aQueryThatIsStoppedWhileItWaitsForKafkaEndsSoonAndLeavesNothingThatKeepsTheJvmAlive() throws Exception {
        create("stopped", 1, Map.of());
        fill("stopped", 1, 10);
        Set<Thread> before = threadsThatKeepTheJvmAlive();
        Map<String, String> options = new HashMap<>(SLOW_BROKER);
        options.put("groupIdPrefix", "stopped");
        StreamingQuery query = direct("stopped", options).start();
        Waiting.until(() -> consumers("stopped").stream().anyMatch(KafkaReaderAgainstSparkTest::isPolled),
            () -> "no consumer is waiting: " + query.status());
        long begun = System.nanoTime();
        query.stop();
        Duration took = Duration.ofNanos(System.nanoTime() - begun);
        assertTrue(took.compareTo(BROKER_WAITS.dividedBy(2)) < 0, took::toString);
        // It is in the midst of a fetch and must not be used again.
        Waiting.until(() -> consumers("stopped").isEmpty(), () -> "still open: " + consumers("stopped"));
        Waiting.until(() -> before.containsAll(threadsThatKeepTheJvmAlive()), () -> {
            Set<Thread> left = new HashSet<>(threadsThatKeepTheJvmAlive());
            left.removeAll(before);
            return left.toString();
        });
    }

    /** Two tasks run at a time: they may read ranges of the same partition, with a consumer each. */
    @ParameterizedTest
    @CsvSource({"2, 2", "8, 4"})
    void aConsumerIsUsedFromBatchToBatch(int ranges, int mostConsumers) throws Exception {
        String topic = "reused-" + ranges;
        create(topic, 2, Map.of());
        fill(topic, 2, 800);
        Reading direct = direct(topic, Map.of("maxOffsetsPerTrigger", "100", "minPartitions", "" + ranges));
        int before = numberOfNewConsumer();
        direct.run();
        int made = numberOfNewConsumer() - before - 1;
        assertEquals(8, direct.batches.size());
        assertTrue(made >= 1 && made <= mostConsumers, () -> made + " consumers");
    }

    /** Kafka numbers the consumers of a process: two of these numbers tell how many were made in between. */
    private static int numberOfNewConsumer() {
        try (var consumer = new KafkaConsumer<>(Map.of("bootstrap.servers", broker.address(), "group.id", "numbered"),
            new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            String client = consumer.metrics().keySet().iterator().next().tags().get("client-id");
            return Integer.parseInt(client.substring(client.lastIndexOf('-') + 1));
        }
    }

    @Test
    void whatStandsBetweenTheSourceAndTheStepIsHeeded() throws Exception {
        create("between-steps", 2, Map.of());
        fill("between-steps", 2, 100);
        Reading filtered = reading(rows -> step(rows.where("offset % 2 = 0")), "between-steps", Map.of());
        filtered.run();
        Reading expected = reading(rows -> selected(rows.where("offset % 2 = 0")), "between-steps", Map.of());
        expected.run();
        assertEquals(expected.batches, filtered.batches);
        assertEquals(50, filtered.rows());

        Reading projected = reading(rows -> step(rows.withColumn("key", functions.col("value"))), "between-steps",
            Map.of());
        projected.run();
        projected.batches.values().stream().flatMap(List::stream)
            .forEach(row -> assertArrayEquals((byte[]) row.get(VALUE), (byte[]) row.get(KEY)));
        assertEquals(100, projected.rows());
        assertEquals(Set.of(false), filtered.readDirectly);
        assertEquals(Set.of(false), projected.readDirectly);
    }

    @Test
    void aSourceThatIncludesHeadersIsReadBySparkItself() throws Exception {
        create("headers", 1, Map.of());
        fill("headers", 1, 10);
        Reading direct = direct("headers", Map.of("includeHeaders", "true"));
        direct.run();
        assertEquals(10, direct.rows());
        assertEquals(Set.of(false), direct.readDirectly);
    }

    @ParameterizedTest
    @CsvSource({"true, true", "false, false"})
    void whoSwitchesItOffReadsAsSparkDoes(String setting, boolean expected) throws Exception {
        String topic = "switch-" + setting;
        create(topic, 1, Map.of());
        fill(topic, 1, 10);
        spark.conf().set("spark.freshet.kafka.direct", setting);
        try {
            Reading direct = direct(topic, Map.of());
            direct.run();
            assertEquals(10, direct.rows());
            assertEquals(Set.of(expected), direct.readDirectly);
        } finally {
            spark.conf().unset("spark.freshet.kafka.direct");
        }
    }

    /** Reads the topic in both ways and returns the number of rows, which Spark must have counted as well. */
    private static long assertSameAsSpark(String topic, Map<String, String> options) throws Exception {
        Reading direct = direct(topic, options);
        Reading raw = raw(topic, options);
        Reading plain = plain(topic, options);
        direct.run();
        raw.run();
        plain.run();
        assertEquals(plain.batches, direct.batches);
        assertEquals(plain.batches, raw.batches);
        assertEquals(plain.counted, raw.counted);
        assertEquals(direct.rows() == 0 ? Set.of() : Set.of(true), direct.readDirectly);
        direct.batches.forEach((batch, rows) -> assertEquals(rows.size(), direct.counted.get(batch), "batch " + batch));
        return direct.rows();
    }

    private static Reading direct(String topic, Map<String, String> options) throws Exception {
        return reading(KafkaReaderAgainstSparkTest::step, topic, options);
    }

    private static Reading raw(String topic, Map<String, String> options) throws Exception {
        return reading(rows -> Step.apply(rows, COLUMNS, new TakenApart(topic), Copy.OUTPUT,
            new KafkaSource(TopicCheck.NONE)), topic, options);
    }

    private static Reading read(boolean raw, String topic, Map<String, String> options) throws Exception {
        return raw ? raw(topic, options) : direct(topic, options);
    }

    private static Reading plain(String topic, Map<String, String> options) throws Exception {
        return reading(KafkaReaderAgainstSparkTest::selected, topic, options);
    }

    private static Reading reading(
        Function<Dataset<Row>, Dataset<Row>> query, String topic, Map<String, String> options) throws Exception {
        return new Reading(query, topic, options, Files.createTempDirectory(folder, "checkpoint"));
    }

    private static Dataset<Row> step(Dataset<Row> rows) {
        return Step.apply(rows, COLUMNS, new Copy(), Copy.OUTPUT, new KafkaSource(TopicCheck.NONE));
    }

    private static Dataset<Row> selected(Dataset<Row> rows) {
        return rows.selectExpr(COLUMNS.toArray(String[]::new)).withColumn("direct", functions.lit(false));
    }

    /** Hands on every column as it is, and whether the row came from the direct reader. */
    private static final class Copy extends RowStep {
        private static final long serialVersionUID = 1L;
        private static final StructType OUTPUT = new StructType()
            .add("topic", DataTypes.StringType)
            .add("partition", DataTypes.IntegerType)
            .add("offset", DataTypes.LongType)
            .add("timestamp", DataTypes.TimestampType)
            .add("timestampType", DataTypes.IntegerType)
            .add("key", DataTypes.BinaryType)
            .add("value", DataTypes.BinaryType)
            .add("direct", DataTypes.BooleanType);

        Copy() {
            super(OUTPUT);
        }

        @Override
        protected Iterator<InternalRow> expand(InternalRow row, int[] columns) {
            InternalRow copy = new GenericInternalRow(new Object[] {row.getUTF8String(columns[0]),
                row.getInt(columns[1]), row.getLong(columns[2]), row.getLong(columns[3]), row.getInt(columns[4]),
                bytes(row, columns[5]), bytes(row, columns[6]), row instanceof KafkaRow});
            return List.of(copy).iterator();
        }

        private static byte[] bytes(InternalRow row, int column) {
            byte[] bytes = row.isNullAt(column) ? null : row.getBinary(column);
            if (row instanceof KafkaRow record) {
                ByteBuffer view = record.bytes(column);
                assertEquals(bytes == null ? null : ByteBuffer.wrap(bytes), view);
            }
            return bytes;
        }
    }

    /** Takes whole batches, and makes of their records what {@link Copy} makes of records, by Kafka's own code. */
    private record TakenApart(String topic) implements PartitionStep {
        private static final AtomicLong WHOLE = new AtomicLong();

        @Override
        public Iterator<InternalRow> run(Iterator<InternalRow> rows, int[] columns) {
            Iterable<InternalRow> all = () -> rows;
            return new Copy().run(StreamSupport.stream(all.spliterator(), false).flatMap(this::records).iterator(),
                columns);
        }

        private Stream<InternalRow> records(InternalRow row) {
            if (!(row instanceof SourceBatch batch)) {
                return Stream.of(row);
            }
            WHOLE.incrementAndGet();
            ByteBuffer bytes = ByteBuffer.allocate(batch.batchBytes());
            batch.putBatch(bytes);
            List<InternalRow> records = new ArrayList<>();
            for (RecordBatch found : MemoryRecords.readableRecords(bytes.flip()).batches()) {
                found.ensureValid();
                for (Record record : found) {
                    records.add(new GenericInternalRow(new Object[] {array(record.key()), array(record.value()),
                        UTF8String.fromString(topic), batch.partition(), record.offset(), 1_000 * record.timestamp(),
                        found.timestampType().id}));
                }
            }
            return records.stream();
        }

        private static byte[] array(ByteBuffer bytes) {
            return bytes == null ? null : Utils.toArray(bytes);
        }

        @Override
        public boolean takesBatches() {
            return true;
        }
    }

    /** What one way of reading makes of a topic, batch by batch; run again, it goes on from its checkpoint. */
    private static final class Reading {
        private final Function<Dataset<Row>, Dataset<Row>> query;
        private final String topic;
        private final Map<String, String> options;
        private final Path checkpoint;
        private final Map<Long, List<Row>> batches = new TreeMap<>();
        private final Set<Boolean> readDirectly = new HashSet<>();
        /** What Spark says that it has read, per batch. */
        private final Map<Long, Integer> counted = new HashMap<>();
        /** Metrics of the last batch's scan. */
        private Map<String, Long> losses;
        private BatchEnd afterBatch = batch -> { };
        private boolean failing;

        Reading(
            Function<Dataset<Row>, Dataset<Row>> query, String topic, Map<String, String> options, Path checkpoint) {
            this.query = query;
            this.topic = topic;
            this.options = options;
            this.checkpoint = checkpoint;
        }

        StreamingQuery start() throws Exception {
            VoidFunction2<Dataset<Row>, Long> keep = this::keep;
            return query.apply(spark.readStream().format("kafka")
                    .option("kafka.bootstrap.servers", broker.address())
                    .option("subscribe", topic)
                    .option("startingOffsets", "earliest")
                    .options(options)
                    .load())
                .writeStream().foreachBatch(keep).trigger(Trigger.AvailableNow())
                .option("checkpointLocation", checkpoint.toString())
                .start();
        }

        /** Reads all that is there now. */
        void run() throws Exception {
            StreamingQuery running = start();
            running.awaitTermination();
            losses = losses(((StreamingQueryWrapper) running).streamingQuery().lastExecution().executedPlan());
            for (StreamingQueryProgress progress : running.recentProgress()) {
                counted.merge(progress.batchId(), (int) progress.numInputRows(), Math::max);
            }
        }

        private static Map<String, Long> losses(SparkPlan plan) {
            return CollectionConverters.asJava(plan.collectLeaves()).stream()
                .filter(MicroBatchScanExec.class::isInstance).flatMap(scan -> Stream.of("offsetOutOfRange", "dataLoss")
                    .map(name -> Map.entry(name, (Long) scan.longMetric(name).value())))
                .collect(Collectors.toMap(Map.Entry::getKey, Map.Entry::getValue));
        }

        private void keep(Dataset<Row> rows, long batch) throws Exception {
            if (failing) {
                throw new IllegalStateException("fails as it should");
            }
            // Sorted here: sorting in Spark reads everything twice.
            List<Row> read = rows.collectAsList().stream()
                .sorted(Comparator.comparing((Row row) -> row.getInt(PARTITION))
                    .thenComparing(row -> row.getLong(OFFSET)))
                .toList();
            read.forEach(row -> readDirectly.add(row.getAs("direct")));
            batches.put(batch, read.stream().map(Reading::withoutReader).toList());
            afterBatch.run(batch);
        }

        private static Row withoutReader(Row row) {
            return RowFactory.create(COLUMNS.stream().map(row::getAs).toArray());
        }

        long rows() {
            return batches.values().stream().mapToLong(List::size).sum();
        }
    }

    /** What is done when a batch has been read, before the next one is planned. */
    @FunctionalInterface
    private interface BatchEnd {
        void run(long batch) throws Exception;
    }

    /** Lets the query plan a batch that it will read only when it is run again. */
    private static void failInBatch(Reading reading) {
        reading.failing = true;
        var failure = assertThrows(StreamingQueryException.class, reading::run);
        assertTrue(failure.getMessage().contains("fails as it should"), failure::getMessage);
        reading.failing = false;
    }

    private static void create(String topic, int partitions, Map<String, String> configuration) throws Exception {
        admin.createTopics(List.of(new NewTopic(topic, partitions, (short) 1).configs(configuration))).all().get();
    }

    private static void delete(String topic, Map<Integer, Long> before) throws Exception {
        admin.deleteRecords(before.entrySet().stream().collect(Collectors.toMap(
            entry -> new TopicPartition(topic, entry.getKey()),
            entry -> RecordsToDelete.beforeOffset(entry.getValue())))).all().get();
    }

    private static KafkaProducer<byte[], byte[]> producer(Map<String, Object> more) {
        Map<String, Object> properties = new HashMap<>(more);
        properties.put("bootstrap.servers", broker.address());
        // A topic that is new may refuse the first request: what is under way behind it must not come out of order.
        properties.put("max.in.flight.requests.per.connection", "1");
        return new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer());
    }

    private static void fill(String topic, int partitions, int records) {
        try (var producer = producer(Map.of())) {
            send(producer, topic, partitions, records);
        }
    }

    private static void send(KafkaProducer<byte[], byte[]> producer, String topic, int partitions, int records) {
        Sending.all(producer, IntStream.range(0, records)
            .mapToObj(i -> new ProducerRecord<>(topic, i % partitions, null, ("value " + i).getBytes(UTF_8))));
    }

    /** Every third transaction is aborted, the last one too; returns the number of committed records. */
    private static int sendInTransactions(String topic, int transactions, int records) {
        int committed = 0;
        try (var producer = producer(Map.of("transactional.id", topic))) {
            producer.initTransactions();
            for (int i = 0; i < transactions; i++) {
                producer.beginTransaction();
                send(producer, topic, 2, records);
                if (i % 3 == 2) {
                    producer.abortTransaction();
                } else {
                    producer.commitTransaction();
                    committed += records;
                }
            }
        }
        return committed;
    }

    /** Names of the open consumers of executors whose group begins so. */
    private static Set<String> consumers(String groupPrefix) {
        try {
            return ManagementFactory.getPlatformMBeanServer()
                .queryNames(new ObjectName("kafka.consumer:type=consumer-metrics,client-id=*"), null).stream()
                .map(name -> name.getKeyProperty("client-id"))
                .filter(client -> client.startsWith("consumer-" + groupPrefix + "-") && client.contains("-executor-"))
                .collect(Collectors.toSet());
        } catch (MalformedObjectNameException e) {
            throw new IllegalStateException(e);
        }
    }

    private static boolean isPolled(String client) {
        try {
            ObjectName metrics = new ObjectName("kafka.consumer:type=consumer-metrics,client-id=" + client);
            Object lastPoll = ManagementFactory.getPlatformMBeanServer().getAttribute(metrics, "last-poll-seconds-ago");
            return ((Number) lastPoll).doubleValue() >= 0;
        } catch (InstanceNotFoundException | AttributeNotFoundException e) {
            return false; // it is being made or closed right now
        } catch (JMException e) {
            throw new IllegalStateException(e);
        }
    }

    private static Set<Thread> threadsThatKeepTheJvmAlive() {
        return Thread.getAllStackTraces().keySet().stream()
            .filter(thread -> !thread.isDaemon() && thread.getName().matches(".*(kafka|consumer|commons-pool).*"))
            .collect(Collectors.toSet());
    }
}
