package io.freshet.spark.job;

import io.freshet.spark.engine.Checkpoint;
import io.freshet.spark.health.StreamHealth;
import io.freshet.spark.job.SavedTopics.Loss;
import io.freshet.spark.kafka.TopicAdmin;
import io.freshet.spark.kafka.TopicIdentities;
import java.time.Duration;
import java.util.ArrayList;
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
    private final TopicNames names;
    private final StreamHealth health;
    /** The topics that the query was started for; null before. */
    private volatile TopicIdentities identities;
    private volatile Seen seen = new Seen(Map.of(), Map.of());
    private volatile List<TopicPartition> partitions = List.of();
    private volatile String waitingFor;

    /** The ends of topics of some ids when they were seen last. */
    private record Seen(Map<String, String> ids, Map<TopicPartition, Long> ends) {}

    /**
     * @param patterns names, in which a star stands for any characters: topics that come are read, too
     * @param health is told what is waited for, and what is lost
     */
    RawTopics(Map<String, String> kafka, List<String> patterns, StreamHealth health) {
        this.kafka = kafka;
        this.health = health;
        names = new TopicNames(kafka, patterns);
    }

    /**
     * Makes sure that the checkpoint's offsets are those of the topics as they are now, before a query starts: one that
     * is another one than it was is read from its beginning, and so is one that is new.
     *
     * @return the topics that the offsets belong to
     * @throws KafkaException when Kafka does not tell, for instance because there is no such topic
     */
    TopicIdentities settle(Checkpoint checkpoint) {
        // Until all is settled, nothing was started: a failure is no reason to start again at once.
        identities = null;
        List<SavedTopics.Topic> saved = SavedTopics.read(checkpoint).topics();
        List<String> current = names.find(namesOf(saved), LONG_PATIENCE);
        List<TopicDescription> first = describe(current);
        Optional<Map<TopicPartition, Long>> end = ends(partitions(first));
        List<TopicDescription> topics = describe(current);
        TopicIdentities now = TopicIdentities.of(kafka, topics);
        settle(checkpoint, saved, topics, now);
        identities = now;
        partitions = partitions(topics);
        if (TopicIdentities.of(kafka, first).equals(now)) {
            end.ifPresent(ends -> seen = new Seen(now.ids(), ends));
        }
        return now;
    }

    private static List<String> namesOf(List<SavedTopics.Topic> topics) {
        return topics.stream().map(SavedTopics.Topic::name).toList();
    }

    /**
     * The topics that a micro-batch was begun with, which has to be finished before {@link #settle}: others are to be
     * read by now, and these are all there as they were. Its windows may be written already, so that it has to be
     * repeated as it was planned; when one of its topics is gone, it cannot be.
     *
     * @throws KafkaException when Kafka does not tell
     */
    Optional<TopicIdentities> begunWith(Checkpoint checkpoint) {
        identities = null;
        List<SavedTopics.Topic> saved = SavedTopics.read(checkpoint).topics();
        if (saved.isEmpty() || !checkpoint.hasOpenBatch()) {
            return Optional.empty();
        }
        TopicIdentities before = new TopicIdentities(kafka, saved.stream()
            .collect(Collectors.toMap(SavedTopics.Topic::name, SavedTopics.Topic::id)));
        TopicIdentities now = TopicIdentities.of(kafka, describe(names.find(namesOf(saved), LONG_PATIENCE)));
        boolean mustFinish = !before.equals(now) && saved.stream().allMatch(this::isAsSaved);
        return mustFinish ? Optional.of(before) : Optional.empty();
    }

    private void settle(
        Checkpoint checkpoint, List<SavedTopics.Topic> saved, List<TopicDescription> topics, TopicIdentities now) {
        if (saved.isEmpty() && checkpoint.isUsed()) {
            LOGGER.info("the checkpoint of {} is of an earlier version and does not say which topic it was made for: "
                + "it is taken to be the one that is there now, {}", names, now);
        }
        List<SavedTopics.Topic> current = now.ids().entrySet().stream()
            .map(topic -> new SavedTopics.Topic(topic.getKey(), topic.getValue(), null)).toList();
        if (saved.isEmpty()) {
            new SavedTopics(current).write(checkpoint);
        }
        if (saved.isEmpty() || saved.equals(current)) {
            return;
        }
        List<SavedTopics.Topic> gone = withLosses(checkpoint, saved, now);
        // The losses are written down first: they are found by the offsets that are set back then.
        new SavedTopics(saved.stream().map(topic ->
            gone.stream().filter(lost -> lost.name().equals(topic.name())).findFirst().orElse(topic)).toList())
            .write(checkpoint);
        checkpoint.readFrom(offsets(checkpoint.readOffsets(), saved, topics, now));
        new SavedTopics(current).write(checkpoint);
        String added = now.ids().keySet().stream()
            .filter(name -> saved.stream().noneMatch(topic -> topic.name().equals(name)))
            .collect(Collectors.joining(", "));
        gone.forEach(topic -> report(topic, now.ids().containsKey(topic.name()), added));
    }

    /** Those of the saved topics that are not read any more, with what of them was never read. */
    private List<SavedTopics.Topic> withLosses(
        Checkpoint checkpoint, List<SavedTopics.Topic> saved, TopicIdentities now) {
        Map<TopicPartition, Long> read = checkpoint.readOffsets();
        return saved.stream().filter(topic -> !now.has(topic.name(), topic.id())).map(topic -> {
            Loss loss = topic.loss();
            if (loss == null) {
                loss = isAsSaved(topic) ? loss(ends(topic), read) : lossOfGone(topic, read);
            }
            return new SavedTopics.Topic(topic.name(), topic.id(), loss);
        }).toList();
    }

    /** Whether a topic is still there as it was: then it is only not to be read any more. */
    private boolean isAsSaved(SavedTopics.Topic topic) {
        TopicAdmin.Answer answer = TopicAdmin.describe(kafka, List.of(topic.name()), LONG_PATIENCE).get(0);
        boolean isGone = answer.failure() instanceof UnknownTopicOrPartitionException
            || answer.failure() instanceof AuthorizationException;
        return !isGone && answer.orThrow().topicId().toString().equals(topic.id());
    }

    private Optional<Map<TopicPartition, Long>> ends(SavedTopics.Topic topic) {
        return ends(partitions(describe(List.of(topic.name()))));
    }

    /** What the checkpoint has planned says nothing: it may be of the new topic. */
    private Loss lossOfGone(SavedTopics.Topic old, Map<TopicPartition, Long> read) {
        Seen last = seen;
        if (!old.id().equals(last.ids().get(old.name()))) {
            return Loss.UNKNOWN;
        }
        Map<TopicPartition, Long> ends = new HashMap<>(last.ends());
        ends.keySet().removeIf(partition -> !partition.topic().equals(old.name()));
        return loss(Optional.of(ends), read);
    }

    private static Loss loss(Optional<Map<TopicPartition, Long>> ends, Map<TopicPartition, Long> read) {
        return ends.map(all -> new Loss(all.entrySet().stream()
            .mapToLong(end -> Math.max(0, end.getValue() - read.getOrDefault(end.getKey(), 0L))).sum()))
            .orElse(Loss.UNKNOWN);
    }

    /** Where each partition is read on: one that was made anew at 0, and one that is new where it begins by now. */
    private Map<TopicPartition, Long> offsets(
        Map<TopicPartition, Long> read, List<SavedTopics.Topic> saved, List<TopicDescription> topics,
        TopicIdentities now) {
        Map<TopicPartition, Long> offsets = new HashMap<>();
        List<TopicPartition> added = new ArrayList<>();
        for (TopicPartition partition : partitions(topics)) {
            Optional<SavedTopics.Topic> before =
                saved.stream().filter(topic -> topic.name().equals(partition.topic())).findFirst();
            if (before.isEmpty()) {
                added.add(partition);
            } else if (!now.has(partition.topic(), before.get().id())) {
                offsets.put(partition, 0L);
            } else if (read.containsKey(partition)) {
                offsets.put(partition, read.get(partition));
            }
        }
        offsets.putAll(TopicAdmin.begins(kafka, added, LONG_PATIENCE));
        return offsets;
    }

    private void report(SavedTopics.Topic gone, boolean anew, String added) {
        String instead = added.isEmpty() ? "" : ", but " + added + " from the beginning";
        String what = anew ? "topic " + gone.name() + " was deleted and made anew, and is read from its beginning"
            : "topic " + gone.name() + " is not read any more" + instead;
        what += "; " + gone.loss().describe(anew ? "the old one" : "it");
        LOGGER.warn("{}", what);
        Long offsets = gone.loss().offsets();
        health.lost(offsets == null ? 0 : offsets, what);
    }

    /** What a query that has ended should do next, as far as the topics are the reason. */
    QuerySupervisor.Next next() {
        List<TopicAdmin.Answer> answers = ask();
        for (TopicAdmin.Answer answer : answers) {
            KafkaException said = answer.failure();
            if (said instanceof UnknownTopicOrPartitionException || said instanceof TimeoutException) {
                waitFor(missing(answer.topic(), said));
                return QuerySupervisor.Next.WHEN_READY;
            }
        }
        boolean isKnown = answers.stream().allMatch(answer -> answer.failure() == null);
        return isKnown && change(answers) != Change.NONE ? QuerySupervisor.Next.AT_ONCE : QuerySupervisor.Next.BACK_OFF;
    }

    /** Whether the topics are others than those that the query was started for. */
    enum Change {
        /** They are the same, or it was not started. */
        NONE,
        /** There are more. */
        ADDED,
        /** One is gone, or was made anew. */
        REPLACED
    }

    private Change change(List<TopicAdmin.Answer> answers) {
        TopicIdentities before = identities;
        TopicIdentities now =
            TopicIdentities.of(kafka, answers.stream().map(TopicAdmin.Answer::description).toList());
        if (before == null || before.equals(now)) {
            return Change.NONE;
        }
        return now.ids().entrySet().containsAll(before.ids().entrySet()) ? Change.ADDED : Change.REPLACED;
    }

    /** What Kafka says of each topic, or, in place of that, why it does not say which there are. */
    private List<TopicAdmin.Answer> ask() {
        try {
            List<String> known = identities == null ? List.of() : List.copyOf(identities.ids().keySet());
            return TopicAdmin.describe(kafka, names.find(known, PATIENCE), PATIENCE);
        } catch (KafkaException e) {
            return List.of(new TopicAdmin.Answer(names.toString(), null, e));
        }
    }

    /** Looks whether all is well with the topics, and tells the stream's health what is waited for if not. */
    Change look() {
        // In this order: if they are the topics that were there before, then they were when their ends were asked for.
        TopicIdentities before = identities;
        Optional<Map<TopicPartition, Long>> end = ends(partitions);
        List<TopicAdmin.Answer> answers = ask();
        Optional<TopicAdmin.Answer> failed = answers.stream().filter(answer -> answer.failure() != null).findFirst();
        if (failed.isPresent()) {
            health.topicEnds(Optional.empty());
            waitFor(missing(failed.get().topic(), failed.get().failure()));
            return Change.NONE;
        }
        List<TopicDescription> now = answers.stream().map(TopicAdmin.Answer::description).toList();
        Change change = change(answers);
        boolean same = before != null && change == Change.NONE;
        if (same) {
            end.ifPresent(ends -> seen = new Seen(before.ids(), ends));
        }
        health.topicEnds(same ? end : Optional.empty());
        partitions = partitions(now);
        String missing = missingLeaders(now, end.isPresent() || change != Change.NONE);
        waitFor(missing);
        // What cannot be read yet is no reason to end a query that reads others.
        return change == Change.ADDED && missing != null ? Change.NONE : change;
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

    private List<TopicDescription> describe(List<String> of) {
        return TopicAdmin.describe(kafka, of, LONG_PATIENCE).stream().map(TopicAdmin.Answer::orThrow).toList();
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
            .orElse(answer ? null : "the brokers that lead topic " + names
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
        if (said instanceof UnknownTopicOrPartitionException && TopicNames.isPattern(topic)) {
            return "a topic that is called " + topic + ": there is none that the user in [kafka.security] may see";
        }
        if (said instanceof UnknownTopicOrPartitionException) {
            return "topic " + topic
                + ", which does not exist: create it, or start the job again, which creates those of Freshet";
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
