package io.freshet.spark.engine.spark42.kafka;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.freshet.spark.engine.TopicCheck;
import io.freshet.spark.engine.spark42.plan.Step;
import io.freshet.spark.testing.KafkaAndSpark;
import io.freshet.spark.testing.KafkaBroker;
import io.freshet.spark.testing.Sending;
import java.nio.file.Files;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.streaming.StreamingQueryException;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;

/** What tests of the readers of Kafka start from: topics, and the ways in which they are read. */
abstract class ReaderTest extends KafkaAndSpark {
    protected static Admin admin;

    @BeforeAll
    static void connect() throws Exception {
        admin = Admin.create(Map.of("bootstrap.servers", broker.address()));
    }

    @AfterAll
    static void disconnect() throws Exception {
        admin.close();
    }

    /** Reads the topic in both ways and returns the number of rows, which Spark must have counted as well. */
    protected static long assertSameAsSpark(String topic, Map<String, String> options) throws Exception {
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

    protected static Reading direct(String topic, Map<String, String> options) throws Exception {
        return reading(ReaderTest::step, topic, options);
    }

    protected static Reading raw(String topic, Map<String, String> options) throws Exception {
        return reading(rows -> Step.apply(rows, Reading.COLUMNS, new TakenApart(topic), Copy.OUTPUT,
            new KafkaSource(TopicCheck.NONE)), topic, options);
    }

    protected static Reading read(boolean raw, String topic, Map<String, String> options) throws Exception {
        return raw ? raw(topic, options) : direct(topic, options);
    }

    protected static Reading plain(String topic, Map<String, String> options) throws Exception {
        return reading(ReaderTest::selected, topic, options);
    }

    protected static Reading reading(
        Function<Dataset<Row>, Dataset<Row>> query, String topic, Map<String, String> options) throws Exception {
        Map<String, String> all = new HashMap<>(Map.of("kafka.bootstrap.servers", broker.address()));
        all.putAll(options);
        return new Reading(spark, query, topic, all, Files.createTempDirectory(folder, "checkpoint"));
    }

    protected static Dataset<Row> step(Dataset<Row> rows) {
        return Step.apply(rows, Reading.COLUMNS, new Copy(), Copy.OUTPUT, new KafkaSource(TopicCheck.NONE));
    }

    protected static Dataset<Row> selected(Dataset<Row> rows) {
        return rows.selectExpr(Reading.COLUMNS.toArray(String[]::new)).withColumn("direct", functions.lit(false));
    }

    /** Lets the query plan a batch that it will read only when it is run again. */
    protected static void failInBatch(Reading reading) {
        reading.failing = true;
        var failure = assertThrows(StreamingQueryException.class, reading::run);
        assertTrue(failure.getMessage().contains("fails as it should"), failure::getMessage);
        reading.failing = false;
    }

    protected static void create(String topic, int partitions, Map<String, String> configuration) throws Exception {
        admin.createTopics(List.of(new NewTopic(topic, partitions, (short) 1).configs(configuration))).all().get();
    }

    protected static void delete(String topic, Map<Integer, Long> before) throws Exception {
        admin.deleteRecords(before.entrySet().stream().collect(Collectors.toMap(
            entry -> new TopicPartition(topic, entry.getKey()),
            entry -> RecordsToDelete.beforeOffset(entry.getValue())))).all().get();
    }

    protected static KafkaProducer<byte[], byte[]> producer(Map<String, Object> more) {
        return producer(more, broker);
    }

    protected static KafkaProducer<byte[], byte[]> producer(Map<String, Object> more, KafkaBroker to) {
        Map<String, Object> properties = new HashMap<>(more);
        properties.put("bootstrap.servers", to.address());
        // A topic that is new may refuse the first request: what is under way behind it must not come out of order.
        properties.put("max.in.flight.requests.per.connection", "1");
        return new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer());
    }

    protected static void fill(String topic, int partitions, int records) {
        try (var producer = producer(Map.of())) {
            send(producer, topic, partitions, records);
        }
    }

    protected static void send(KafkaProducer<byte[], byte[]> producer, String topic, int partitions, int records) {
        Sending.all(producer, IntStream.range(0, records)
            .mapToObj(i -> new ProducerRecord<>(topic, i % partitions, null, ("value " + i).getBytes(UTF_8))));
    }
}
