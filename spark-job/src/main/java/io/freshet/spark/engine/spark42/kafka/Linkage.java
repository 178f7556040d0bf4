package io.freshet.spark.engine.spark42.kafka;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Whether a reader fits the Spark and the Kafka client of a process. Where a class or method of theirs that it uses is
 * another one, or is missing, the next slower one takes over for the rest of the process, and the log says so once.
 */
final class Linkage {
    /** That of the reader of records. */
    static final Linkage OF_RECORDS = new Linkage("Kafka is read by Spark's own reader");
    /** That of the reader of whole batches. */
    static final Linkage OF_BATCHES = new Linkage("Kafka's records are read one by one");

    private static final Logger LOGGER = LoggerFactory.getLogger(Linkage.class);

    private final String instead;
    private boolean broken;

    /** @param instead what happens instead */
    Linkage(String instead) {
        this.instead = instead;
    }

    /** Nothing was missing until now. */
    synchronized boolean isWhole() {
        return !broken;
    }

    /**
     * Takes in why something failed.
     *
     * @throws RuntimeException or an error: the failure itself, if it is none of linkage
     */
    void breakOrThrow(Throwable failure) {
        LinkageError missing = find(failure);
        if (missing != null) {
            breakAt(missing);
        } else if (failure instanceof RuntimeException exception) {
            throw exception;
        } else {
            throw (Error) failure;
        }
    }

    private synchronized void breakAt(LinkageError missing) {
        if (!broken) {
            broken = true;
            LOGGER.warn("{} from now on, since the faster reader does not fit this version of Spark or of "
                + "kafka-clients: {}", instead, oneLine(missing));
        }
    }

    /** Kafka's client hands on what has failed inside of it as the cause of an exception of its own. */
    private static LinkageError find(Throwable failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof LinkageError missing) {
                return missing;
            }
        }
        return null;
    }

    private static String oneLine(LinkageError missing) {
        return missing.toString().lines().findFirst().orElseThrow();
    }
}
