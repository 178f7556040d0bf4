package io.freshet.spark.nativelib;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.charset.StandardCharsets;
import org.apache.spark.unsafe.types.UTF8String;
import org.junit.jupiter.api.Test;

class NativeRecordParserTest {
    private static final String STREAM =
        NativeRecordParser.readSpecification("series = [\"id\"], values = { v = \"v\" }", false);

    private static int parse(NativeRecordParser parser, String record) {
        parser.key(null);
        parser.value(record.getBytes(StandardCharsets.UTF_8));
        return parser.parse(true, 5_000_000);
    }

    @Test
    void buffersGrowAndAreReused() {
        try (NativeRecordParser parser = new NativeRecordParser(STREAM)) {
            for (int length : new int[] {1, 10_000, 1, 900, 500_000, 1}) {
                String padding = "x".repeat(length);
                assertEquals(1, parse(parser, "{\"x\":\"" + padding + "\",\"id\":\"a\",\"v\":" + length + "}"));
                assertEquals(UTF8String.fromString("v"), parser.readMetric());
                assertEquals(5_000_000, parser.readTime());
                assertEquals(length, parser.readValue());
                assertEquals(UTF8String.fromString("a"), parser.readText());
            }
        }
    }

    @Test
    void aKeyAndAPartOfALongerStringAreTakenAsTheyAre() {
        String keyed = NativeRecordParser.readSpecification("values = { v = \"v\" }", false);
        try (NativeRecordParser parser = new NativeRecordParser(keyed)) {
            parser.key("schlüssel".getBytes(StandardCharsets.UTF_8));
            parser.value(UTF8String.fromString("before{\"v\":1}after").substring(6, 13));
            assertEquals(1, parser.parse(true, 0));
            parser.readMetric();
            parser.readTime();
            assertEquals(1.0, parser.readValue());
            assertEquals(UTF8String.fromString("schlüssel"), parser.readText());
        }
    }

    @Test
    void aRejectedRecordSaysWhyAndTheNextOneIsRead() {
        try (NativeRecordParser parser = new NativeRecordParser(STREAM)) {
            String text = "{\"id\":\"a\",\"v\":\"" + "x".repeat(9_000) + "\"}";
            assertEquals(NativeRecordParser.REJECTED, parse(parser, text));
            assertEquals(UTF8String.fromString("invalid_value"), parser.readText());
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
