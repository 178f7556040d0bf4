package io.freshet.spark.nativelib;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class NativeRecordParserTest {
    private static final String STREAM =
        NativeRecordParser.readSpecification("series = [\"id\"], values = { v = \"v\" }", false);

    private static int parse(NativeRecordParser parser, String record) {
        parser.begin(null, null, null);
        parser.value(record.getBytes(StandardCharsets.UTF_8));
        return parser.parse(true, 5_000_000);
    }

    private static String text(NativeRecordParser parser) {
        return new String(parser.readText(), StandardCharsets.UTF_8);
    }

    @Test
    void buffersGrowAndAreReused() {
        try (NativeRecordParser parser = new NativeRecordParser(STREAM)) {
            for (int length : new int[] {1, 10_000, 1, 900, 500_000, 1}) {
                String padding = "x".repeat(length);
                assertEquals(1, parse(parser, "{\"x\":\"" + padding + "\",\"id\":\"a\",\"v\":" + length + "}"));
                assertEquals("v", parser.metrics().get(parser.readMetric()));
                assertEquals(5_000_000, parser.readTime());
                assertEquals(length, parser.readValue());
                assertEquals("a", text(parser));
            }
        }
    }

    @Test
    void aKeyAndAPartOfALongerStringAreTakenAsTheyAre() {
        String keyed = NativeRecordParser.readSpecification("values = { v = \"v\" }", false);
        try (NativeRecordParser parser = new NativeRecordParser(keyed)) {
            parser.begin("schlüssel".getBytes(StandardCharsets.UTF_8), null, null);
            parser.value(ByteBuffer.wrap("before{\"v\":1}after".getBytes(StandardCharsets.UTF_8), 6, 7));
            assertEquals(1, parser.parse(true, 0));
            parser.readMetric();
            parser.readTime();
            assertEquals(1.0, parser.readValue());
            assertEquals("schlüssel", text(parser));
        }
    }

    @Test
    void topicAndHeadersNameTheSeries() {
        String beside = NativeRecordParser.readSpecification(
            "series = [\"$topic\", \"$header.site\"], values = { v = \"v\" }", false);
        EncodedHeaders headers = new EncodedHeaders();
        byte[] site = "site".getBytes(StandardCharsets.UTF_8);
        headers.add(site, null);
        headers.add("x".repeat(300).getBytes(StandardCharsets.UTF_8), new byte[100_000]);
        headers.add(site, "köln".getBytes(StandardCharsets.UTF_8));
        try (NativeRecordParser parser = new NativeRecordParser(beside)) {
            parser.begin(null, "sensors.eu".getBytes(StandardCharsets.UTF_8), headers.bytes());
            parser.value("{\"v\":1}".getBytes(StandardCharsets.UTF_8));
            assertEquals(1, parser.parse(true, 0));
            parser.readMetric();
            parser.readTime();
            parser.readValue();
            assertEquals("sensors.eu/köln", text(parser));
        }
    }

    @Test
    void aRejectedRecordSaysWhyAndTheNextOneIsRead() {
        try (NativeRecordParser parser = new NativeRecordParser(STREAM)) {
            String text = "{\"id\":\"a\",\"v\":\"" + "x".repeat(9_000) + "\"}";
            assertEquals(NativeRecordParser.REJECTED, parse(parser, text));
            assertEquals("invalid_value", text(parser));
            assertEquals(1, parse(parser, "{\"id\":\"a\",\"v\":1}"));
        }
    }

    @Test
    void aClosedParserIsRefusedAndClosingTwiceIsHarmless() {
        NativeRecordParser parser = new NativeRecordParser(STREAM);
        parser.close();
        parser.close();
        var thrown = assertThrows(NativeException.class, () -> parse(parser, "{}"));
        assertEquals("the parser is closed", thrown.getMessage());
        assertThrows(NativeException.class, () -> new NativeRecordParser("{}"));
    }
}
