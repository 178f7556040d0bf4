package io.freshet.spark.kafka;

import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.DescribeConfigsOptions;
import org.apache.kafka.clients.admin.DescribeTopicsOptions;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.ListTopicsOptions;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.common.errors.InterruptException;

/** What Kafka says of a topic: its id, its partitions, its end, what it takes. */
public final class TopicAdmin {
    /** One client per process and cluster: it is asked by every task, and connecting takes longer than the answer. */
    private static final Map<Map<String, String>, Admin> CLIENTS = new ConcurrentHashMap<>();

    private TopicAdmin() {}

    /**
     * The names of all topics that the user may see, without those that are Kafka's own.
     *
     * @param kafka properties of a Kafka client
     * @param patience how long to wait for an answer
     * @throws KafkaException what Kafka says instead
     */
    public static Set<String> names(Map<String, String> kafka, Duration patience) {
        ListTopicsOptions options = new ListTopicsOptions().timeoutMs(Math.toIntExact(patience.toMillis()));
        return await(client(kafka).listTopics(options).names(), patience);
    }

    /**
     * What Kafka says of a topic.
     *
     * @param description null where it says something else
     * @param failure what it says instead, such as {@code UnknownTopicOrPartitionException}; null where it does not
     */
    public record Answer(String topic, TopicDescription description, KafkaException failure) {
        /**
         * What it is.
         *
         * @throws KafkaException what Kafka says instead
         */
        public TopicDescription orThrow() {
            if (failure != null) {
                throw failure;
            }
            return description;
        }
    }

    /**
     * Describes topics.
     *
     * @param kafka properties of a Kafka client
     * @param patience how long to wait for all answers
     * @return one answer for each topic, in their order
     */
    public static List<Answer> describe(Map<String, String> kafka, List<String> topics, Duration patience) {
        DescribeTopicsOptions options = new DescribeTopicsOptions().timeoutMs(Math.toIntExact(patience.toMillis()));
        Map<String, KafkaFuture<TopicDescription>> asked =
            client(kafka).describeTopics(topics, options).topicNameValues();
        long end = System.nanoTime() + patience.toNanos();
        return topics.stream().map(topic -> {
            try {
                Duration left = Duration.ofNanos(Math.max(0, end - System.nanoTime()));
                return new Answer(topic, await(asked.get(topic), left), null);
            } catch (KafkaException e) {
                return new Answer(topic, null, e);
            }
        }).toList();
    }

    /**
     * The ends of partitions: the offsets that the next records will have.
     *
     * @throws KafkaException what Kafka says instead
     */
    public static Map<TopicPartition, Long> ends(
        Map<String, String> kafka, Collection<TopicPartition> partitions, Duration patience) {
        return offsets(kafka, partitions, OffsetSpec.latest(), patience);
    }

    /**
     * Where partitions begin: the offsets of the oldest records that they have.
     *
     * @throws KafkaException what Kafka says instead
     */
    public static Map<TopicPartition, Long> begins(
        Map<String, String> kafka, Collection<TopicPartition> partitions, Duration patience) {
        return offsets(kafka, partitions, OffsetSpec.earliest(), patience);
    }

    private static Map<TopicPartition, Long> offsets(
        Map<String, String> kafka, Collection<TopicPartition> partitions, OffsetSpec which, Duration patience) {
        ListOffsetsOptions options = new ListOffsetsOptions().timeoutMs(Math.toIntExact(patience.toMillis()));
        Map<TopicPartition, OffsetSpec> asked = partitions.stream().collect(
            Collectors.toMap(partition -> partition, ignored -> which));
        return await(client(kafka).listOffsets(asked, options).all(), patience).entrySet().stream()
            .collect(Collectors.toMap(Map.Entry::getKey, end -> end.getValue().offset()));
    }

    /**
     * How many bytes a batch of messages may have in a topic.
     *
     * @throws KafkaException what Kafka says instead
     */
    public static int maxMessageBytes(Map<String, String> kafka, String topic, Duration patience) {
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        DescribeConfigsOptions options = new DescribeConfigsOptions().timeoutMs(Math.toIntExact(patience.toMillis()));
        Config settings =
            await(client(kafka).describeConfigs(List.of(resource), options).values().get(resource), patience);
        return Integer.parseInt(settings.get(TopicConfig.MAX_MESSAGE_BYTES_CONFIG).value());
    }

    private static Admin client(Map<String, String> kafka) {
        return CLIENTS.computeIfAbsent(Map.copyOf(kafka), properties -> Admin.create(new HashMap<>(properties)));
    }

    /** The client's own limit does not end a call to a broker that hangs. */
    private static <T> T await(KafkaFuture<T> answer, Duration patience) {
        try {
            return answer.get(patience.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            throw new org.apache.kafka.common.errors.TimeoutException(
                "no answer within " + patience.toMillis() + " ms");
        } catch (InterruptedException e) {
            throw new InterruptException(e); // which marks the thread as interrupted again
        } catch (ExecutionException e) {
            throw e.getCause() instanceof KafkaException said ? said : new KafkaException(e.getCause());
        }
    }
}
