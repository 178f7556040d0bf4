package io.freshet.spark.job;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.freshet.spark.configuration.PipelineConfiguration;
import io.freshet.spark.health.HealthListener;
import io.freshet.spark.kafka.KafkaTopics;
import io.freshet.spark.kafka.TopicAdmin;
import io.freshet.spark.testing.KafkaBroker;
import io.freshet.spark.testing.Sending;
import io.freshet.spark.testing.Waiting;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.spark.sql.SparkSession;

/** The query of one stream, kept running as the job keeps it, on a real broker. */
final class SupervisedStream implements AutoCloseable {
    private static final ObjectMapper JSON = new ObjectMapper();
    /** Of all records: in one window, and never late. */
    static final long EVENT_TIME = 1_700_000_000_000L;

    private final KafkaBroker broker;
    private final PipelineConfiguration configuration;
    private final PipelineConfiguration.Stream stream;
    private final SparkSession session;
    private final HealthListener listener = new HealthListener();
    private final Admin admin;
    private StreamQuery query;
    private QuerySupervisor supervisor;

    /** One whose raw topic has two partitions. */
    SupervisedStream(SparkSession spark, KafkaBroker broker, Path folder, String name, String... settings)
        throws Exception {
        this(spark, broker, folder, name, 2, settings);
    }

    /**
     * Makes the topics of a stream, and starts nothing yet.
     *
     * @param settings lines of the table {@code [spark]} of its configuration, and of tables behind it
     */
    SupervisedStream(
        SparkSession spark, KafkaBroker broker, Path folder, String name, int partitions, String... settings)
        throws Exception {
        this(spark, broker, folder, name, partitions, List.of(), settings);
    }

    /**
     * The same with more said of the stream.
     *
     * @param ofStream lines of its table
     */
    SupervisedStream(
        SparkSession spark, KafkaBroker broker, Path folder, String name, int partitions, List<String> ofStream,
        String... settings) throws Exception {
        this.broker = broker;
        session = spark.newSession();
        Path file = folder.resolve(name + ".toml");
        Files.writeString(file, String.join("\n", "[kafka]", "bootstrap_servers = '" + broker.address() + "'",
            "partitions = " + partitions, "[spark]", "checkpoint_location = '" + folder.resolve("checkpoints") + "'",
            String.join("\n", settings), "[[stream]]", "name = '" + name + "'",
            ofStream.stream().anyMatch(line -> line.startsWith("series ")) ? "" : "series = ['id']",
            "time = { field = 'at', unit = 'ms' }", "values = { v = 'v', w = 'w' }", "windows = ['10s']",
            "lateness = '1h'", String.join("\n", ofStream)));
        configuration = PipelineConfiguration.load(file.toString());
        stream = configuration.streams().get(0);
        admin = Admin.create(Map.of("bootstrap.servers", broker.address()));
        KafkaTopics.createMissing(configuration.kafka(), configuration.topics());
    }

    /** The session of its queries. */
    SparkSession session() {
        return session;
    }

    /** Starts the query as a new process would. */
    void start() {
        query = new StreamQuery(session, configuration, stream);
        listener.watch(query.health());
        session.streams().addListener(listener);
        supervisor = supervisor(query);
        supervisor.start();
    }

    /** What keeps a query running as the job does, only that nothing waits for long. */
    static QuerySupervisor supervisor(StreamQuery query) {
        return new QuerySupervisor(query, query.health(), new Backoff(Duration.ofMillis(100), Duration.ofSeconds(1)),
            failure -> QueryFailure.of(failure, query.checkpointLocation(), List.of()), failure -> { });
    }

    /** Ends the query as the end of the process would. */
    void stop() {
        supervisor.stop();
        session.streams().removeListener(listener);
    }

    /** Where the query keeps its offsets. */
    Path checkpoint() {
        return Path.of(new StreamQuery(session, configuration, stream).checkpointLocation());
    }

    /** The first one, of several. */
    String rawTopic() {
        return stream.rawTopics().get(0);
    }

    /** Sends records of a series, to all partitions in turn. */
    void send(String series, int partitions, int records) {
        sendTo(rawTopic(), series, partitions, records);
    }

    /** The same to one of several topics. */
    void sendTo(String topic, String series, int partitions, int records) {
        try (var producer = producer(Map.of())) {
            send(producer, topic, value(series), partitions, records);
        }
    }

    /** A record of a series. */
    static byte[] value(String series) {
        return ("{\"id\":\"" + series + "\",\"at\":" + EVENT_TIME + ",\"v\":1}").getBytes(UTF_8);
    }

    void send(KafkaProducer<byte[], byte[]> producer, String series, int partitions, int records) {
        send(producer, value(series), partitions, records);
    }

    /** Sends the same value again and again. */
    void send(KafkaProducer<byte[], byte[]> producer, byte[] value, int partitions, int records) {
        send(producer, rawTopic(), value, partitions, records);
    }

    private static void send(
        KafkaProducer<byte[], byte[]> producer, String topic, byte[] value, int partitions, int records) {
        Sending.all(producer, IntStream.range(0, records)
            .mapToObj(index -> new ProducerRecord<>(topic, index % partitions, null, value)));
    }

    KafkaProducer<byte[], byte[]> producer(Map<String, Object> more) {
        Map<String, Object> properties = new HashMap<>(more);
        properties.put("bootstrap.servers", broker.address());
        // A topic that is new may refuse the first request: what is under way behind it must not come out of order.
        properties.put("max.in.flight.requests.per.connection", "1");
        return new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer());
    }

    void deleteRawTopic() throws Exception {
        deleteTopic(rawTopic());
    }

    void deleteTopic(String topic) throws Exception {
        admin.deleteTopics(List.of(topic)).all().get();
    }

    /** The letters of the stream's rejected records. */
    List<ConsumerRecord<byte[], byte[]>> letters() {
        return broker.read(configuration.deadLettersTopic());
    }

    /** Deletes what a partition of the raw topic has below an offset, as its retention does; below -1, all of it. */
    void deleteRawRecords(int partition, long before) throws Exception {
        deleteRecords(rawTopic(), partition, before);
    }

    void deleteRecords(String topic, int partition, long before) throws Exception {
        admin.deleteRecords(Map.of(new TopicPartition(topic, partition), RecordsToDelete.beforeOffset(before)))
            .all().get();
    }

    /** Makes the raw topic anew as soon as the broker lets it. */
    void createRawTopic(int partitions) throws Exception {
        createTopic(rawTopic(), partitions);
    }

    void createTopic(String topic, int partitions) throws Exception {
        boolean created = false;
        while (!created) {
            try {
                admin.createTopics(Set.of(new NewTopic(topic, partitions, (short) 1))).all().get();
                created = true;
                // The broker hears of it from the controller a little later.
                Waiting.until(() -> partitions(topic) == partitions,
                    () -> "there are " + partitions(topic) + " partitions");
            } catch (ExecutionException e) {
                if (!(e.getCause() instanceof TopicExistsException)) {
                    throw e;
                }
            }
        }
    }

    /** How many offsets the raw topic has come to. */
    long rawOffsets() {
        List<TopicPartition> all = IntStream.range(0, partitions(rawTopic()))
            .mapToObj(partition -> new TopicPartition(rawTopic(), partition)).toList();
        return TopicAdmin.ends(configuration.kafka(), all, Duration.ofSeconds(10)).values().stream()
            .mapToLong(Long::longValue).sum();
    }

    private int partitions(String topic) {
        try {
            return TopicAdmin.describe(configuration.kafka(), List.of(topic), Duration.ofSeconds(10)).get(0).orThrow()
                .partitions().size();
        } catch (UnknownTopicOrPartitionException e) {
            return 0;
        }
    }

    /** Per series, how many records its window has: a record counts once, and no version has more than a later one. */
    Map<String, Long> counted() {
        return broker.read(stream.windowsTopic()).stream().map(message -> parse(message.value()))
            .collect(Collectors.toMap(window -> window.get("series").asText(), window -> window.get("count").asLong(),
                Math::max));
    }

    /** Waits until a series has so many records. */
    void awaitCounted(String series, long records) throws InterruptedException {
        Waiting.until(() -> counted().getOrDefault(series, 0L) >= records, () -> counted() + ", " + report());
    }

    void awaitReport(Predicate<JsonNode> condition) throws InterruptedException {
        Waiting.until(() -> condition.test(report()), () -> report().toString());
    }

    JsonNode report() {
        return parse(query.health().report());
    }

    private static JsonNode parse(byte[] json) {
        try {
            return JSON.readTree(json);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() {
        if (supervisor != null) {
            stop();
        }
        admin.close();
    }
}
