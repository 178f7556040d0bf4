package io.freshet.spark.job;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.freshet.spark.nativelib.NativeException;
import java.util.List;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.errors.SaslAuthenticationException;
import org.junit.jupiter.api.Test;

class QueryFailureTest {
    @Test
    void theRootCauseIsToldInOneLineWithoutSecrets() {
        var cause = new IllegalArgumentException("cannot log in with 'hunter2'\n\tat some.Class");
        QueryFailure failure = describe(new IllegalStateException("Job aborted", cause));
        assertEquals("IllegalArgumentException: cannot log in with '***'", failure.description());
        assertFalse(failure.permanent());
    }

    @Test
    void aKnownCauseComesWithWhatToDo() {
        QueryFailure tooLarge = describe(new IllegalStateException("x", new RecordTooLargeException("1 MB")));
        assertEquals("RecordTooLargeException: 1 MB; raise max.message.bytes of the windows topic",
            tooLarge.description());
        QueryFailure login = describe(new SaslAuthenticationException("no"));
        assertTrue(login.permanent() && login.description().contains("[kafka.security]"), login.description());
    }

    @Test
    void aCheckpointIsGivenUpOnlyWhenItIsToBlame() {
        QueryFailure damaged = describe(new IllegalStateException(
            "[CANNOT_LOAD_STATE_STORE.CANNOT_READ_DELTA_FILE_NOT_EXISTS] 3.delta does not exist"));
        assertTrue(damaged.permanent() && damaged.description().contains("/checkpoints/s"), damaged.description());
        QueryFailure foreign = describe(new IllegalStateException("Job aborted", new NativeException(
            "the windows' state was not written by this version of Freshet; start from a new checkpoint location")));
        assertTrue(foreign.permanent() && foreign.description().contains("/checkpoints/s"), foreign.description());
        QueryFailure busy = describe(new IllegalStateException(
            "[CANNOT_LOAD_STATE_STORE.UNRELEASED_THREAD_ERROR] the state of /data/CHECKPOINTS is in use"));
        assertFalse(busy.permanent());
        assertFalse(busy.description().contains("move the folder away"), busy.description());
    }

    /** Moved away, the checkpoint would be counted anew beside the job that uses it. */
    @Test
    void twoJobsOnOneCheckpointAreToldToStopOneOfThem() {
        QueryFailure failure =
            describe(new IllegalStateException("[CONCURRENT_STREAM_LOG_UPDATE] Concurrent update to the log"));
        assertTrue(failure.permanent());
        assertTrue(failure.description().endsWith(
            "another job uses the checkpoint /checkpoints/s: stop one of the two, and leave the folder where it is"),
            failure.description());
    }

    /**
     * Versions of windows that were counted anew are older than those that are stored, unless the generation is raised.
     */
    @Test
    void whoMovesACheckpointAwayIsToldToRaiseTheGeneration() {
        for (String said : List.of("Log file was malformed", "batch 41 doesn't exist",
            "[STATE_STORE_INVALID_CONFIG_AFTER_RESTART] x", "[STATE_STORE_CHECKPOINT_LOCATION_NOT_EMPTY] x")) {
            QueryFailure failure = describe(new IllegalStateException(said));
            assertTrue(failure.permanent(), said);
            assertTrue(failure.description().contains("move the folder away and raise the stream's generation"),
                failure.description());
        }
    }

    @Test
    void theTopicThatTakesTooLittleIsTheOneThatIsNamed() {
        QueryFailure letters = describe(new IllegalStateException(
            "rejected records of raw.s could not be sent to dead-letters", new RecordTooLargeException("1 MB")));
        assertEquals("RecordTooLargeException: 1 MB; raise max.message.bytes of the topic for rejected records",
            letters.description());
    }

    @Test
    void anEndlessMessageIsCutOff() {
        assertTrue(describe(new IllegalStateException("x".repeat(100_000))).description().length() < 600);
    }

    private static QueryFailure describe(Throwable failure) {
        return QueryFailure.of(failure, "/checkpoints/s", List.of("hunter2"));
    }
}
