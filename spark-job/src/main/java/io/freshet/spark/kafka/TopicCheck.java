package io.freshet.spark.kafka;

import java.io.Serializable;

/** Asked by a task that gets nothing from Kafka: throws when waiting is of no use, since the topic is another one. */
@FunctionalInterface
interface TopicCheck extends Serializable {
    /** Waits in any case. */
    TopicCheck NONE = () -> { };

    /** @throws RuntimeException when the task should end */
    void verify();
}
