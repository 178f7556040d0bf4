package io.freshet.spark.job;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.freshet.spark.engine.Checkpoint;
import java.util.ArrayList;
import java.util.List;

/**
 * Which topics the offsets of a checkpoint belong to: the file {@code freshet/topic.json} in it, which has one topic,
 * or a list of them.
 */
record SavedTopics(List<Topic> topics) {
    private static final String FILE = "freshet/topic.json";
    private static final ObjectMapper JSON = new ObjectMapper();

    /**
     * A topic.
     *
     * @param name what it is called
     * @param id the one that Kafka gave it when it was made
     * @param loss what of it was never read, when it is gone and the offsets are about to be set back; else null
     */
    record Topic(
        @JsonProperty("topic") String name, @JsonProperty("topic_id") String id, @JsonProperty("loss") Loss loss) {}

    /**
     * What of a topic was never read.
     *
     * @param offsets how many, up to the end of the topic when it was seen last; null when that is not known
     */
    record Loss(@JsonProperty("offsets") Long offsets) {
        static final Loss UNKNOWN = new Loss(null);

        /** For people, who know the topic as that. */
        String describe(String topic) {
            if (offsets == null) {
                return "how much of " + topic + " was never read is not known";
            }
            return offsets == 0 ? "nothing that was seen of " + topic + " was left unread"
                : offsets + " offsets of " + topic + " were never read and are lost";
        }
    }

    /** No topics for a checkpoint that does not say. */
    static SavedTopics read(Checkpoint checkpoint) {
        return new SavedTopics(checkpoint.readFile(FILE).map(SavedTopics::parse).orElse(List.of()));
    }

    private static List<Topic> parse(String text) {
        try {
            JsonNode saved = JSON.readTree(text);
            List<Topic> topics = new ArrayList<>();
            for (JsonNode topic : saved.isArray() ? saved : List.of(saved)) {
                topics.add(JSON.treeToValue(topic, Topic.class));
            }
            return topics;
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(
                "file " + FILE + " was malformed; bring it back, or start from a new checkpoint location", e);
        }
    }

    void write(Checkpoint checkpoint) {
        try {
            checkpoint.writeFile(FILE, JSON.writeValueAsString(topics.size() == 1 ? topics.get(0) : topics));
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("a record of plain values could not be written", e);
        }
    }
}
