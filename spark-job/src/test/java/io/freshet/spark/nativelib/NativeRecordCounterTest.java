package io.freshet.spark.nativelib;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.freshet.spark.engine.spark42.plan.RowRecord;
import java.nio.ByteBuffer;
import java.util.Arrays;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.record.CompressionType;
import org.apache.kafka.common.record.MemoryRecords;
import org.apache.kafka.common.record.SimpleRecord;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What Kafka's own code has written is counted by the native library. */
class NativeRecordCounterTest {
    @ParameterizedTest
    @EnumSource(value = CompressionType.class)
    void recordsOfABatchAreCountedAsSingleOnesAre(CompressionType codec) {
        byte[] batch = batch(codec);
        try (NativeRecordCounter counter = new NativeRecordCounter();
            RecordBatchBuffer buffer = new RecordBatchBuffer()) {
            assertTrue(add(buffer, new Batch(batch)));
            assertTrue(add(buffer, new GenericInternalRow(new Object[] {"key".getBytes(UTF_8), null, 1, 2L, 3L})));
            counter.add(buffer);
            assertEquals(501, counter.records());
            assertEquals(500 * (3 + 10) + 3, counter.bytes());
        }
    }

    @Test
    void aFlippedByteIsNoticedAndItsPlaceNamed() {
        byte[] batch = batch(CompressionType.LZ4);
        batch[batch.length / 2] ^= 1;
        try (NativeRecordCounter counter = new NativeRecordCounter();
            RecordBatchBuffer buffer = new RecordBatchBuffer()) {
            assertTrue(add(buffer, new Batch(batch)));
            String shown = assertThrows(NativeException.class, () -> counter.add(buffer)).getMessage();
            assertTrue(shown.contains("partition 7, record batch at offset 1000: the checksum"), shown);
        }
    }

    private static boolean add(RecordBatchBuffer buffer, InternalRow row) {
        return buffer.add(new RowRecord(2, 3, 4, 0, 1).of(row));
    }

    private static byte[] batch(CompressionType codec) {
        SimpleRecord[] records = new SimpleRecord[500];
        Arrays.setAll(records, i ->
            new SimpleRecord(i, "key".getBytes(UTF_8), String.format("value %04d", i).getBytes(UTF_8)));
        ByteBuffer bytes = MemoryRecords.withRecords(1_000, Compression.of(codec).build(), records).buffer();
        byte[] batch = new byte[bytes.remaining()];
        bytes.get(batch);
        return batch;
    }

    /** A whole batch, as the reader of batches hands it on. */
    private static final class Batch extends GenericInternalRow implements SourceBatch {
        private static final long serialVersionUID = 1L;

        private final byte[] content;

        Batch(byte[] content) {
            super(0);
            this.content = content;
        }

        @Override
        public byte[] topic() {
            return "raw".getBytes(UTF_8);
        }

        @Override
        public int partition() {
            return 7;
        }

        @Override
        public int batchBytes() {
            return content.length;
        }

        @Override
        public void putBatch(ByteBuffer target) {
            target.put(content);
        }
    }
}
