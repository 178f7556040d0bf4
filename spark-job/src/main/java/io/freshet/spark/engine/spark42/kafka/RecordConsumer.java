package io.freshet.spark.engine.spark42.kafka;

import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Collections;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteBufferDeserializer;

/** Kafka's own consumer: records one by one. */
final class RecordConsumer implements PartitionConsumer {
    private static final Duration CLOSE_TIMEOUT = Duration.ZERO;

    private final TopicPartition partition;
    private final KafkaConsumer<ByteBuffer, ByteBuffer> consumer;
    private Iterator<ConsumerRecord<ByteBuffer, ByteBuffer>> records = Collections.emptyIterator();

    RecordConsumer(Map<String, Object> ofSpark, TopicPartition partition) {
        this.partition = partition;
        Map<String, Object> properties = new HashMap<>(ofSpark);
        // Views of what the consumer has decompressed: their bytes are copied once, into the native batch.
        properties.put("key.deserializer", ByteBufferDeserializer.class);
        properties.put("value.deserializer", ByteBufferDeserializer.class);
        consumer = new KafkaConsumer<>(properties);
        consumer.assign(List.of(partition));
    }

    @Override
    public void seek(long offset) {
        records = Collections.emptyIterator();
        consumer.seek(partition, offset);
    }

    @Override
    public void poll(Duration longest) {
        records = consumer.poll(longest).records(partition).iterator();
    }

    /** What has come and was not taken yet. */
    Iterator<ConsumerRecord<ByteBuffer, ByteBuffer>> records() {
        return records;
    }

    @Override
    public long position() {
        return consumer.position(partition);
    }

    @Override
    public long oldest(Duration longest) {
        return consumer.beginningOffsets(List.of(partition), longest).get(partition);
    }

    @Override
    public long latest(Duration longest) {
        return consumer.endOffsets(List.of(partition), longest).get(partition);
    }

    @Override
    public void close() {
        consumer.close(CLOSE_TIMEOUT);
    }
}
