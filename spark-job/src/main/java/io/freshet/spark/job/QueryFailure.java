package io.freshet.spark.job;

import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import org.apache.spark.SparkThrowable;

/**
 * Why a query has failed, for people.
 *
 * @param description one line without secrets: what happened, and what to do where that is known
 * @param permanent whether it will fail again until somebody repairs something
 * @param waitsFor what outside of the query has to answer before it can go on; empty where it has simply failed
 */
public record QueryFailure(String description, boolean permanent, Optional<String> waitsFor) {
    private static final int LONGEST = 500;

    /** What Spark and Kafka say when something common went wrong, and what to do; the first match counts. */
    private static final List<Sign> SIGNS = List.of(
        // Nothing is wrong with the checkpoint then: moved away, it would be counted anew beside the other job.
        new Sign("CONCURRENT_STREAM_LOG_UPDATE|CONCURRENT_QUERY",
            "another job uses the checkpoint %s: stop one of the two, and leave the folder where it is", true),
        // Not every condition of the state store: a busy or lost executor is no reason to give up a checkpoint.
        new Sign("STATE_STORE_INVALID_CONFIG_AFTER_RESTART|_SCHEMA_NOT_COMPATIBLE"
            + "|STREAMING_STATEFUL_OPERATOR_NOT_MATCH_IN_STATE_METADATA|start from a new checkpoint location",
            "its checkpoint %s does not fit this job: bring back the settings or the version that it was made with, "
                + "or, to count the stream anew from the beginning of its topic, move the folder away and raise the "
                + "stream's generation",
            true),
        new Sign("CHECKPOINT_FILE_CHECKSUM_VERIFICATION_FAILED|STREAMING_CHECKPOINT_MISSING_METADATA_FILE"
            + "|STREAMING_STATEFUL_OPERATOR_MISSING_STATE_DIRECTORY|STATE_STORE_CHECKPOINT_LOCATION_NOT_EMPTY"
            + "|_ROW_FORMAT_VALIDATION_FAILURE|ROW_CHECKSUM_VERIFICATION_FAILED|CANNOT_LOAD_STATE_STORE\\.CANNOT_READ_"
            + "|Malformed log file|Incomplete log file|Log file was malformed|UnsupportedLogVersion"
            + "|batch \\d+ doesn't exist",
            "its checkpoint %s is damaged or not whole: bring back the folder as it was, or, to count the stream anew "
                + "from the beginning of its topic, move the folder away and raise the stream's generation", true),
        new Sign("the schema registry has not said what schema",
            "its records are kept and read again: look after the registry, or correct [schema_registry]", false,
            "the schema registry, which does not say what the records are written with"),
        new Sign("(?s)rejected records of .*(RecordTooLargeException|MESSAGE_TOO_LARGE)",
            "raise max.message.bytes of the topic for rejected records", false),
        new Sign("RecordTooLargeException|MESSAGE_TOO_LARGE", "raise max.message.bytes of the windows topic", false),
        new Sign("UnknownTopicOrPartitionException|not present in metadata",
            "a topic of the stream is missing: create it, or start the job again, which creates those of Freshet",
            false),
        new Sign("TopicAuthorizationException|GroupAuthorizationException|ClusterAuthorizationException",
            "allow the user in [kafka.security] to read the raw topic and to write the others", true),
        new Sign("SaslAuthenticationException|SslAuthenticationException",
            "correct username, password or ca_file in [kafka.security]", true));

    /** @param said a pattern that is searched for */
    private record Sign(Pattern said, String advice, boolean permanent, Optional<String> waitsFor) {
        Sign(String said, String advice, boolean permanent) {
            this(Pattern.compile(said), advice, permanent, Optional.empty());
        }

        Sign(String said, String advice, boolean permanent, String waitsFor) {
            this(Pattern.compile(said), advice, permanent, Optional.of(waitsFor));
        }

        boolean isIn(String text) {
            return said.matcher(text).find();
        }
    }

    /**
     * Looks through a failure and its causes.
     *
     * @param checkpoint where the query keeps its checkpoint
     * @param secrets texts that must not be shown
     */
    public static QueryFailure of(Throwable failure, String checkpoint, Collection<String> secrets) {
        String everything = everything(failure);
        Optional<Sign> sign = SIGNS.stream().filter(known -> known.isIn(everything)).findFirst();
        String what = oneLine(root(failure));
        for (String secret : secrets) {
            what = what.replace(secret, "***");
        }
        String description = what.length() > LONGEST ? what.substring(0, LONGEST) + "…" : what;
        return sign
            .map(known ->
                new QueryFailure(description + "; " + known.advice().formatted(checkpoint), known.permanent(),
                    known.waitsFor()))
            .orElse(new QueryFailure(description, false, Optional.empty()));
    }

    private static String everything(Throwable failure) {
        StringBuilder text = new StringBuilder();
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof SparkThrowable spark) {
                text.append(spark.getCondition()).append('\n');
            }
            text.append(cause).append('\n');
        }
        return text.toString();
    }

    private static Throwable root(Throwable failure) {
        Throwable cause = failure;
        while (cause.getCause() != null) {
            cause = cause.getCause();
        }
        return cause;
    }

    /** Spark puts stack traces into messages: the first line says what happened. */
    private static String oneLine(Throwable cause) {
        String message = cause.getMessage() == null ? "" : cause.getMessage().strip();
        String firstLine = message.lines().findFirst().orElse("");
        String name = cause.getClass().getSimpleName();
        return firstLine.isEmpty() ? name : name + ": " + firstLine;
    }
}
