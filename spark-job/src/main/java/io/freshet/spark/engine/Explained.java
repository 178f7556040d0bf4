package io.freshet.spark.engine;

/** What {@code explain} and Spark's pages show of a step of a query, in one line and without secrets. */
public interface Explained {
    /** The name of the step, in one word. */
    default String planName() {
        return getClass().getSimpleName();
    }

    /** What matters of it, such as {@code stream=sensors, windows=[10s]}; empty for nothing. */
    default String planDetails() {
        return "";
    }
}
