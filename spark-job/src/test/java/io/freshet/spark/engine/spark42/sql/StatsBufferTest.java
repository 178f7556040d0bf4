package io.freshet.spark.engine.spark42.sql;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What travels through Spark, and stays in the state of streams. */
class StatsBufferTest {
    private static final String STORED = ""
        + "0301030000000000000000000000000000000000f83f000000000000084080f0fa020000000081f0fa020000000082f0fa02"
        + "000000000328000000000000000000000000a08e4001000000008038400000000000a0744000000000000034400000000000"
        + "003d40c01753020000000018000000000000000000000000000034400000000000003d40018040fd4a815abf52f03f7d059d"
        + "050e7b943f59f3f8c21f6ea501d49b0480010000000000000000000000000000000000000000000000000000000000000000"
        + "0000000000000000000000000000000000000000000000000000000000000000040000040004000400040004000400040004"
        + "0004000000000000000000000000000000000000000000000000000000000000000000000000000000000000000028aa02d0"
        + "02aa018040000000feffffff0fffffffff0f0080400000000000000034400000000000003d400000000000a08e4000";

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

    /** What queries of this version leave in their checkpoints: 40 readings added up, and three as they are. */
    @Test
    void theStateOfThisVersionIsReadByThoseThatFollow() {
        StatsBuffer buffer = StatsBuffer.decode(buffer(true, 40).encode());
        for (int reading = 0; reading < 3; reading++) {
            buffer.add(1.5 * reading, 50_000_000L + reading);
        }
        byte[] stored = HexFormat.of().parseHex(STORED);
        assertArrayEquals(buffer.statistics(), StatsBuffer.decode(stored).statistics(),
            () -> "this version writes " + HexFormat.of().formatHex(buffer.encode()));
    }

    private static StatsBuffer buffer(boolean withTimes, int readings) {
        StatsBuffer buffer = new StatsBuffer(withTimes);
        for (int reading = 0; reading < readings; reading++) {
            buffer.add(20 + reading % 10, 1_000_000L * reading);
        }
        return buffer;
    }
}
