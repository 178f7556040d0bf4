package io.freshet.spark.health;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.freshet.spark.nativelib.NativeLibrary;
import java.io.IOException;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Each thing that a report can say is declared: the library refuses what is not. */
class StreamHealthTest {
    private final StreamHealth health = new StreamHealth("s");

    @Test
    void aQueryOfWhichNothingIsKnownYetSaysSo() throws Exception {
        JsonNode report = report();
        assertEquals("spark-job", report.get("component").asText());
        assertEquals(NativeLibrary.VERSION, report.get("version").asText());
        assertEquals("starting", report.get("state").asText());
        for (String unknown
            : new String[] {"lag", "watermark", "batch_id", "state_rows", "last_error", "waiting_for"}) {
            assertTrue(report.path(unknown).isNull(), unknown);
        }
    }

    @Test
    void everyStateAndErrorIsOneThatOtherPartsKnow() throws Exception {
        health.running();
        assertEquals("running", report().get("state").asText());
        health.restarting("TimeoutException: no answer", Optional.empty());
        health.lost(3, "topic raw.s was made anew");
        JsonNode failed = report();
        assertEquals("restarting", failed.get("state").asText());
        assertEquals(1, failed.at("/errors/query_failed").asInt());
        assertEquals(3, failed.get("lost_offsets").asInt());
        assertEquals("topic raw.s was made anew", failed.at("/notices/0").asText());
        health.waitingFor("the topic raw.s");
        assertEquals("waiting", report().get("state").asText());
        assertEquals("the topic raw.s", report().get("waiting_for").asText());
    }

    @Test
    void aQueryThatHasFailedForWhatDoesNotAnswerWaitsUntilItGetsOn() throws Exception {
        health.restarting("NativeException: no schema", Optional.of("the schema registry"));
        assertEquals("waiting", report().get("state").asText());
        assertEquals("the schema registry", report().get("waiting_for").asText());
        health.waitingFor("the topic raw.s");
        assertEquals("the topic raw.s", report().get("waiting_for").asText());
        health.waitingFor(null);
        health.running();
        assertEquals("running", report().get("state").asText());
        assertTrue(report().path("waiting_for").isNull());
        health.restarting("NativeException: no schema", Optional.of("the schema registry"));
        health.restarting("TimeoutException: no answer", Optional.empty());
        assertEquals("restarting", report().get("state").asText());
    }

    /** A micro-batch that never ends leaves the state at running: only the time tells. */
    @Test
    void whenTheQueryGotOnLastStaysKnownThroughFailures() throws Exception {
        assertTrue(report().path("last_progress_time").isNull());
        long before = System.currentTimeMillis();
        health.running();
        JsonNode running = report();
        long time = running.get("last_progress_time").asLong();
        assertTrue(before <= time && time <= running.get("time").asLong(), running::toString);
        health.restarting("TimeoutException: no answer", Optional.empty());
        assertEquals(time, report().get("last_progress_time").asLong());
    }

    private JsonNode report() throws IOException {
        return new ObjectMapper().readTree(health.report());
    }
}
