package io.freshet.spark.engine.spark42.kafka;

import java.util.Iterator;
import java.util.Map;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.record.Record;
import org.apache.kafka.common.record.RecordBatch;
import org.apache.kafka.common.utils.BufferSupplier;
import org.apache.kafka.common.utils.CloseableIterator;
import org.apache.spark.sql.catalyst.InternalRow;

/**
 * Reads a range of offsets batch by batch. Batches that lie in it only in part, and those of formats that the native
 * library does not read, are taken apart here, by Kafka's own code, and their records are rows.
 */
final class KafkaBatches extends RangeReader {
    private final RawConsumer consumer;
    private final TopicPartition partition;
    private final KafkaBatchRow batchRow;
    private final KafkaRow recordRow;
    private final BufferSupplier buffers = BufferSupplier.create();
    private InternalRow row;
    /** The records of a batch that is taken apart; null when none is. */
    private CloseableIterator<Record> records;
    private long batchBytes;

    private KafkaBatches(Range range, ConsumerPool.Key key, RawConsumer consumer) {
        super(range, key, consumer);
        this.consumer = consumer;
        partition = range.partition();
        batchRow = new KafkaBatchRow(range.partition());
        recordRow = new KafkaRow(range.partition(), range.includeHeaders());
    }

    /** @param properties as Spark's source gives them to its tasks */
    static KafkaBatches open(Range range, Map<String, Object> properties) {
        String identity = range.check().identity(range.partition().topic());
        ConsumerPool.Key key = new ConsumerPool.Key(properties, range.partition(), true, identity);
        return new KafkaBatches(range, key, (RawConsumer) ConsumerPool.borrow(key, range.from()));
    }

    @Override
    protected boolean advance() {
        while (position() < end()) {
            RecordBatch batch = consumer.batches().peek();
            if (batch == null) {
                goOn();
            } else if (batch.baseOffset() >= end()) {
                // It stays for who reads on from here.
                position(end());
            } else if (batch.nextOffset() <= position()) {
                take(batch);
            } else if (isWhole(batch)) {
                row = batchRow.of(batch);
                batchBytes += batch.sizeInBytes();
                take(batch);
                if (batchRow.records() > 0) {
                    return true;
                }
            } else if (advanceIn(batch)) {
                return true;
            }
        }
        return false;
    }

    /** Over what has no record, to what comes next. */
    private void goOn() {
        position(Math.max(position(), consumer.position()));
        if (position() < end()) {
            poll();
        }
    }

    private void take(RecordBatch batch) {
        closeRecords();
        consumer.batches().take();
        position(Math.max(position(), batch.nextOffset()));
    }

    private boolean isWhole(RecordBatch batch) {
        return batch.magic() == RecordBatch.MAGIC_VALUE_V2 && records == null && batch.baseOffset() >= position()
            && batch.nextOffset() <= end();
    }

    /** Goes on to the next record of a batch that is taken apart; false when the range has no more of it. */
    private boolean advanceIn(RecordBatch batch) {
        Record record = nextIn(batch);
        if (record == null) {
            // What lies in the range only in part stays for who reads on from here.
            if (batch.nextOffset() <= end()) {
                take(batch);
            } else {
                position(end());
            }
            return false;
        }
        recordRow.set(record, batch.timestampType());
        row = recordRow;
        position(record.offset() + 1);
        return true;
    }

    /** The next record of the batch; null when the range has no more of it. */
    private Record nextIn(RecordBatch batch) {
        try {
            if (records == null) {
                batch.ensureValid();
                records = batch.streamingIterator(buffers);
            }
            return nextIn(records);
        } catch (KafkaException e) {
            // In the place of what Kafka's code says, not around it: the innermost cause is what people are told.
            throw new KafkaException("the record batch at offset " + batch.baseOffset() + " of " + partition
                + " is damaged: " + e.getMessage(), e.getCause());
        }
    }

    /** The first record that is in the range and was not handed on. */
    private Record nextIn(Iterator<Record> records) {
        while (records.hasNext()) {
            Record record = records.next();
            if (record.offset() >= end()) {
                return null;
            }
            if (record.offset() >= position()) {
                return record;
            }
        }
        return null;
    }

    private void closeRecords() {
        if (records != null) {
            records.close();
            records = null;
        }
    }

    @Override
    protected boolean hasMore() {
        return consumer.batches().peek() != null;
    }

    @Override
    protected InternalRow row() {
        return row;
    }

    /** Of whole batches, the bytes that were sent. */
    @Override
    public long bytes() {
        return batchBytes + recordRow.payloadBytes();
    }

    @Override
    public void close() {
        closeRecords();
        buffers.close();
        super.close();
    }
}
