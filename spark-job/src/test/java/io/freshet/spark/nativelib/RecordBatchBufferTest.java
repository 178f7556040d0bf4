package io.freshet.spark.nativelib;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class RecordBatchBufferTest {
    @Test
    void packsUntilItIsFull() {
        RecordBatchBuffer buffer = new RecordBatchBuffer(64);
        assertTrue(buffer.add(1, 2, 3, new byte[4], new byte[5]));
        assertEquals(28 + 9, buffer.length());
        assertFalse(buffer.add(1, 3, 3, null, new byte[5]));
        assertEquals(28 + 9, buffer.length());
        buffer.clear();
        assertEquals(0, buffer.length());
        assertTrue(buffer.add(1, 3, 3, null, null));
    }

    @Test
    void growsForARecordThatIsLongerThanTheBuffer() {
        RecordBatchBuffer buffer = new RecordBatchBuffer(64);
        assertTrue(buffer.add(0, 0, 0, null, new byte[1000]));
        assertEquals(28 + 1000, buffer.length());
    }
}
