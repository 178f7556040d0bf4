package io.freshet.spark.job;

import io.freshet.spark.engine.Checkpoint;
import io.freshet.spark.health.StreamHealth;
import io.freshet.spark.job.SavedTopic.Loss;
import io.freshet.spark.kafka.TopicAdmin;
import io.freshet.spark.kafka.TopicIdentity;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartitionInfo;
import org.apache.kafka.common.errors.AuthenticationException;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The raw topic of a stream. It may be deleted and made anew at any time, under the same name: then its offsets begin
 * anew, and those in the checkpoint are of no use any more. Kafka tells the one from the other by their ids.
 */
final class RawTopic {
    private static final Logger LOGGER = LoggerFactory.getLogger(RawTopic.class);
    /** For a look, of which there is one every second. */
    private static final Duration PATIENCE = Duration.ofSeconds(2);
    /** For what the query cannot start without. */
    private static final Duration LONG_PATIENCE = Duration.ofSeconds(30);

    private final Map<String, String> kafka;
    private final String name;
    private final StreamHealth health;
    /** The topic that the query was started for. */
    private volatile TopicIdentity identity;
    private volatile Seen seen = new Seen("", Map.of());
    private volatile List<Integer> partitions = List.of();
    private volatile String waitingFor;

    /** The ends of a topic of some id, by partition, when they were seen last. */
    private record Seen(String id, Map<Integer, Long> ends) {}

    /** @param health is told what is waited for, and what is lost */
    RawTopic(Map<String, String> kafka, String name, StreamHealth health) {
        this.kafka = kafka;
        this.name = name;
        this.health = health;
    }

    /**
     * Makes sure that the checkpoint's offsets are those of the topic as it is now, before a query starts: if it is
     * another one than it was, it is read from its beginning.
     *
     * @return the topic that the offsets belong to
     * @throws KafkaException when Kafka does not tell, for instance because there is no such topic
     */
    TopicIdentity settle(Checkpoint checkpoint) {
        TopicDescription first = TopicAdmin.describe(kafka, name, LONG_PATIENCE);
        Optional<Map<Integer, Long>> end = end(numbers(first));
        TopicDescription now = TopicAdmin.describe(kafka, name, LONG_PATIENCE);
        String id = now.topicId().toString();
        Optional<SavedTopic> saved = SavedTopic.read(checkpoint);
        Optional<SavedTopic> replaced = saved.filter(old -> !old.id().equals(id));
        Optional<Loss> loss = replaced.map(old -> startOver(checkpoint, old, now));
        if (saved.isEmpty() && checkpoint.isUsed()) {
            LOGGER.info("the checkpoint of {} is of an earlier version and does not say which topic it was made for: "
                + "it is taken to be the one that is there now, {}", name, id);
        }
        if (saved.isEmpty() || replaced.isPresent()) {
            new SavedTopic(name, id, null).write(checkpoint);
        }
        loss.ifPresent(lost -> report(replaced.orElseThrow().topic(), lost));
        identity = new TopicIdentity(kafka, name, id);
        partitions = numbers(now);
        if (first.topicId().equals(now.topicId())) {
            end.ifPresent(ends -> seen = new Seen(id, ends));
        }
        return identity;
    }

    /** The loss is written down first: it is found by the offsets that are set back then. */
    private Loss startOver(Checkpoint checkpoint, SavedTopic old, TopicDescription now) {
        Loss loss = old.loss() != null ? old.loss() : loss(checkpoint, old);
        new SavedTopic(name, old.id(), loss).write(checkpoint);
        checkpoint.startOver(name, now.partitions().size());
        return loss;
    }

    private void report(String before, Loss loss) {
        String why = name.equals(before) ? "was deleted and made anew" : "is read in place of " + before;
        String what = "topic " + name + " " + why + ", and is read from its beginning; " + loss.describe();
        LOGGER.warn("{}", what);
        health.lost(loss.offsets() == null ? 0 : loss.offsets(), what);
    }

    /** What the checkpoint has planned says nothing: it may be of the new topic. */
    private Loss loss(Checkpoint checkpoint, SavedTopic old) {
        Seen last = seen;
        if (!last.id().equals(old.id())) {
            return Loss.UNKNOWN;
        }
        Map<Integer, Long> read = checkpoint.readOffsets();
        return new Loss(last.ends().entrySet().stream()
            .mapToLong(end -> Math.max(0, end.getValue() - read.getOrDefault(end.getKey(), 0L))).sum());
    }

    /** What a query that has ended should do next, as far as the topic is the reason. */
    QuerySupervisor.Next next() {
        try {
            return isOther(TopicAdmin.describe(kafka, name, PATIENCE))
                ? QuerySupervisor.Next.AT_ONCE : QuerySupervisor.Next.BACK_OFF;
        } catch (UnknownTopicOrPartitionException | TimeoutException e) {
            waitFor(missing(e));
            return QuerySupervisor.Next.WHEN_READY;
        } catch (KafkaException e) {
            return QuerySupervisor.Next.BACK_OFF;
        }
    }

    private boolean isOther(TopicDescription now) {
        return identity != null && !identity.id().equals(now.topicId().toString());
    }

    /**
     * Looks whether all is well with the topic, and tells the stream's health what is waited for if not.
     *
     * @return whether it is another topic than the query was started for
     */
    boolean look() {
        try {
            // In this order: if it is the topic that was there before, then it was when its end was asked for.
            TopicIdentity before = identity;
            Optional<Map<Integer, Long>> end = end(partitions);
            TopicDescription now = TopicAdmin.describe(kafka, name, PATIENCE);
            boolean other = isOther(now);
            boolean same = before != null && before.id().equals(now.topicId().toString());
            if (same) {
                end.ifPresent(ends -> seen = new Seen(before.id(), ends));
            }
            health.topicEnds(same ? end : Optional.empty());
            partitions = numbers(now);
            waitFor(missingLeaders(now, end.isPresent() || other));
            return other;
        } catch (KafkaException e) {
            health.topicEnds(Optional.empty());
            waitFor(missing(e));
            return false;
        }
    }

    private void waitFor(String what) {
        if (what != null && !what.equals(waitingFor)) {
            LOGGER.warn("stream {} waits for {}", health.stream(), what);
        }
        waitingFor = what;
        health.waitingFor(what);
    }

    /** Whether the topic was there and well when it was looked at last. */
    boolean isReady() {
        return waitingFor == null;
    }

    /** Empty while Kafka does not tell. */
    private Optional<Map<Integer, Long>> end(List<Integer> of) {
        try {
            return Optional.of(TopicAdmin.ends(kafka, name, of, PATIENCE));
        } catch (KafkaException e) {
            LOGGER.debug("the end of topic {} is not known", name, e);
            return Optional.empty();
        }
    }

    private static List<Integer> numbers(TopicDescription topic) {
        return topic.partitions().stream().map(TopicPartitionInfo::partition).toList();
    }

    /**
     * What is missing of a topic that is there; null when it is whole.
     *
     * @param answer whether its leaders have said how far it has come
     */
    String missingLeaders(TopicDescription topic, boolean answer) {
        String partitions = topic.partitions().stream().filter(partition -> partition.leader() == null)
            .map(partition -> Integer.toString(partition.partition())).collect(Collectors.joining(", "));
        if (!partitions.isEmpty()) {
            return "a leader of partition " + partitions + " of topic " + name + ": the brokers that hold it are down";
        }
        return answer ? null : "the brokers that lead topic " + name + ", which do not say how far it has come";
    }

    /** What has to come, or to be repaired, before Kafka answers. */
    String missing(KafkaException said) {
        if (said instanceof UnknownTopicOrPartitionException) {
            return "topic " + name
                + ", which does not exist: create it, or start the job again, which creates missing topics";
        }
        if (said instanceof AuthorizationException) {
            return "permission to read topic " + name
                + ": allow the user in [kafka.security] to describe and to read it";
        }
        if (said instanceof AuthenticationException) {
            return "a login that Kafka accepts: correct username, password or ca_file in [kafka.security]";
        }
        return "Kafka at " + kafka.get("bootstrap.servers") + ", which does not answer";
    }
}
