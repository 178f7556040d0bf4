package io.freshet.spark.nativelib;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.lang.reflect.RecordComponent;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** What the job shares with the other parts comes from the library, and what it tells them is held to it. */
class NativeContractTest {
    private static final String WHO = "\"instance\":\"a:1\",\"since\":1,\"time\":2,\"records_in\":0,\"records_out\":0,"
        + "\"bytes_in\":0,\"bytes_out\":0";

    @Test
    void theNamesAreThoseThatTheOtherPartsUse() {
        var contract = NativeContract.get();
        var letters = contract.deadLetters();
        assertEquals(1 << 20, contract.records().maxBytes());
        assertEquals("parse", letters.stage());
        assertEquals(16 << 20, letters.maxBytes());
        assertEquals(1_024, letters.maxDetailBytes());
        var names = letters.headers();
        assertEquals(List.of("freshet-stage", "freshet-reason", "freshet-detail", "freshet-topic", "freshet-partition",
            "freshet-offset", "freshet-key", "freshet-truncated", "freshet-key-truncated", "freshet-source"),
            List.of(names.stage(), names.reason(), names.detail(), names.topic(), names.partition(), names.offset(),
                names.key(), names.truncated(), names.keyTruncated(), names.source()));
        assertEquals(1_000, contract.health().intervalMillis());
        assertEquals(4_000, contract.stopTimeoutMillis());
        assertEquals(new NativeContract.StreamTopics(List.of("raw.s"), "windows.s"), NativeContract.topics("s"));
        assertArrayEquals("spark-job/näher".getBytes(UTF_8), NativeContract.reportKey("näher"));
    }

    @Test
    void aReportGetsTheNameOfTheJobAndKeepsEverythingElse() throws Exception {
        JsonNode report = report("\"watermark\":null,\"late_by_window\":{\"10s\":3},\"errors\":{\"rejected\":1}");
        assertEquals("spark-job", report.get("component").asText());
        assertTrue(report.get("watermark").isNull());
        assertEquals(3, report.at("/late_by_window/10s").asInt());
        assertEquals(11, report.size());
    }

    @Test
    void whatIsNotDeclaredDoesNotGetIntoAReport() {
        for (String wrong : List.of("\"watermrak\":1", "\"state\":\"paused\"", "\"lag\":\"7\"",
            "\"errors\":{\"odd\":1}", "\"restarts\":-1", "\"notices\":\"one\"")) {
            var thrown = assertThrows(NativeException.class, () -> report(wrong), wrong);
            String message = thrown.getMessage();
            assertTrue(message.contains("health report") || message.contains("counts no errors"), message);
        }
    }

    /** A name that is written down twice is changed once. */
    @Test
    void theJobHasNoCopyOfANameOfTopicsHeadersAndComponents() throws Exception {
        List<String> names = names();
        assertEquals(16, names.size());
        try (Stream<Path> files = Files.walk(Path.of("spark-job/src/main/java"))) {
            List<Path> sources = files.filter(file -> file.toString().endsWith(".java")).toList();
            assertTrue(sources.size() > 50);
            for (Path source : sources) {
                String text = Files.readString(source);
                names.forEach(name -> assertTrue(
                    !text.contains("\"" + name + "\"") && !text.contains("\"" + name + "/\""),
                    () -> source + " has a copy of '" + name + "'"));
                for (String limit : List.of("16 << 20", "(1 << 20) + 1", "1e150", "1E150")) {
                    assertFalse(text.contains(limit), () -> source + " has a copy of the limit " + limit);
                }
            }
        }
    }

    private static List<String> names() throws ReflectiveOperationException {
        var headers = NativeContract.get().deadLetters().headers();
        Stream.Builder<String> names = Stream.builder();
        for (RecordComponent header : NativeContract.Headers.class.getRecordComponents()) {
            names.add((String) header.getAccessor().invoke(headers));
        }
        for (String name : List.of("raw.", "windows.", "dead-letters", "spark-job", "freshet-cassandra-writer",
            "freshet-producer")) {
            names.add(name);
        }
        return names.build().toList();
    }

    private static JsonNode report(String fields) throws IOException {
        byte[] report = NativeContract.report(("{" + WHO + "," + fields + "}").getBytes(UTF_8));
        return new ObjectMapper().readTree(report);
    }
}
