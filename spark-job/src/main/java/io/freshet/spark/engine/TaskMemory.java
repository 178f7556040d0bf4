package io.freshet.spark.engine;

/** The memory that a task uses outside of the heap, within a limit. */
public interface TaskMemory {
    /** Setting of Spark: the most that one task may take; its windows are handed on early then, in several parts. */
    String LIMIT_SETTING = "spark.freshet.task.memory";
    /** Of this setting. */
    String DEFAULT_LIMIT = "128m";

    /**
     * Reserves what is missing for so many bytes.
     *
     * @return false when that is over the limit or Spark has no more to give: use less
     */
    boolean reserve(long bytes);

    /** Gives everything back. */
    void release();
}
