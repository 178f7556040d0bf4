package io.freshet.spark.nativelib;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.freshet.spark.engine.spark42.plan.RowRecord;
import java.lang.management.BufferPoolMXBean;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.expressions.UnsafeProjection;
import org.apache.spark.sql.catalyst.util.GenericArrayData;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.unsafe.types.UTF8String;
import org.junit.jupiter.api.Test;

class RecordBatchBufferTest {
    private static final StructType SCHEMA = new StructType()
        .add("value", DataTypes.BinaryType)
        .add("key", DataTypes.BinaryType)
        .add("partition", DataTypes.IntegerType)
        .add("offset", DataTypes.LongType)
        .add("timestamp", DataTypes.TimestampType);

    private static InternalRow row(String key, String value) {
        return new GenericInternalRow(new Object[] {utf8(value), utf8(key), 1, 2L, 3_999L});
    }

    private static InternalRow unsafe(InternalRow row) {
        return UnsafeProjection.create(SCHEMA).apply(row);
    }

    private static byte[] utf8(String text) {
        return text == null ? null : text.getBytes(StandardCharsets.UTF_8);
    }

    private static boolean add(RecordBatchBuffer buffer, InternalRow row) {
        return buffer.add(new RowRecord(2, 3, 4, 1, 0).of(row));
    }

    @Test
    void packsUntilItIsFull() {
        RecordBatchBuffer buffer = new RecordBatchBuffer(64, 64);
        assertTrue(add(buffer, row("abcd", "12345")));
        assertEquals(29 + 9, buffer.length());
        assertFalse(add(buffer, row(null, "12345")));
        assertEquals(29 + 9, buffer.length());
        buffer.clear();
        assertEquals(0, buffer.length());
        assertTrue(add(buffer, row(null, null)));
    }

    @Test
    void growsForARecordThatIsLongerThanTheBuffer() {
        RecordBatchBuffer buffer = new RecordBatchBuffer(64, 64);
        assertTrue(add(buffer, row(null, "x".repeat(1000))));
        assertEquals(29 + 1000, buffer.length());
    }

    @Test
    void startsSmallAndGrowsAsFarAsItMayBeforeItIsFull() {
        RecordBatchBuffer buffer = new RecordBatchBuffer(64, 200);
        byte[] expected = new byte[0];
        for (int capacity : new int[] {64, 128, 128, 200, 200}) {
            RecordBatchBuffer alone = new RecordBatchBuffer(64, 64);
            add(alone, row("k", "v" + capacity));
            expected = concatenated(expected, content(alone));
            assertTrue(add(buffer, row("k", "v" + capacity)));
            assertEquals(capacity, buffer.bytes().capacity());
            assertArrayEquals(expected, content(buffer));
        }
        assertFalse(add(buffer, row(null, "x".repeat(100))));
        assertArrayEquals(expected, content(buffer));
        buffer.clear();
        assertTrue(add(buffer, row(null, "x".repeat(300))));
        assertEquals(329, buffer.bytes().capacity());
    }

    @Test
    void rowsOfAnyKindArePackedAlike() {
        String[][] records = {{"key", "value"}, {null, "value"}, {"key", null}, {null, null}, {"", ""}};
        for (String[] record : records) {
            RecordBatchBuffer expected = new RecordBatchBuffer(64, 64);
            add(expected, row(record[0], record[1]));
            RecordBatchBuffer found = new RecordBatchBuffer(64, 64);
            add(found, unsafe(row(record[0], record[1])));
            assertArrayEquals(content(expected), content(found), record[0] + " " + record[1]);
        }
    }

    @Test
    void aRecordWithoutATimestampIsNotTakenForOneOf1970() {
        InternalRow row = row("key", "value");
        row.setNullAt(4);
        RecordBatchBuffer buffer = new RecordBatchBuffer(64, 64);
        assertThrows(IllegalArgumentException.class, () -> add(buffer, unsafe(row)));
    }

    @Test
    void aRecordHasTheLayoutThatTheNativeLibraryReads() {
        RecordBatchBuffer buffer = new RecordBatchBuffer(64, 64);
        add(buffer, unsafe(row("k", "vw")));
        ByteBuffer found = buffer.bytes();
        assertEquals(0, found.get(0));
        assertEquals(1, found.getInt(1));
        assertEquals(2, found.getLong(5));
        assertEquals(3, found.getLong(13));
        assertEquals(1, found.getInt(21));
        assertEquals(2, found.getInt(25));
        assertEquals("kvw", new String(content(buffer), 29, 3, StandardCharsets.UTF_8));
    }

    @Test
    void aBatchStandsAmongRecordsAndInALayoutOfItsOwn() {
        RecordBatchBuffer buffer = new RecordBatchBuffer(64, 64);
        add(buffer, row(null, null));
        assertTrue(buffer.add(new RowRecord(2, 3, 4, 1, 0).of(new Batch("whole"))));
        ByteBuffer found = buffer.bytes();
        assertEquals(1, found.get(29));
        assertEquals(7, found.getInt(30));
        assertEquals(5, found.getInt(34));
        assertEquals("whole", new String(content(buffer), 38, 5, StandardCharsets.UTF_8));
        assertFalse(buffer.add(new RowRecord(2, 3, 4, 1, 0).of(new Batch("x".repeat(64)))));
        buffer.clear();
        assertTrue(buffer.add(new RowRecord(2, 3, 4, 1, 0).of(new Batch("x".repeat(64)))));
        assertEquals(9 + 64, buffer.length());
    }

    /** Of topics only where one begins; headers before each record that has some. */
    @Test
    void whatStandsBesideARecordIsPackedBeforeIt() {
        RecordBatchBuffer buffer = new RecordBatchBuffer(128, 128);
        RowRecord record = new RowRecord(2, 3, 4, 1, 0, 5, 6);
        var header = new GenericInternalRow(new Object[] {UTF8String.fromString("h"), utf8("x")});
        var headers = new GenericArrayData(new Object[] {header});
        assertTrue(buffer.add(record.of(beside("eu", null))));
        assertEquals(7 + 29, buffer.length());
        assertTrue(buffer.add(record.of(beside("eu", headers))));
        assertEquals(7 + 29 + 10 + 29, buffer.length());
        ByteBuffer found = buffer.bytes();
        assertEquals(2, found.get(0));
        assertEquals(2, found.getInt(1));
        assertEquals("eu", new String(content(buffer), 5, 2, StandardCharsets.UTF_8));
        assertEquals(3, found.get(36));
        assertEquals(5, found.getInt(37));
        // Their number, the lengths of name and value doubled, and what they are.
        assertEquals("\2\2h\2x", new String(content(buffer), 41, 5, StandardCharsets.UTF_8));
        assertTrue(buffer.add(record.of(new Batch("whole"))));
        assertEquals(75 + 8 + 9 + 5, buffer.length());
        // It does not fit, and its topic is told when it does.
        assertFalse(buffer.add(record.of(beside("us", null))));
        assertEquals(97, buffer.length());
        buffer.clear();
        assertTrue(buffer.add(record.of(beside("us", null))));
        assertEquals(7 + 29, buffer.length());
        // Nobody says of this one: it is none of the topic before.
        assertTrue(buffer.add(record.of(beside(null, null))));
        assertEquals(7 + 29 + 5 + 29, buffer.length());
        assertEquals(2, buffer.bytes().get(36));
        assertEquals(0, buffer.bytes().getInt(37));
    }

    private static InternalRow beside(String topic, GenericArrayData headers) {
        return new GenericInternalRow(
            new Object[] {null, null, 1, 2L, 3_999L, topic == null ? null : UTF8String.fromString(topic), headers});
    }

    private static final class Batch extends GenericInternalRow implements SourceBatch {
        private static final long serialVersionUID = 1L;

        private final String text;

        Batch(String text) {
            super(0);
            this.text = text;
        }

        @Override
        public byte[] topic() {
            return utf8("raw");
        }

        @Override
        public int partition() {
            return 7;
        }

        @Override
        public int batchBytes() {
            return text.length();
        }

        @Override
        public void putBatch(ByteBuffer target) {
            target.put(utf8(text));
        }
    }

    @Test
    void theMemoryOfAClosedBufferIsUsedAgainAndThereIsNoMoreOfIt() {
        RecordBatchBuffer first = new RecordBatchBuffer();
        add(first, row("k", "v"));
        ByteBuffer memory = first.bytes();
        first.close();
        first.close(); // a second time it has nothing to give back
        RecordBatchBuffer second = new RecordBatchBuffer();
        assertSame(memory, second.bytes());
        assertEquals(0, second.length());
        second.close();
        long before = directBytes();
        for (int task = 0; task < 2_000; task++) {
            try (RecordBatchBuffer buffer = new RecordBatchBuffer()) {
                // Grown up to a mebibyte, and beyond it for one long record.
                add(buffer, row(null, "x".repeat(task % 2 == 0 ? 900_000 : 3_000_000)));
            }
        }
        long more = directBytes() - before;
        // Two gibibytes and more would have been asked for.
        assertTrue(more <= (Runtime.getRuntime().availableProcessors() + 1L) << 20, () -> more + " bytes more");
    }

    private static long directBytes() {
        return ManagementFactory.getPlatformMXBeans(BufferPoolMXBean.class).stream()
            .filter(pool -> pool.getName().equals("direct")).mapToLong(BufferPoolMXBean::getMemoryUsed).sum();
    }

    private static byte[] concatenated(byte[] first, byte[] second) {
        return ByteBuffer.allocate(first.length + second.length).put(first).put(second).array();
    }

    private static byte[] content(RecordBatchBuffer buffer) {
        byte[] content = new byte[buffer.length()];
        buffer.bytes().get(0, content);
        return content;
    }
}
