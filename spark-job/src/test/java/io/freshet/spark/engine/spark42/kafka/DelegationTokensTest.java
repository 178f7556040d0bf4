package io.freshet.spark.engine.spark42.kafka;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import io.freshet.spark.engine.SparkEngine;
import io.freshet.spark.engine.TopicCheck;
import io.freshet.spark.engine.spark42.plan.Step;
import io.freshet.spark.testing.KafkaBroker;
import io.freshet.spark.testing.LocalSpark;
import io.freshet.spark.testing.Sending;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Where Spark gets delegation tokens for a cluster of Kafka's, only Spark's own reader knows them. */
class DelegationTokensTest {
    @TempDir
    private static Path folder;

    @Test
    void sparkReadsByItselfWhereItHasDelegationTokens() throws Exception {
        KafkaBroker broker = new KafkaBroker(Files.createDirectory(folder.resolve("kafka")));
        try (SparkSession spark = LocalSpark.start("spark.kafka.clusters.a.auth.bootstrap.servers", broker.address())) {
            fill(broker);
            assertFalse(SparkEngine.current().readsKafkaDirectly(spark));
            long whole = TakenApart.WHOLE.get();
            List<Function<Dataset<Row>, Dataset<Row>>> ways = List.of(ReaderTest::step, rows -> Step.apply(rows,
                Reading.COLUMNS, new TakenApart("tokens"), Copy.OUTPUT, new KafkaSource(TopicCheck.NONE)));
            for (Function<Dataset<Row>, Dataset<Row>> way : ways) {
                Map<String, String> options = Map.of("kafka.bootstrap.servers", broker.address());
                Path checkpoint = Files.createTempDirectory(folder, "checkpoint");
                Reading reading = new Reading(spark, way, "tokens", options, checkpoint);
                reading.run();
                assertEquals(100, reading.rows());
                assertEquals(Set.of(false), reading.readDirectly);
            }
            assertEquals(whole, TakenApart.WHOLE.get());
        } finally {
            broker.stop();
        }
    }

    private static void fill(KafkaBroker broker) throws Exception {
        Map<String, Object> properties = Map.of("bootstrap.servers", broker.address(),
            "max.in.flight.requests.per.connection", "1");
        try (Admin admin = Admin.create(properties);
            var producer = new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer())) {
            admin.createTopics(List.of(new NewTopic("tokens", 1, (short) 1))).all().get();
            Sending.all(producer, IntStream.range(0, 100)
                .mapToObj(i -> new ProducerRecord<>("tokens", 0, null, ("value " + i).getBytes(UTF_8))));
        }
    }
}
