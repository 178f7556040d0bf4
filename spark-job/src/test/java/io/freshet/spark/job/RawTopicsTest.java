package io.freshet.spark.job;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.freshet.spark.engine.Checkpoint;
import io.freshet.spark.engine.SparkEngine;
import io.freshet.spark.health.StreamHealth;
import io.freshet.spark.testing.KafkaAndSpark;
import io.freshet.spark.testing.Sending;
import io.freshet.spark.testing.Waiting;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionInfo;
import org.apache.kafka.common.errors.SaslAuthenticationException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.TopicAuthorizationException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What becomes of a raw topic's records when it is deleted and made anew, and of those that are never committed. */
class RawTopicsTest extends KafkaAndSpark {
    private static final String FAST = "trigger = '0s'";

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void onlyCommittedRecordsAreCountedAndAnOpenTransactionHoldsUpNothing(boolean direct) throws Exception {
        try (var stream = new SupervisedStream(spark, broker, folder, "transactions-" + direct, FAST);
            var open = stream.producer(Map.of("transactional.id", "open-" + direct));
            var producer = stream.producer(Map.of("transactional.id", "both-" + direct))) {
            stream.session().conf().set("spark.freshet.kafka.direct", direct);
            producer.initTransactions();
            open.initTransactions();
            producer.beginTransaction();
            stream.send(producer, "aborted", 2, 350);
            producer.abortTransaction();
            producer.beginTransaction();
            stream.send(producer, "committed", 2, 300);
            producer.commitTransaction();
            open.beginTransaction();
            stream.send(open, "open", 2, 20);
            stream.start();
            stream.awaitReport(report -> report.path("records_in").asLong() == 300);
            // Behind the open transaction, and not to be read before its end.
            stream.send("plain", 2, 10);
            long batch = stream.report().path("batch_id").asLong();
            assertEquals(Map.of("committed", 300L), stream.counted());
            assertEquals("running", stream.report().path("state").asText());
            // What was aborted, and the two marks that end a transaction in each of the two partitions.
            stream.awaitReport(report -> report.path("skipped_offsets").asLong() == 350 + 2 * 2);
            assertEquals(0, stream.report().path("deleted_offsets").asLong(-1), () -> stream.report().toString());
            open.abortTransaction();
            stream.awaitCounted("plain", 10);
            assertEquals(Map.of("committed", 300L, "plain", 10L), stream.counted());
            assertTrue(stream.report().path("batch_id").asLong() > batch);
            assertEquals(0, stream.report().path("restarts").asLong());
            assertEquals(350 + 20 + 3 * 2, stream.report().path("skipped_offsets").asLong());
            assertEquals(0, stream.report().path("deleted_offsets").asLong(-1));
            assertEquals(0, stream.report().path("lost_offsets").asLong());
        }
    }

    /** Of all gaps those are a loss that Kafka has deleted: here in the midst of a transaction, and all there is. */
    @ParameterizedTest
    @CsvSource({"true, true", "true, false", "false, false"})
    void whatKafkaHasDeletedUnreadIsALossAndOtherGapsAreNone(boolean direct, boolean raw) throws Exception {
        String name = "deleted-" + direct + "-" + raw;
        try (var stream = new SupervisedStream(spark, broker, folder, name, FAST);
            var producer = stream.producer(Map.of("transactional.id", name))) {
            stream.session().conf().set("spark.freshet.kafka.direct", direct);
            stream.session().conf().set("spark.freshet.kafka.raw", raw);
            producer.initTransactions();
            stream.start();
            commit(stream, producer, "read", 200);
            stream.awaitCounted("read", 200);
            stream.stop();
            commit(stream, producer, "half", 200);
            // Of both partitions 100 records and a mark were read. 40 records of one are gone now, and the other whole.
            stream.deleteRawRecords(0, 101 + 40);
            stream.deleteRawRecords(1, 101 + 101);
            stream.start();
            stream.awaitReport(report -> report.path("records_in").asLong() == 60);
            stream.awaitReport(report -> report.path("deleted_offsets").asLong(-1) == 40 + 101);
            commit(stream, producer, "after", 20);
            stream.awaitCounted("after", 20);
            stream.awaitReport(report -> report.path("records_in").asLong() == 80);
            JsonNode report = stream.report();
            assertEquals(40 + 101, report.path("deleted_offsets").asLong(-1), report::toString);
            assertEquals(40 + 101 + 1 + 2, report.path("skipped_offsets").asLong(), report::toString);
            assertEquals(80, report.path("counted").asLong(-1), report::toString);
            // A micro-batch that finds nothing else: 50 records and a mark in each partition.
            stream.stop();
            commit(stream, producer, "gone", 100);
            stream.deleteRawRecords(0, -1);
            stream.deleteRawRecords(1, -1);
            stream.start();
            stream.awaitReport(now -> now.path("deleted_offsets").asLong(-1) == 2 * 51);
            assertEquals(0, stream.report().path("records_in").asLong(-1));
            assertEquals(2 * 51, stream.report().path("skipped_offsets").asLong(-1));
        }
    }

    /** Commits a transaction, and waits for its marks: they come into the partitions after the producer's answer. */
    private static void commit(
        SupervisedStream stream, KafkaProducer<byte[], byte[]> producer, String series, int records) throws Exception {
        long ends = stream.rawOffsets() + records + 2;
        producer.beginTransaction();
        stream.send(producer, series, 2, records);
        producer.commitTransaction();
        Waiting.until(() -> stream.rawOffsets() == ends, () -> stream.rawOffsets() + " offsets, not " + ends);
    }

    /** Read by the job itself and by Spark; as many as there were, fewer, and more. */
    @ParameterizedTest
    @CsvSource({"true, 2, 300", "false, 2, 300", "true, 2, 2000", "false, 2, 2000", "true, 2, 250", "true, 5, 300",
        "true, 1, 300", "false, 1, 300"})
    void aTopicThatIsMadeAnewIsReadFromItsBeginning(boolean direct, int partitions, int records) throws Exception {
        String name = "anew-" + direct + "-" + partitions + "-" + records;
        try (var stream = new SupervisedStream(spark, broker, folder, name, FAST)) {
            stream.session().conf().set("spark.freshet.kafka.direct", direct);
            stream.start();
            stream.send("old", 2, 250);
            stream.awaitCounted("old", 250);
            stream.deleteRawTopic();
            stream.createRawTopic(partitions);
            stream.send("new", partitions, records);
            stream.awaitCounted("new", records);
            stream.send("more", partitions, 10);
            stream.awaitCounted("more", 10);
            assertEquals(Map.of("old", 250L, "new", (long) records, "more", 10L), stream.counted());
            JsonNode report = stream.report();
            assertEquals(250 + records + 10, report.path("records_in").asLong(), report::toString);
            assertEquals(0, report.path("lost_offsets").asLong(), report::toString);
            assertEquals(0, report.path("skipped_offsets").asLong(), report::toString);
            assertEquals(0, report.path("restarts").asLong(), report::toString);
            assertTrue(notices(report).contains("topic raw." + name + " was deleted and made anew"), report::toString);
        }
    }

    @Test
    void aTopicOfSomebodyElseIsAwaitedAndReadFromItsBeginningAndSoIsAnotherOneInItsPlace() throws Exception {
        try (var stream = named("sensors.eu")) {
            stream.start();
            stream.awaitReport(report ->
                report.path("waiting_for").asText().startsWith("topic sensors.eu, which does not exist"));
            stream.createRawTopic(2);
            stream.send("eu", 2, 100);
            stream.awaitCounted("eu", 100);
        }
        try (var stream = named("sensors.us")) {
            stream.createRawTopic(3);
            stream.send("us", 3, 60);
            stream.start();
            stream.awaitCounted("us", 60);
            assertEquals(Map.of("eu", 100L, "us", 60L), stream.counted());
            JsonNode report = stream.report();
            assertEquals(60, report.path("records_in").asLong(), report::toString);
            String change = "topic sensors.eu is not read any more, but sensors.us from the beginning";
            assertTrue(notices(report).contains(change), report::toString);
        }
    }

    private SupervisedStream named(String topic) throws Exception {
        return new SupervisedStream(spark, broker, folder, "named", 2, List.of("topic = '" + topic + "'"), FAST);
    }

    @Test
    void whatOfTheOldTopicWasNeverReadIsCounted() throws Exception {
        // A micro-batch takes 50 records, and the next one does not begin before the topic is gone.
        try (var stream = new SupervisedStream(spark, broker, folder, "unread", "trigger = '4s'",
            "max_offsets_per_trigger = 50")) {
            stream.send("old", 2, 1_000);
            stream.start();
            stream.awaitReport(report -> report.path("records_in").asLong() > 0);
            stream.deleteRawTopic();
            stream.createRawTopic(2);
            stream.send("new", 2, 30);
            stream.awaitCounted("new", 30);
            long old = stream.counted().get("old");
            JsonNode report = stream.report();
            assertEquals(1_000 - old, report.path("lost_offsets").asLong(), report::toString);
            assertTrue(notices(report).contains((1_000 - old) + " offsets of the old one were never read"),
                report::toString);
            assertEquals(0, report.path("skipped_offsets").asLong());
        }
    }

    @Test
    void aTopicThatIsMadeAnewSeveralTimesIsReadFromItsBeginningEachTime() throws Exception {
        try (var stream = new SupervisedStream(spark, broker, folder, "several", FAST)) {
            stream.start();
            stream.send("0", 2, 100);
            stream.awaitCounted("0", 100);
            for (int time = 1; time <= 3; time++) {
                stream.deleteRawTopic();
                stream.createRawTopic(2);
                stream.deleteRawTopic();
                stream.createRawTopic(1 + time);
                stream.send("" + time, 1 + time, 100 * time);
                stream.awaitCounted("" + time, 100 * time);
            }
            assertEquals(Map.of("0", 100L, "1", 100L, "2", 200L, "3", 300L), stream.counted());
            assertEquals(700, stream.report().path("records_in").asLong());
        }
    }

    @Test
    void whatWasLostWhileTheJobWasDownIsSaidToBeUnknownAndSaidOnce() throws Exception {
        try (var stream = new SupervisedStream(spark, broker, folder, "down", FAST)) {
            stream.start();
            stream.send("old", 2, 100);
            stream.awaitCounted("old", 100);
            stream.stop();
            stream.send("unread", 2, 40);
            stream.deleteRawTopic();
            stream.createRawTopic(3);
            stream.send("new", 3, 200);
            stream.start();
            stream.awaitCounted("new", 200);
            JsonNode report = stream.report();
            assertEquals(Map.of("old", 100L, "new", 200L), stream.counted());
            assertTrue(notices(report).contains("how much of the old one was never read is not known"),
                report::toString);
            stream.stop();
            stream.start();
            stream.send("more", 3, 10);
            stream.awaitCounted("more", 10);
            assertEquals(0, stream.report().path("notices").size(), () -> stream.report().toString());
            assertEquals(10, stream.report().path("records_in").asLong());
        }
    }

    @Test
    void aStreamWhoseTopicIsMissingWaitsForIt() throws Exception {
        try (var stream = new SupervisedStream(spark, broker, folder, "missing", FAST)) {
            stream.start();
            stream.send("old", 2, 100);
            stream.awaitCounted("old", 100);
            stream.deleteRawTopic();
            stream.awaitReport(report -> report.path("state").asText().equals("waiting"));
            JsonNode report = stream.report();
            assertTrue(
                report.path("waiting_for").asText().startsWith("topic raw.missing, which does not exist: create it"),
                report::toString);
            assertTrue(report.path("lag").isNull(), report::toString);
            stream.createRawTopic(1);
            stream.send("new", 1, 50);
            stream.awaitCounted("new", 50);
            stream.awaitReport(now -> now.path("state").asText().equals("running"));
            assertTrue(stream.report().path("waiting_for").isNull());
            assertEquals(Map.of("old", 100L, "new", 50L), stream.counted());
        }
    }

    /** Before, a task waited for two minutes for records that no topic has any more, and the state said "running". */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void aTopicThatIsMadeAnewWithFewerPartitionsWhileItIsReadHoldsUpNothing(boolean direct) throws Exception {
        try (var stream = new SupervisedStream(spark, broker, folder, "fewer-" + direct, 6, FAST)) {
            stream.session().conf().set("spark.freshet.kafka.direct", direct);
            stream.send("old", 6, 600_000);
            stream.start();
            // With two cores, some of the six partitions are not read yet when the first ones are.
            Waiting.until(() -> spark.sparkContext().statusTracker().getActiveStageIds().length > 0,
                () -> stream.report().toString());
            long sent = stream.rawOffsets();
            stream.deleteRawTopic();
            stream.createRawTopic(1);
            stream.send("new", 1, 300);
            // Half as long as it took.
            stream.awaitCounted("new", 300);
            assertEquals(300, stream.counted().get("new"));
            long read = stream.counted().getOrDefault("old", 0L);
            // All or nothing: what a task had read of a micro-batch that came to nothing is in no window.
            assertEquals(sent - read, stream.report().path("lost_offsets").asLong(), () -> stream.report().toString());
        }
    }

    /** Ended after the loss was written down, or after the offsets were set back as well. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aProcessThatEndsWhileOffsetsAreSetBackIsFollowedByOneThatDoesItAgain(boolean setBack) throws Exception {
        try (var stream = new SupervisedStream(spark, broker, folder, "crash-" + setBack, FAST)) {
            stream.start();
            stream.send("old", 2, 100);
            stream.awaitCounted("old", 100);
            stream.stop();
            Checkpoint checkpoint = SparkEngine.current().checkpoint(stream.session(), stream.checkpoint().toString());
            long first = checkpoint.readOffsets().values().stream().mapToLong(Long::longValue).sum();
            assertEquals(100, first);
            forgetLastCommit(stream);
            SavedTopics.Topic saved = SavedTopics.read(checkpoint).topics().get(0);
            var loss = new SavedTopics.Loss(5L);
            new SavedTopics(List.of(new SavedTopics.Topic(saved.name(), saved.id(), loss))).write(checkpoint);
            stream.deleteRawTopic();
            stream.createRawTopic(3);
            stream.send("new", 3, 200);
            if (setBack) {
                checkpoint.readFrom(IntStream.range(0, 3).boxed().collect(Collectors.toMap(
                    partition -> new TopicPartition(stream.rawTopic(), partition), ignored -> 0L)));
            }
            stream.start();
            stream.awaitCounted("new", 200);
            stream.send("new", 3, 10);
            stream.awaitCounted("new", 210);
            assertEquals(210, stream.counted().get("new"));
            assertEquals(5, stream.report().path("lost_offsets").asLong(), () -> stream.report().toString());
            assertNull(SavedTopics.read(checkpoint).topics().get(0).loss());
        }
    }

    /** The last micro-batch is planned and not committed. */
    private static void forgetLastCommit(SupervisedStream stream) throws Exception {
        Path commits = stream.checkpoint().resolve("commits");
        long latest = Files.list(commits).map(file -> file.getFileName().toString())
            .filter(name -> name.matches("\\d+")).mapToLong(Long::parseLong).max().orElseThrow();
        Files.delete(commits.resolve("" + latest));
        Files.deleteIfExists(commits.resolve("." + latest + ".crc"));
    }

    @Test
    void aStreamWhoseBrokerHangsWaitsForItAndGoesOn() throws Exception {
        try (var stream = new SupervisedStream(spark, broker, folder, "hanging", FAST)) {
            stream.start();
            stream.send("before", 2, 100);
            stream.awaitCounted("before", 100);
            broker.pause();
            try {
                stream.awaitReport(report -> report.path("state").asText().equals("waiting"));
                JsonNode report = stream.report();
                assertEquals("Kafka at " + broker.address() + ", which does not answer",
                    report.path("waiting_for").asText());
                assertTrue(report.path("lag").isNull(), report::toString);
            } finally {
                broker.resume();
            }
            stream.send("after", 2, 50);
            stream.awaitCounted("after", 50);
            stream.awaitReport(report -> report.path("state").asText().equals("running"));
            assertTrue(stream.report().path("waiting_for").isNull());
            assertEquals(Map.of("before", 100L, "after", 50L), stream.counted());
        }
    }

    @Test
    void whatIsWaitedForIsNamed() {
        RawTopics topics =
            new RawTopics(Map.of("bootstrap.servers", "k:9092"), List.of("raw.s", "raw.t"), new StreamHealth("s"));
        assertEquals(
            "topic raw.s, which does not exist: create it, or start the job again, which creates those of Freshet",
            topics.missing("raw.s", new UnknownTopicOrPartitionException("x")));
        assertEquals("permission to read topic raw.s: allow the user in [kafka.security] to describe and to read it",
            topics.missing("raw.s", new TopicAuthorizationException("x")));
        assertEquals("a login that Kafka accepts: correct username, password or ca_file in [kafka.security]",
            topics.missing("raw.s", new SaslAuthenticationException("x")));
        assertEquals("Kafka at k:9092, which does not answer", topics.missing("raw.s", new TimeoutException("x")));
        Node leader = new Node(1, "k", 9092);
        TopicPartitionInfo led = new TopicPartitionInfo(0, leader, List.of(leader), List.of(leader));
        TopicDescription whole = new TopicDescription("raw.t", false, List.of(led));
        TopicPartitionInfo alone = new TopicPartitionInfo(1, null, List.of(leader), List.of());
        assertEquals("a leader of partition 1 of topic raw.s: the brokers that hold it are down",
            topics.missingLeaders(List.of(whole, new TopicDescription("raw.s", false, List.of(led, alone))), false));
        assertEquals("the brokers that lead topic raw.s, raw.t, which do not say how far it has come",
            topics.missingLeaders(List.of(whole), false));
        assertNull(topics.missingLeaders(List.of(whole), true));
    }

    /** Read by the job in whole batches, record by record, and by Spark; each topic goes on from its own offsets. */
    @ParameterizedTest
    @CsvSource({"true, true", "true, false", "false, false"})
    void theRecordsOfSeveralTopicsAreOneStream(boolean direct, boolean raw) throws Exception {
        String name = "topics-" + direct + "-" + raw;
        String eu = name + ".eu";
        String us = name + ".us";
        try (var stream = ofTopics(name, direct, raw, eu, us)) {
            stream.createTopic(eu, 2);
            stream.start();
            stream.awaitReport(report ->
                report.path("waiting_for").asText().startsWith("topic " + us + ", which does not exist"));
            stream.createTopic(us, 3);
            stream.sendTo(eu, "a", 2, 100);
            stream.sendTo(us, "a", 3, 60);
            awaitCounted(stream, Map.of(eu + "/a", 100L, us + "/a", 60L));
            send(stream, eu, "broken");
            send(stream, us, "broken");
            stream.awaitReport(report -> report.path("rejected").asLong() == 2);
            stream.awaitReport(report -> report.path("lag").asLong(-1) == 0);
            List<String> letters = stream.letters().stream().map(letter -> text(letter.key()) + " of "
                + text(letter.headers().lastHeader("freshet-topic").value())).filter(letter -> letter.startsWith(name))
                .sorted().toList();
            assertEquals(List.of(eu + "-0-50 of " + eu, us + "-0-20 of " + us), letters);
            JsonNode report = stream.report();
            assertEquals(162, report.path("records_in").asLong(), report::toString);
            assertEquals(0, report.path("skipped_offsets").asLong(), report::toString);
            // One is made anew: the other goes on.
            stream.deleteTopic(us);
            stream.createTopic(us, 1);
            stream.sendTo(us, "b", 1, 30);
            stream.sendTo(eu, "b", 2, 20);
            awaitCounted(stream, Map.of(eu + "/a", 100L, us + "/a", 60L, us + "/b", 30L, eu + "/b", 20L));
            JsonNode after = stream.report();
            assertEquals(162 + 50, after.path("records_in").asLong(), after::toString);
            assertEquals(0, after.path("lost_offsets").asLong(), after::toString);
            assertTrue(notices(after).contains("topic " + us + " was deleted and made anew"), after::toString);
            assertTrue(!notices(after).contains(eu + " was deleted"), after::toString);
        }
    }

    /** The list of topics changes: those that stay go on, others begin at their beginning, and what is left is told. */
    @Test
    void topicsComeToAStreamAndGo() throws Exception {
        String name = "members";
        List<String> topics = List.of(name + ".eu", name + ".us", name + ".asia");
        String eu = topics.get(0);
        String us = topics.get(1);
        String asia = topics.get(2);
        try (var stream = ofTopics(name, true, true, eu)) {
            for (String topic : topics) {
                stream.createTopic(topic, 2);
                stream.sendTo(topic, "a", 2, 40);
            }
            stream.start();
            awaitCounted(stream, Map.of(eu + "/a", 40L));
        }
        try (var stream = ofTopics(name, true, true, us, eu)) {
            // What a topic has deleted before it is read for the first time is no loss.
            stream.deleteRecords(us, 0, 15);
            stream.start();
            awaitCounted(stream, Map.of(eu + "/a", 40L, us + "/a", 25L));
            stream.awaitReport(report -> report.path("lag").asLong(-1) == 0);
            JsonNode report = stream.report();
            assertEquals(25, report.path("records_in").asLong(), report::toString);
            assertEquals(0, report.path("skipped_offsets").asLong(), report::toString);
            assertEquals(0, report.path("deleted_offsets").asLong(-1), report::toString);
            assertEquals("[]", notices(report));
        }
        try (var stream = ofTopics(name, true, true, asia, us)) {
            stream.deleteRecords(asia, 1, 3);
            stream.sendTo(eu, "unread", 2, 7);
            stream.sendTo(us, "b", 2, 10);
            stream.start();
            awaitCounted(stream, Map.of(eu + "/a", 40L, us + "/a", 25L, us + "/b", 10L, asia + "/a", 37L));
            JsonNode report = stream.report();
            assertEquals(47, report.path("records_in").asLong(), report::toString);
            assertEquals(0, report.path("skipped_offsets").asLong(), report::toString);
            assertEquals(0, report.path("deleted_offsets").asLong(-1), report::toString);
            assertEquals(7, report.path("lost_offsets").asLong(), report::toString);
            assertTrue(notices(report).contains("topic " + eu + " is not read any more, but " + asia
                + " from the beginning; 7 offsets of it were never read and are lost"), report::toString);
        }
    }

    /** It is repeated as it was planned, with what of it is not read any more. */
    @Test
    void aMicroBatchThatWasCutOffIsFinishedBeforeTheListOfTopicsChanges() throws Exception {
        String eu = "cut.eu";
        String us = "cut.us";
        try (var stream = ofTopics("cut", true, true, eu, us)) {
            stream.createTopic(eu, 2);
            stream.createTopic(us, 2);
            stream.sendTo(eu, "a", 2, 40);
            stream.sendTo(us, "a", 2, 40);
            stream.start();
            awaitCounted(stream, Map.of(eu + "/a", 40L, us + "/a", 40L));
            stream.stop();
            Checkpoint checkpoint = SparkEngine.current().checkpoint(stream.session(), stream.checkpoint().toString());
            forgetLastCommit(stream);
            assertTrue(checkpoint.hasOpenBatch());
        }
        try (var stream = ofTopics("cut", true, true, eu)) {
            stream.sendTo(us, "a", 2, 7);
            stream.sendTo(eu, "a", 2, 5);
            stream.start();
            awaitCounted(stream, Map.of(eu + "/a", 45L, us + "/a", 40L));
            stream.awaitReport(report -> report.path("lag").asLong(-1) == 0);
            JsonNode report = stream.report();
            assertEquals(0, report.path("skipped_offsets").asLong(), report::toString);
            assertEquals(7, report.path("lost_offsets").asLong(), report::toString);
        }
    }

    /** Topics are found by their names, whenever they come. */
    @Test
    void topicsOfAPatternAreReadAsTheyComeAndForgottenAsTheyGo() throws Exception {
        try (var stream = ofTopics("pattern", true, true, "pattern.sensors.*")) {
            stream.start();
            stream.awaitReport(report ->
                report.path("waiting_for").asText().startsWith("a topic that is called pattern.sensors.*"));
            stream.createTopic("pattern.sensors.a", 2);
            stream.createTopic("pattern.others", 1);
            stream.sendTo("pattern.sensors.a", "x", 2, 30);
            stream.sendTo("pattern.others", "x", 1, 30);
            awaitCounted(stream, Map.of("pattern.sensors.a/x", 30L));
            stream.createTopic("pattern.sensors.b", 1);
            stream.sendTo("pattern.sensors.b", "x", 1, 20);
            awaitCounted(stream, Map.of("pattern.sensors.a/x", 30L, "pattern.sensors.b/x", 20L));
            assertEquals("[]", notices(stream.report()));
            stream.deleteTopic("pattern.sensors.a");
            stream.awaitReport(report -> notices(report).contains("topic pattern.sensors.a is not read any more"));
            stream.sendTo("pattern.sensors.b", "y", 1, 10);
            awaitCounted(stream, Map.of(
                "pattern.sensors.a/x", 30L, "pattern.sensors.b/x", 20L, "pattern.sensors.b/y", 10L));
            JsonNode report = stream.report();
            assertEquals(60, report.path("records_in").asLong(), report::toString);
            assertEquals(0, report.path("lost_offsets").asLong(), report::toString);
            // The start that found no topic, and none for those that came and went.
            assertEquals(1, report.path("restarts").asLong(), report::toString);
        }
    }

    /** With few offsets at a time, batches are read in part, and are taken apart. */
    @ParameterizedTest
    @CsvSource({"true, true", "true, false", "false, false"})
    void headersNameTheSeries(boolean direct, boolean raw) throws Exception {
        String name = "headers-" + direct + "-" + raw;
        try (var stream = new SupervisedStream(spark, broker, folder, name, 1,
            List.of("series = ['$header.site', 'id']"), FAST, "max_offsets_per_trigger = 35")) {
            stream.session().conf().set("spark.freshet.kafka.direct", direct);
            stream.session().conf().set("spark.freshet.kafka.raw", raw);
            try (var producer = stream.producer(Map.of("linger.ms", "1000"))) {
                Sending.all(producer, IntStream.range(0, 120).mapToObj(index -> {
                    byte[] value = SupervisedStream.value("a");
                    var record = new ProducerRecord<byte[], byte[]>(stream.rawTopic(), 0, null, value);
                    record.headers().add("site", utf8("passed over"));
                    record.headers().add("site", index % 3 == 0 ? null : utf8("site " + index % 3));
                    return record;
                }));
            }
            stream.start();
            awaitCounted(stream, Map.of("site 1/a", 40L, "site 2/a", 40L));
            stream.awaitReport(report -> report.path("rejected").asLong() == 40);
            assertEquals(120, stream.report().path("records_in").asLong());
        }
    }

    private SupervisedStream ofTopics(String name, boolean direct, boolean raw, String... topics) throws Exception {
        var stream = new SupervisedStream(spark, broker, folder, name, 1,
            List.of("series = ['$topic', 'id']", "topics = ['" + String.join("', '", topics) + "']"), FAST);
        stream.session().conf().set("spark.freshet.kafka.direct", direct);
        stream.session().conf().set("spark.freshet.kafka.raw", raw);
        return stream;
    }

    private static void send(SupervisedStream stream, String topic, String value) {
        try (var producer = stream.producer(Map.of())) {
            Sending.all(producer, Stream.of(new ProducerRecord<>(topic, 0, null, utf8(value))));
        }
    }

    private static void awaitCounted(SupervisedStream stream, Map<String, Long> expected) throws Exception {
        Waiting.until(() -> stream.counted().equals(expected), () -> stream.counted() + ", " + stream.report());
    }

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static String text(byte[] utf8) {
        return new String(utf8, StandardCharsets.UTF_8);
    }

    private static String notices(JsonNode report) {
        return report.path("notices").toString();
    }
}
