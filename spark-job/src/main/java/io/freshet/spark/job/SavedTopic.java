package io.freshet.spark.job;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.freshet.spark.engine.Checkpoint;
import java.util.Optional;

/**
 * Which topic the offsets of a checkpoint belong to: the file {@code freshet/topic.json} in it.
 *
 * @param topic its name
 * @param id the one that Kafka gave it when it was made
 * @param loss what of it was never read, when it is gone and the offsets are about to be set back; else null
 */
record SavedTopic(
    @JsonProperty("topic") String topic, @JsonProperty("topic_id") String id, @JsonProperty("loss") Loss loss) {
    private static final String FILE = "freshet/topic.json";
    private static final ObjectMapper JSON = new ObjectMapper();

    /**
     * What of a topic was never read.
     *
     * @param offsets how many, up to the end of the topic when it was seen last; null when that is not known
     */
    record Loss(@JsonProperty("offsets") Long offsets) {
        static final Loss UNKNOWN = new Loss(null);

        /** For people. */
        String describe() {
            if (offsets == null) {
                return "how much of the old one was never read is not known";
            }
            return offsets == 0 ? "nothing that was seen of the old one was left unread"
                : offsets + " offsets of the old one were never read and are lost";
        }
    }

    static Optional<SavedTopic> read(Checkpoint checkpoint) {
        return checkpoint.readFile(FILE).map(text -> {
            try {
                return JSON.readValue(text, SavedTopic.class);
            } catch (JsonProcessingException e) {
                throw new IllegalStateException(
                    "file " + FILE + " was malformed; bring it back, or start from a new checkpoint location", e);
            }
        });
    }

    void write(Checkpoint checkpoint) {
        try {
            checkpoint.writeFile(FILE, JSON.writeValueAsString(this));
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("a record of plain values could not be written", e);
        }
    }
}
