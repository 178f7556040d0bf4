package io.freshet.spark.health;

/**
 * What a stream's health knows in numbers, at one moment: totals count from the start of the job. Null is not known.
 *
 * @param running whether the query has finished a micro-batch, or found that there is nothing to do, since it was
 *     started last, and waits for nobody
 * @param recordsRead from the raw topic
 * @param recordsCounted into windows; of several kinds of windows, that which counted the fewest
 * @param recordsLate for the kind of window for which most were
 * @param recordsRejected and sent to the topic of dead letters
 * @param recordsSkipped since they are none of the stream's
 * @param offsetsSkipped offsets of micro-batches that had no record
 * @param offsetsDeleted those of them that Kafka had deleted before they were read
 * @param lag records in the topic by now that no finished micro-batch has read
 * @param watermarkMillis of the newest micro-batch, epoch milliseconds
 * @param batchMillis how long the newest finished micro-batch took
 * @param progressAgeMillis for how long the query has neither finished a micro-batch nor found that there is nothing to
 *     do
 * @param triggerMillis from the start of a micro-batch to that of the next one
 * @param stateRows in the state, one per series, metric and kind of window
 * @param stateBytes that the state store uses for them
 * @param batches how many micro-batches were finished
 * @param restarts how often the query was started again after it had failed
 */
record StreamFigures(
    boolean running,
    long recordsRead,
    long recordsCounted,
    long recordsLate,
    long recordsRejected,
    long recordsSkipped,
    long offsetsSkipped,
    Long offsetsDeleted,
    Long lag,
    Long watermarkMillis,
    Long batchMillis,
    long progressAgeMillis,
    Long triggerMillis,
    Long stateRows,
    Long stateBytes,
    long batches,
    long restarts) {}
