package io.freshet.spark.kafka;

import io.freshet.spark.configuration.PipelineConfiguration;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.common.errors.TopicExistsException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Creates the pipeline's topics: a streaming query cannot start on a topic that does not exist. */
public final class KafkaTopics {
    private static final Logger LOGGER = LoggerFactory.getLogger(KafkaTopics.class);

    private KafkaTopics() {}

    /**
     * Creates those of the topics that are missing, with the patience of Kafka's own clients; existing ones stay as
     * they are.
     *
     * @throws ExecutionException when Kafka refuses to create one
     */
    public static void createMissing(Map<String, String> kafka, List<PipelineConfiguration.Topic> topics)
        throws ExecutionException, InterruptedException {
        createMissing(admin(kafka, Map.of()), topics);
    }

    /**
     * The same, with another patience.
     *
     * @param patience how long to wait for one answer
     * @throws ExecutionException when Kafka refuses to create one, or does not answer
     * @throws org.apache.kafka.common.KafkaException when its client cannot be made of such properties
     */
    public static void createMissing(
        Map<String, String> kafka, List<PipelineConfiguration.Topic> topics, Duration patience)
        throws ExecutionException, InterruptedException {
        String millis = Long.toString(patience.toMillis());
        createMissing(admin(kafka, Map.of("default.api.timeout.ms", millis, "request.timeout.ms", millis)), topics);
    }

    private static Admin admin(Map<String, String> kafka, Map<String, String> more) {
        Map<String, Object> properties = new HashMap<>(kafka);
        properties.putAll(more);
        return Admin.create(properties);
    }

    private static void createMissing(Admin opened, List<PipelineConfiguration.Topic> topics)
        throws ExecutionException, InterruptedException {
        try (Admin admin = opened) {
            Set<String> existing = admin.listTopics().names().get();
            for (PipelineConfiguration.Topic topic : topics) {
                if (!existing.contains(topic.name())) {
                    create(admin, topic);
                }
            }
        }
    }

    private static void create(Admin admin, PipelineConfiguration.Topic topic)
        throws ExecutionException, InterruptedException {
        NewTopic creation = new NewTopic(topic.name(), topic.partitions(), topic.replicationFactor())
            .configs(topic.settings());
        try {
            admin.createTopics(List.of(creation)).all().get();
            LOGGER.info("created topic {} with {} partitions", topic.name(), topic.partitions());
        } catch (ExecutionException e) {
            // Another component was faster.
            if (!(e.getCause() instanceof TopicExistsException)) {
                throw e;
            }
        }
    }
}
