package io.freshet.spark.engine;

import java.io.Serializable;

/** Whether records still come from the topics that they should come from; asked on the driver and in tasks. */
@FunctionalInterface
public interface TopicCheck extends Serializable {
    /** Takes any topic. */
    TopicCheck NONE = () -> { };

    /** @throws RuntimeException when the task should end, since a topic is another one */
    void verify();

    /** What tells a topic from another one of its name, such as its id; empty when any is taken. */
    default String identity(String topic) {
        return "";
    }
}
