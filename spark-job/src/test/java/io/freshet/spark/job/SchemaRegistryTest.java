package io.freshet.spark.job;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.freshet.spark.testing.KafkaAndSpark;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/**
 * A stream whose records name their schemas: two versions of one, and one that nobody knows. The registry is a server
 * of the test that speaks the part of Confluent's interface that is needed: {@code GET /schemas/ids/ID}.
 */
class SchemaRegistryTest extends KafkaAndSpark {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String ID = "{'name':'id','type':'string'}";
    private static final String AT = "{'name':'at','type':'long'}";
    private static final List<String> SCHEMAS = List.of(
        schema(ID, AT, "{'name':'v','type':'int'}"),
        schema(AT, "{'name':'note','type':['null','string']}", ID, "{'name':'speed','aliases':['v'],'type':'int'}"));

    private volatile boolean isUp;

    @Test
    void recordsWaitForTheRegistryAndAreReadWithTheirOwnSchemas() throws Exception {
        HttpServer registry = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        registry.createContext("/schemas/ids/", this::answer);
        registry.start();
        String url = "url = 'http://127.0.0.1:" + registry.getAddress().getPort() + "'";
        List<String> ofStream = List.of("format = 'avro'", "framing = 'confluent'");
        try (var stream = new SupervisedStream(spark, broker, folder, "schemas", 2, ofStream, "trigger = '0s'",
            "[schema_registry]", url);
            var producer = stream.producer(Map.of())) {
            stream.send(producer, first("a"), 2, 40);
            stream.send(producer, second("a"), 2, 30);
            stream.send(producer, first("b"), 2, 20);
            stream.send(producer, unknown(), 2, 4);
            stream.start();
            stream.awaitReport(report -> report.path("restarts").asLong() >= 2);
            JsonNode waiting = stream.report();
            String error = waiting.path("last_error").asText();
            assertTrue(error.contains("schema registry") && error.contains("status 503"), error);
            assertTrue(error.contains("look after the registry"), error);
            assertEquals("waiting", waiting.path("state").asText());
            assertEquals("the schema registry, which does not say what the records are written with",
                waiting.path("waiting_for").asText());
            assertEquals(0, waiting.path("errors").path("rejected").asLong());
            assertEquals(Map.of(), stream.counted());
            isUp = true;
            stream.awaitCounted("a", 70);
            stream.awaitCounted("b", 20);
            stream.awaitReport(report -> report.path("errors").path("rejected").asLong() == 4);
            assertEquals(Map.of("a", 70L, "b", 20L), stream.counted());
            assertEquals(90, stream.report().path("counted").asLong());
            assertEquals("running", stream.report().path("state").asText());
            assertTrue(stream.report().path("waiting_for").isNull());
        } finally {
            registry.stop(0);
        }
    }

    private void answer(HttpExchange exchange) throws IOException {
        String path = exchange.getRequestURI().getPath();
        int id = Integer.parseInt(path.substring(path.lastIndexOf('/') + 1));
        if (!isUp) {
            reply(exchange, 503, Map.of("error_code", 503, "message", "not yet"));
        } else if (id <= SCHEMAS.size()) {
            reply(exchange, 200, Map.of("schema", SCHEMAS.get(id - 1)));
        } else {
            reply(exchange, 404, Map.of("error_code", 40_403, "message", "Schema not found"));
        }
    }

    private static void reply(HttpExchange exchange, int status, Map<String, Object> body) throws IOException {
        byte[] bytes = JSON.writeValueAsBytes(body);
        exchange.sendResponseHeaders(status, bytes.length);
        try (exchange; var output = exchange.getResponseBody()) {
            output.write(bytes);
        }
    }

    private static String schema(String... fields) {
        String text = "{'type':'record','name':'Reading','fields':[" + String.join(",", fields) + "]}";
        return text.replace('\'', '"');
    }

    private static byte[] first(String series) throws IOException {
        return framed(1, datum -> {
            text(datum, series);
            number(datum, SupervisedStream.EVENT_TIME);
            number(datum, 1);
        });
    }

    private static byte[] second(String series) throws IOException {
        return framed(2, datum -> {
            number(datum, SupervisedStream.EVENT_TIME);
            number(datum, 1);
            text(datum, "a note");
            text(datum, series);
            number(datum, 1);
        });
    }

    private static byte[] unknown() throws IOException {
        return framed(1_000_000, datum -> number(datum, 0));
    }

    /** Writes Avro. */
    @FunctionalInterface
    private interface Writer {
        void write(DataOutputStream datum) throws IOException;
    }

    /** Confluent's wire format: a zero, the id in four bytes, the datum. */
    private static byte[] framed(int id, Writer writer) throws IOException {
        var bytes = new ByteArrayOutputStream();
        var output = new DataOutputStream(bytes);
        output.writeByte(0);
        output.writeInt(id);
        writer.write(output);
        return bytes.toByteArray();
    }

    private static void text(DataOutputStream datum, String text) throws IOException {
        byte[] bytes = text.getBytes(UTF_8);
        number(datum, bytes.length);
        datum.write(bytes);
    }

    /** Seven bits in each byte, the lowest first, with the sign in the lowest. */
    private static void number(DataOutputStream datum, long number) throws IOException {
        long rest = number << 1 ^ number >> 63;
        while ((rest & ~0x7f) != 0) {
            datum.writeByte((int) (rest & 0x7f | 0x80));
            rest >>>= 7;
        }
        datum.writeByte((int) rest);
    }
}
