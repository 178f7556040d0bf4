package io.freshet.spark.kafka;

/** A topic was deleted and made anew: the offsets of the one are none of the other. */
public final class TopicReplacedException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    TopicReplacedException(String topic) {
        super("topic " + topic + " was deleted and made anew; nothing of this micro-batch counts");
    }
}
