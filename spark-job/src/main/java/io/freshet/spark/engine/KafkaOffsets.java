package io.freshet.spark.engine;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.common.TopicPartition;

/** Offsets as Spark's Kafka source writes them: {@code {"topic":{"partition":offset}}}. */
public final class KafkaOffsets {
    private static final ObjectMapper JSON = new ObjectMapper();

    private KafkaOffsets() {}

    /**
     * Reads them, by partition.
     *
     * @throws IllegalArgumentException when they are not written like that
     */
    public static Map<TopicPartition, Long> parse(String json) {
        JsonNode topics;
        try {
            topics = JSON.readTree(json);
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException("Spark has offsets that are not JSON: " + json, e);
        }
        Map<TopicPartition, Long> offsets = new HashMap<>();
        topics.properties().forEach(topic -> topic.getValue().properties().forEach(partition -> offsets.put(
            new TopicPartition(topic.getKey(), Integer.parseInt(partition.getKey())), partition.getValue().asLong())));
        return offsets;
    }
}
