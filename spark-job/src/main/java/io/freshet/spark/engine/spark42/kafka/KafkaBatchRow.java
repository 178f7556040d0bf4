package io.freshet.spark.engine.spark42.kafka;

import io.freshet.spark.nativelib.SourceBatch;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.record.RecordBatch;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;

/** A whole record batch in place of a row, for a step that takes batches; a view of one after the other. */
final class KafkaBatchRow extends GenericInternalRow implements SourceBatch {
    private static final long serialVersionUID = 1L;

    private final int partition;
    private final byte[] topic;
    private transient RecordBatch batch;

    KafkaBatchRow(TopicPartition partition) {
        super(0);
        this.partition = partition.partition();
        topic = partition.topic().getBytes(StandardCharsets.UTF_8);
    }

    KafkaBatchRow of(RecordBatch next) {
        batch = next;
        return this;
    }

    /** How many records there are in it. */
    int records() {
        return batch.countOrNull();
    }

    /** Behind its last offset. */
    long nextOffset() {
        return batch.nextOffset();
    }

    @Override
    public byte[] topic() {
        return topic;
    }

    @Override
    public int partition() {
        return partition;
    }

    @Override
    public int batchBytes() {
        return batch.sizeInBytes();
    }

    @Override
    public void putBatch(ByteBuffer target) {
        batch.writeTo(target);
    }
}
