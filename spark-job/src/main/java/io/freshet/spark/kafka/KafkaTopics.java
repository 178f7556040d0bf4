package io.freshet.spark.kafka;

import io.freshet.spark.configuration.PipelineConfiguration;
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
     * Creates those of the topics that are missing; existing ones stay as they are.
     *
     * @throws ExecutionException when Kafka refuses to create one
     */
    public static void createMissing(Map<String, String> kafka, List<PipelineConfiguration.Topic> topics)
        throws ExecutionException, InterruptedException {
        try (Admin admin = Admin.create(Map.copyOf(kafka))) {
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
