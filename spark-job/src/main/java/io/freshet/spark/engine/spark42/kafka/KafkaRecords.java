package io.freshet.spark.engine.spark42.kafka;

import java.nio.ByteBuffer;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.spark.sql.catalyst.InternalRow;

/** Reads a range of offsets by Kafka's own consumer, record by record. */
final class KafkaRecords extends RangeReader {
    private final RecordConsumer consumer;
    private final KafkaRow row;

    private KafkaRecords(Range range, ConsumerPool.Key key, RecordConsumer consumer) {
        super(range, key, consumer);
        this.consumer = consumer;
        row = new KafkaRow(range.partition(), range.includeHeaders());
    }

    /** @param properties as Spark's source gives them to its tasks */
    static KafkaRecords open(Range range, Map<String, Object> properties) {
        ConsumerPool.Key key = new ConsumerPool.Key(properties, range.partition(), false, "");
        return new KafkaRecords(range, key, (RecordConsumer) ConsumerPool.borrow(key, range.from()));
    }

    @Override
    protected boolean advance() {
        while (!hasMore()) {
            if (position() >= end()) {
                return false;
            }
            poll();
        }
        ConsumerRecord<ByteBuffer, ByteBuffer> record = consumer.records().next();
        if (record.offset() >= end()) {
            position(end());
            return false;
        }
        row.set(record);
        // After the last record the consumer's own position says more: behind it may be offsets without a record.
        position(hasMore() ? record.offset() + 1 : consumer.position());
        return true;
    }

    @Override
    protected boolean hasMore() {
        return consumer.records().hasNext();
    }

    @Override
    protected InternalRow row() {
        return row;
    }

    @Override
    public long bytes() {
        return row.payloadBytes();
    }
}
