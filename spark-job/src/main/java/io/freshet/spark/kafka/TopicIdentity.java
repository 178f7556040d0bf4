package io.freshet.spark.kafka;

import io.freshet.spark.engine.TopicCheck;
import java.time.Duration;
import java.util.Map;

/**
 * A topic as it was made: Kafka gives every topic an id of its own, and another one to a topic that is made anew under
 * the same name. No id comes back, so that whatever was read before the id was seen was read from this topic.
 *
 * @param kafka properties of a Kafka client, by which it is asked; they hold secrets
 * @param name that of the topic
 * @param id that of the topic, as Kafka prints it
 */
public record TopicIdentity(Map<String, String> kafka, String name, String id) implements TopicCheck {
    /** As long as Kafka's own clients wait. */
    private static final Duration PATIENCE = Duration.ofMinutes(1);

    /**
     * Makes sure that the topic is still this one.
     *
     * @throws TopicReplacedException when it is another one
     * @throws org.apache.kafka.common.KafkaException when it cannot be told, for instance because there is no such
     *     topic
     */
    @Override
    public void verify() {
        if (!TopicAdmin.describe(kafka, name, PATIENCE).topicId().toString().equals(id)) {
            throw new TopicReplacedException(name);
        }
    }

    @Override
    public String identity() {
        return id;
    }

    /** Without the properties: plans are shown. */
    @Override
    public String toString() {
        return name + " (" + id + ")";
    }
}
