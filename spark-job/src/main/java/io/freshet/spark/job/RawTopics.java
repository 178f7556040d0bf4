package io.freshet.spark.job;

import io.freshet.spark.engine.Checkpoint;
import io.freshet.spark.health.StreamHealth;
import io.freshet.spark.job.SavedTopics.Loss;
import io.freshet.spark.kafka.TopicAdmin;
import io.freshet.spark.kafka.TopicIdentities;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.AuthenticationException;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The raw topics of a stream. One may be deleted and made anew at any time, under the same name: then its offsets begin
 * anew, and those in the checkpoint are of no use any more. Kafka tells the one from the other by their ids.
 */
final class RawTopics {
    private static final Logger LOGGER = LoggerFactory.getLogger(RawTopics.class);
    /** For a look, of which there is one every second. */
    private static final Duration PATIENCE = Duration.ofSeconds(2);
    /** For what the query cannot start without. */
    private static final Duration LONG_PATIENCE = Duration.ofSeconds(30);

    private final Map<String, String> kafka;
    private final List<String> names;
    private final StreamHealth health;
    /** The topics that the query was started for; null before. */
    private volatile TopicIdentities identities;
    private volatile Seen seen = new Seen(Map.of(), Map.of());
    private volatile List<TopicPartition> partitions = List.of();
    private volatile String waitingFor;

    /** The ends of topics of some ids when they were seen last. */
    private record Seen(Map<String, String> ids, Map<TopicPartition, Long> ends) {}

    /** @param health is told what is waited for, and what is lost */
    RawTopics(Map<String, String> kafka, List<String> names, StreamHealth health) {
        this.kafka = kafka;
        this.names = names;
        this.health = health;
    }

    /**
     * Makes sure that the checkpoint's offsets are those of the topics as they are now, before a query starts: one that
     * is another one than it was is read from its beginning.
     *
     * @return the topics that the offsets belong to
     * @throws KafkaException when Kafka does not tell, for instance because there is no such topic
     */
    TopicIdentities settle(Checkpoint checkpoint) {
        List<TopicDescription> first = describe();
        Optional<Map<TopicPartition, Long>> end = ends(partitions(first));
        List<TopicDescription> topics = describe();
        TopicIdentities now = TopicIdentities.of(kafka, topics);
        settle(checkpoint, topics, now);
        identities = now;
        partitions = partitions(topics);
        if (TopicIdentities.of(kafka, first).equals(now)) {
            end.ifPresent(ends -> seen = new Seen(now.ids(), ends));
        }
        return now;
    }

    private void settle(Checkpoint checkpoint, List<TopicDescription> topics, TopicIdentities now) {
        List<SavedTopics.Topic> saved = SavedTopics.read(checkpoint).topics();
        List<SavedTopics.Topic> gone = saved.stream().filter(topic -> !now.has(topic.name(), topic.id())).toList();
        if (!gone.isEmpty()) {
            gone = startOver(checkpoint, saved, topics, now);
        }
        if (saved.isEmpty() && checkpoint.isUsed()) {
            LOGGER.info("the checkpoint of {} is of an earlier version and does not say which topic it was made for: "
                + "it is taken to be the one that is there now, {}", String.join(", ", names), now);
        }
        List<SavedTopics.Topic> current =
            names.stream().map(name -> new SavedTopics.Topic(name, now.identity(name), null)).toList();
        if (!current.equals(saved)) {
            new SavedTopics(current).write(checkpoint);
        }
        List<String> before = saved.stream().map(SavedTopics.Topic::name).toList();
        gone.forEach(topic -> report(topic, before));
    }

    /**
     * The losses are written down first: they are found by the offsets that are set back then.
     *
     * @return the topics that are gone, with what of them was never read
     */
    private List<SavedTopics.Topic> startOver(
        Checkpoint checkpoint, List<SavedTopics.Topic> saved, List<TopicDescription> topics, TopicIdentities now) {
        Map<TopicPartition, Long> read = checkpoint.readOffsets();
        List<SavedTopics.Topic> withLosses = saved.stream().map(topic -> {
            boolean isKnown = topic.loss() != null || now.has(topic.name(), topic.id());
            return isKnown ? topic : new SavedTopics.Topic(topic.name(), topic.id(), loss(topic, read));
        }).toList();
        new SavedTopics(withLosses).write(checkpoint);
        Map<TopicPartition, Long> offsets = new HashMap<>();
        for (TopicPartition partition : partitions(topics)) {
            boolean stays = saved.stream().anyMatch(topic ->
                topic.name().equals(partition.topic()) && now.has(topic.name(), topic.id()));
            Long offset = stays ? read.get(partition) : Long.valueOf(0);
            // Without an offset it is new in a topic that stays: Spark begins it where it begins.
            if (offset != null) {
                offsets.put(partition, offset);
            }
        }
        checkpoint.readFrom(offsets);
        return withLosses.stream().filter(topic -> topic.loss() != null).toList();
    }

    /** @param before the topics that were read */
    private void report(SavedTopics.Topic gone, List<String> before) {
        String what = names.contains(gone.name())
            ? "topic " + gone.name() + " was deleted and made anew, and is read from its beginning"
            : "topic " + gone.name() + " is not read any more" + inItsPlace(before);
        what += "; " + gone.loss().describe();
        LOGGER.warn("{}", what);
        Long offsets = gone.loss().offsets();
        health.lost(offsets == null ? 0 : offsets, what);
    }

    private String inItsPlace(List<String> before) {
        String added = names.stream().filter(name -> !before.contains(name)).collect(Collectors.joining(", "));
        return added.isEmpty() ? "" : ", but " + added + " from the beginning";
    }

    /** What the checkpoint has planned says nothing: it may be of the new topic. */
    private Loss loss(SavedTopics.Topic old, Map<TopicPartition, Long> read) {
        Seen last = seen;
        if (!old.id().equals(last.ids().get(old.name()))) {
            return Loss.UNKNOWN;
        }
        return new Loss(last.ends().entrySet().stream()
            .filter(end -> end.getKey().topic().equals(old.name()))
            .mapToLong(end -> Math.max(0, end.getValue() - read.getOrDefault(end.getKey(), 0L))).sum());
    }

    /** What a query that has ended should do next, as far as the topics are the reason. */
    QuerySupervisor.Next next() {
        for (TopicAdmin.Answer answer : TopicAdmin.describe(kafka, names, PATIENCE)) {
            KafkaException said = answer.failure();
            if (said instanceof UnknownTopicOrPartitionException || said instanceof TimeoutException) {
                waitFor(missing(answer.topic(), said));
                return QuerySupervisor.Next.WHEN_READY;
            }
            if (said == null && isOther(answer.description())) {
                return QuerySupervisor.Next.AT_ONCE;
            }
        }
        return QuerySupervisor.Next.BACK_OFF;
    }

    private boolean isOther(TopicDescription now) {
        return identities != null && !identities.has(now.name(), now.topicId().toString());
    }

    /**
     * Looks whether all is well with the topics, and tells the stream's health what is waited for if not.
     *
     * @return whether one is another topic than the query was started for
     */
    boolean look() {
        // In this order: if they are the topics that were there before, then they were when their ends were asked for.
        TopicIdentities before = identities;
        Optional<Map<TopicPartition, Long>> end = ends(partitions);
        List<TopicAdmin.Answer> answers = TopicAdmin.describe(kafka, names, PATIENCE);
        Optional<TopicAdmin.Answer> failed = answers.stream().filter(answer -> answer.failure() != null).findFirst();
        if (failed.isPresent()) {
            health.topicEnds(Optional.empty());
            waitFor(missing(failed.get().topic(), failed.get().failure()));
            return false;
        }
        List<TopicDescription> now = answers.stream().map(TopicAdmin.Answer::description).toList();
        boolean other = now.stream().anyMatch(this::isOther);
        boolean same = before != null && !other;
        if (same) {
            end.ifPresent(ends -> seen = new Seen(before.ids(), ends));
        }
        health.topicEnds(same ? end : Optional.empty());
        partitions = partitions(now);
        waitFor(missingLeaders(now, end.isPresent() || other));
        return other;
    }

    private void waitFor(String what) {
        if (what != null && !what.equals(waitingFor)) {
            LOGGER.warn("stream {} waits for {}", health.stream(), what);
        }
        waitingFor = what;
        health.waitingFor(what);
    }

    /** Whether the topics were there and well when they were looked at last. */
    boolean isReady() {
        return waitingFor == null;
    }

    private List<TopicDescription> describe() {
        return TopicAdmin.describe(kafka, names, LONG_PATIENCE).stream().map(TopicAdmin.Answer::orThrow).toList();
    }

    /** Empty while Kafka does not tell. */
    private Optional<Map<TopicPartition, Long>> ends(List<TopicPartition> of) {
        try {
            return Optional.of(TopicAdmin.ends(kafka, of, PATIENCE));
        } catch (KafkaException e) {
            LOGGER.debug("the ends of {} are not known", names, e);
            return Optional.empty();
        }
    }

    private static List<TopicPartition> partitions(List<TopicDescription> topics) {
        return topics.stream().flatMap(topic -> topic.partitions().stream()
            .map(partition -> new TopicPartition(topic.name(), partition.partition()))).toList();
    }

    /**
     * What is missing of topics that are there; null when they are whole.
     *
     * @param answer whether their leaders have said how far they have come
     */
    String missingLeaders(List<TopicDescription> topics, boolean answer) {
        return topics.stream().map(RawTopics::missingLeaders).filter(Objects::nonNull).findFirst()
            .orElse(answer ? null : "the brokers that lead topic " + String.join(", ", names)
                + ", which do not say how far it has come");
    }

    private static String missingLeaders(TopicDescription topic) {
        String partitions = topic.partitions().stream().filter(partition -> partition.leader() == null)
            .map(partition -> Integer.toString(partition.partition())).collect(Collectors.joining(", "));
        return partitions.isEmpty() ? null : "a leader of partition " + partitions + " of topic " + topic.name()
            + ": the brokers that hold it are down";
    }

    /** What has to come, or to be repaired, before Kafka answers. */
    String missing(String topic, KafkaException said) {
        if (said instanceof UnknownTopicOrPartitionException) {
            return "topic " + topic
                + ", which does not exist: create it, or start the job again, which creates missing topics";
        }
        if (said instanceof AuthorizationException) {
            return "permission to read topic " + topic
                + ": allow the user in [kafka.security] to describe and to read it";
        }
        if (said instanceof AuthenticationException) {
            return "a login that Kafka accepts: correct username, password or ca_file in [kafka.security]";
        }
        return "Kafka at " + kafka.get("bootstrap.servers") + ", which does not answer";
    }
}
