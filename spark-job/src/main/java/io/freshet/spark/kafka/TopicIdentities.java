package io.freshet.spark.kafka;

import io.freshet.spark.engine.TopicCheck;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.clients.admin.TopicDescription;

/**
 * Topics as they were made: Kafka gives every topic an id of its own, and another one to a topic that is made anew
 * under the same name. No id comes back, so that whatever was read before the id was seen was read from this topic.
 *
 * @param kafka properties of a Kafka client, by which it is asked; they hold secrets
 * @param ids by the topics' names, as Kafka prints them
 */
public record TopicIdentities(Map<String, String> kafka, Map<String, String> ids) implements TopicCheck {
    /** As long as Kafka's own clients wait. */
    private static final Duration PATIENCE = Duration.ofMinutes(1);

    /** Copies, which can be serialized. */
    public TopicIdentities {
        kafka = new HashMap<>(kafka);
        ids = new TreeMap<>(ids);
    }

    /** Those of topics as they are now. */
    public static TopicIdentities of(Map<String, String> kafka, Iterable<TopicDescription> topics) {
        Map<String, String> ids = new TreeMap<>();
        topics.forEach(topic -> ids.put(topic.name(), topic.topicId().toString()));
        return new TopicIdentities(kafka, ids);
    }

    /** Whether a topic is one of these, and the same. */
    public boolean has(String topic, String id) {
        return id.equals(ids.get(topic));
    }

    /**
     * Makes sure that the topics are still these.
     *
     * @throws TopicReplacedException when one is another one
     * @throws org.apache.kafka.common.KafkaException when it cannot be told, for instance because there is no such
     *     topic
     */
    @Override
    public void verify() {
        for (TopicAdmin.Answer answer : TopicAdmin.describe(kafka, List.copyOf(ids.keySet()), PATIENCE)) {
            TopicDescription now = answer.orThrow();
            if (!has(now.name(), now.topicId().toString())) {
                throw new TopicReplacedException(now.name());
            }
        }
    }

    @Override
    public String identity(String topic) {
        return ids.getOrDefault(topic, "");
    }

    /** Without the properties: plans are shown. */
    @Override
    public String toString() {
        return ids.toString();
    }
}
