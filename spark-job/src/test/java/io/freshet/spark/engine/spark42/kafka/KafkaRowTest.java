package io.freshet.spark.engine.spark42.kafka;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.util.Optional;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.record.TimestampType;
import org.junit.jupiter.api.Test;

class KafkaRowTest {
    private static final int TIMESTAMP = 5;
    private static final long END_OF_9999_MICROS = 253_402_300_799_999_999L;

    @Test
    void timestampsAreMicroseconds() {
        assertEquals(1_769_860_800_123_000L, micros(1_769_860_800_123L));
        assertEquals(-1_000, micros(-1));
    }

    @Test
    void aTimestampThatDoesNotFitStaysOutOfTheRangeOfEventTimes() {
        // Cut to 64 bits, the microseconds of the first would be a time of the year 1970.
        for (long millis : new long[] {18_446_744_073_709_552L, Long.MAX_VALUE}) {
            assertTrue(micros(millis) > END_OF_9999_MICROS, () -> millis + " ms");
            assertTrue(micros(-millis) < -END_OF_9999_MICROS, () -> -millis + " ms");
        }
    }

    private static long micros(long millis) {
        KafkaRow row = new KafkaRow(new TopicPartition("raw", 0), false);
        row.set(new ConsumerRecord<ByteBuffer, ByteBuffer>("raw", 0, 0, millis, TimestampType.CREATE_TIME, -1, -1, null,
            null, new RecordHeaders(), Optional.empty()));
        return row.getLong(TIMESTAMP);
    }
}
