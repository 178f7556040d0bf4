package io.freshet.spark.nativelib;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * The names and limits that the job shares with the other parts of the pipeline, as freshet-core declares them. They
 * are asked for once; Java has no copy of them.
 */
public final class NativeContract {
    private static final ObjectMapper JSON = JsonMapper.builder()
        .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
        // What the library does not say must not become null or 0.
        .enable(DeserializationFeature.FAIL_ON_MISSING_CREATOR_PROPERTIES)
        .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
        .build();

    private NativeContract() {}

    /**
     * Everything that is declared.
     *
     * @param records what is read of records
     * @param seriesParts how parts of a series are written that stand beside the value of a record
     * @param deadLetters how rejected records are sent
     * @param health how health is reported
     * @param stopTimeoutMillis how long a running micro-batch may take to end when the job is told to
     */
    public record Contract(
        Records records,
        SeriesParts seriesParts,
        DeadLetters deadLetters,
        Health health,
        long stopTimeoutMillis) {}

    /**
     * What is read of records.
     *
     * @param maxBytes a larger one is rejected
     */
    public record Records(int maxBytes) {}

    /**
     * How parts of a series are written that stand beside the value of a record.
     *
     * @param key the record's key
     * @param topic its topic
     * @param header what stands before the name of one of its headers
     */
    public record SeriesParts(String key, String topic, String header) {}

    /**
     * How rejected records are sent.
     *
     * @param headers names of their headers
     * @param stage the part of the pipeline that rejects them
     * @param maxBytes the largest letter
     * @param maxDetailBytes the most bytes of the text that says what was wrong
     */
    public record DeadLetters(Headers headers, String stage, int maxBytes, int maxDetailBytes) {}

    /**
     * Names of Kafka headers. docs/topics.md says what each of them means.
     *
     * @param source which source sent a raw record
     */
    public record Headers(
        String stage,
        String reason,
        String detail,
        String topic,
        String partition,
        String offset,
        String key,
        String truncated,
        String keyTruncated,
        String source) {}

    /**
     * How health is reported.
     *
     * @param intervalMillis time between two reports
     * @param maxNotices the most notices of a report
     */
    public record Health(long intervalMillis, int maxNotices) {}

    /** The topics of a stream. */
    public record StreamTopics(List<String> raw, String windows) {}

    private static final class Holder {
        static final Contract CONTRACT = read(describe(), Contract.class);
    }

    /** Everything that is declared. */
    public static Contract get() {
        NativeLibrary.load();
        return Holder.CONTRACT;
    }

    /** The topics of a stream where topic names have no prefix. */
    public static StreamTopics topics(String stream) {
        NativeLibrary.load();
        return read(streamTopics(utf8(stream)), StreamTopics.class);
    }

    /** The key of a stream's health reports, in UTF-8. */
    public static byte[] reportKey(String stream) {
        NativeLibrary.load();
        return healthKey(utf8(stream));
    }

    /**
     * A health report of the job.
     *
     * @param fields a JSON object in UTF-8: all that the job tells, but for its own name
     * @return the report in UTF-8
     * @throws NativeException when a field is not declared, not told by the job, or not what it is declared to be
     */
    public static byte[] report(byte[] fields) {
        NativeLibrary.load();
        return healthReport(fields);
    }

    private static <T> T read(byte[] json, Class<T> type) {
        try {
            return JSON.readValue(json, type);
        } catch (IOException e) {
            throw new UncheckedIOException("the native library describes other names than this jar needs", e);
        }
    }

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static native byte[] describe();

    private static native byte[] streamTopics(byte[] stream);

    private static native byte[] healthKey(byte[] stream);

    private static native byte[] healthReport(byte[] fields);
}
