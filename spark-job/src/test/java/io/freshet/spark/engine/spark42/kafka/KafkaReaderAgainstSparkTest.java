package io.freshet.spark.engine.spark42.kafka;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.freshet.spark.engine.TopicCheck;
import io.freshet.spark.engine.spark42.plan.Step;
import io.freshet.spark.job.QueryFailure;
import io.freshet.spark.testing.Sending;
import io.freshet.spark.testing.Waiting;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import javax.management.AttributeNotFoundException;
import javax.management.InstanceNotFoundException;
import javax.management.JMException;
import javax.management.MalformedObjectNameException;
import javax.management.ObjectName;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.streaming.StreamingQuery;
import org.apache.spark.sql.streaming.StreamingQueryException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The direct reader of Kafka's micro-batches against Spark's own, on the same topics of a real broker. */
class KafkaReaderAgainstSparkTest extends ReaderTest {
    private static final int OFFSET = Reading.COLUMNS.indexOf("offset");
    private static final int KEY = Reading.COLUMNS.indexOf("key");
    private static final int VALUE = Reading.COLUMNS.indexOf("value");
    /** A broker that keeps every fetch waiting: there are never as many bytes. */
    private static final Duration BROKER_WAITS = Duration.ofMinutes(1);
    private static final Map<String, String> SLOW_BROKER = Map.of("kafka.fetch.min.bytes", "50000000",
        "kafka.fetch.max.wait.ms", "" + BROKER_WAITS.toMillis(), "kafka.request.timeout.ms", "120000",
        "kafka.default.api.timeout.ms", "120000");

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
    void headersAreThoseThatSparkReads() throws Exception {
        create("headers", 1, Map.of());
        List<Header> headers = List.of(new RecordHeader("a", "x".getBytes(UTF_8)), new RecordHeader("", null),
            new RecordHeader("a", new byte[0]));
        try (var producer = producer(Map.of())) {
            Sending.all(producer, IntStream.range(0, 40).mapToObj(index -> new ProducerRecord<byte[], byte[]>(
                "headers", 0, null, ("" + index).getBytes(UTF_8),
                headers.subList(0, index % 4))));
        }
        Map<String, String> options = Map.of("includeHeaders", "true");
        Reading direct = reading(rows -> headersAsKey(Step.apply(
            rows, CopyHeaders.INPUT, new CopyHeaders(), CopyHeaders.OUTPUT, new KafkaSource(TopicCheck.NONE)),
            functions.col("direct")), "headers", options);
        direct.run();
        Reading plain = reading(rows -> headersAsKey(rows, functions.lit(false)), "headers", options);
        plain.run();
        assertEquals(40, direct.rows());
        assertEquals(plain.batches, direct.batches);
        assertEquals(Set.of(true), direct.readDirectly);
    }

    /** In a column that is compared. */
    private static Dataset<Row> headersAsKey(Dataset<Row> rows, Column direct) {
        return rows.withColumn("key", functions.to_json(functions.col("headers"))).withColumn("direct", direct)
            .selectExpr(Stream.concat(Reading.COLUMNS.stream(), Stream.of("direct")).toArray(String[]::new));
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
