package io.freshet.spark.engine.spark42.kafka;

import io.freshet.spark.engine.spark42.plan.PartitionStep;
import io.freshet.spark.nativelib.SourceBatch;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.apache.kafka.common.record.MemoryRecords;
import org.apache.kafka.common.record.Record;
import org.apache.kafka.common.record.RecordBatch;
import org.apache.kafka.common.utils.Utils;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.unsafe.types.UTF8String;

/** Takes whole batches, and makes of their records what {@link Copy} makes of records, by Kafka's own code. */
record TakenApart(String topic) implements PartitionStep {
    /** How many batches were whole. */
    static final AtomicLong WHOLE = new AtomicLong();

    @Override
    public Iterator<InternalRow> run(Iterator<InternalRow> rows, int[] columns) {
        Iterable<InternalRow> all = () -> rows;
        return new Copy().run(StreamSupport.stream(all.spliterator(), false).flatMap(this::records).iterator(),
            columns);
    }

    private Stream<InternalRow> records(InternalRow row) {
        if (!(row instanceof SourceBatch batch)) {
            return Stream.of(row);
        }
        WHOLE.incrementAndGet();
        ByteBuffer bytes = ByteBuffer.allocate(batch.batchBytes());
        batch.putBatch(bytes);
        List<InternalRow> records = new ArrayList<>();
        for (RecordBatch found : MemoryRecords.readableRecords(bytes.flip()).batches()) {
            found.ensureValid();
            for (Record record : found) {
                records.add(new GenericInternalRow(new Object[] {array(record.key()), array(record.value()),
                    UTF8String.fromString(topic), batch.partition(), record.offset(), 1_000 * record.timestamp(),
                    found.timestampType().id}));
            }
        }
        return records.stream();
    }

    private static byte[] array(ByteBuffer bytes) {
        return bytes == null ? null : Utils.toArray(bytes);
    }

    @Override
    public boolean takesBatches() {
        return true;
    }
}
