package io.freshet.spark.engine.spark42.sql;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What travels through Spark, and stays in the state of streams. */
class StatsBufferTest {
    /** Few readings as they are, more of them as the library keeps them, which grows with their spread only. */
    @ParameterizedTest
    @CsvSource({"false, 1, 14", "false, 32, 262", "true, 32, 518", "false, 33, 600", "true, 33, 600", "true, 1024, 600",
        "true, 5000, 600"})
    void aGroupTakesFewBytes(boolean withTimes, int readings, int mostBytes) {
        StatsBuffer buffer = buffer(withTimes, readings);
        byte[] statistics = buffer(withTimes, readings).statistics();
        byte[] encoded = buffer.encode();
        assertTrue(encoded.length <= mostBytes, () -> encoded.length + " bytes");
        assertArrayEquals(statistics, StatsBuffer.decode(encoded).statistics());
        assertArrayEquals(statistics, buffer.statistics(), "encoding changes nothing");
    }

    private static StatsBuffer buffer(boolean withTimes, int readings) {
        StatsBuffer buffer = new StatsBuffer(withTimes);
        for (int reading = 0; reading < readings; reading++) {
            buffer.add(20 + reading % 10, 1_000_000L * reading);
        }
        return buffer;
    }
}
