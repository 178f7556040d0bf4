package io.freshet.spark.kafka;

import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.commons.pool2.BaseKeyedPooledObjectFactory;
import org.apache.commons.pool2.PooledObject;
import org.apache.commons.pool2.impl.DefaultPooledObject;
import org.apache.commons.pool2.impl.GenericKeyedObjectPool;
import org.apache.commons.pool2.impl.GenericKeyedObjectPoolConfig;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteBufferDeserializer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The consumers of an executor, from one micro-batch to the next: connecting takes long. A partition has as many as
 * ranges of it are read at the same time.
 */
final class ConsumerPool {
    private static final Logger LOGGER = LoggerFactory.getLogger(ConsumerPool.class);
    /** Longer than most triggers; a query that has ended leaves its consumers no longer than this. */
    private static final Duration IDLE = Duration.ofMinutes(5);
    private static final Duration CLOSE_TIMEOUT = Duration.ZERO;

    private static final GenericKeyedObjectPool<Key, KafkaConsumer<ByteBuffer, ByteBuffer>> POOL =
        open();

    private ConsumerPool() {}

    /**
     * The pool holds on to the context class loader it is made under only weakly, and closes idle consumers no more once
     * that one is gone; a task's may be, this class's own is not.
     */
    private static GenericKeyedObjectPool<Key, KafkaConsumer<ByteBuffer, ByteBuffer>> open() {
        Thread thread = Thread.currentThread();
        ClassLoader ofTask = thread.getContextClassLoader();
        thread.setContextClassLoader(ConsumerPool.class.getClassLoader());
        try {
            return new GenericKeyedObjectPool<>(new Factory(), settings());
        } finally {
            thread.setContextClassLoader(ofTask);
        }
    }

    /**
     * What a consumer is for.
     *
     * @param properties as Spark's source gives them to its tasks
     */
    record Key(Map<String, Object> properties, TopicPartition partition) {
        /** Without the properties: there are passwords among them. */
        @Override
        public String toString() {
            return partition.toString();
        }
    }

    /** A consumer that is assigned to the partition and will read on from the offset. */
    static KafkaConsumer<ByteBuffer, ByteBuffer> borrow(Key key, long offset) {
        KafkaConsumer<ByteBuffer, ByteBuffer> consumer = take(key);
        try {
            consumer.seek(key.partition(), offset);
            return consumer;
        } catch (RuntimeException e) {
            discard(key, consumer);
            throw e;
        }
    }

    private static KafkaConsumer<ByteBuffer, ByteBuffer> take(Key key) {
        try {
            return POOL.borrowObject(key);
        } catch (RuntimeException e) {
            throw e;
        } catch (Exception e) {
            throw new IllegalStateException("no consumer for " + key.partition(), e);
        }
    }

    static void giveBack(Key key, KafkaConsumer<ByteBuffer, ByteBuffer> consumer) {
        POOL.returnObject(key, consumer);
    }

    /** Closes a consumer that may be in the midst of something; the task has a reason of its own to end. */
    static void discard(Key key, KafkaConsumer<ByteBuffer, ByteBuffer> consumer) {
        try {
            POOL.invalidateObject(key, consumer);
        } catch (Exception e) { // Kafka closes all that it can before it throws, as it does in an interrupted thread
            LOGGER.debug("the consumer for {} was not closed in order", key.partition(), e);
        }
    }

    private static GenericKeyedObjectPoolConfig<KafkaConsumer<ByteBuffer, ByteBuffer>> settings() {
        GenericKeyedObjectPoolConfig<KafkaConsumer<ByteBuffer, ByteBuffer>> settings =
            new GenericKeyedObjectPoolConfig<>();
        settings.setMaxTotal(-1);
        settings.setMaxTotalPerKey(-1);
        settings.setMaxIdlePerKey(-1);
        settings.setMinEvictableIdleDuration(IDLE);
        settings.setTimeBetweenEvictionRuns(Duration.ofMinutes(1));
        settings.setNumTestsPerEvictionRun(-1);
        settings.setJmxEnabled(false);
        return settings;
    }

    private static final class Factory
        extends BaseKeyedPooledObjectFactory<Key, KafkaConsumer<ByteBuffer, ByteBuffer>> {
        @Override
        public KafkaConsumer<ByteBuffer, ByteBuffer> create(Key key) {
            Map<String, Object> properties = new HashMap<>(key.properties());
            // Views of what the consumer has decompressed: their bytes are copied once, into the native batch.
            properties.put("key.deserializer", ByteBufferDeserializer.class);
            properties.put("value.deserializer", ByteBufferDeserializer.class);
            KafkaConsumer<ByteBuffer, ByteBuffer> consumer = new KafkaConsumer<>(properties);
            consumer.assign(List.of(key.partition()));
            return consumer;
        }

        @Override
        public PooledObject<KafkaConsumer<ByteBuffer, ByteBuffer>> wrap(
            KafkaConsumer<ByteBuffer, ByteBuffer> consumer) {
            return new DefaultPooledObject<>(consumer);
        }

        @Override
        public void destroyObject(Key key, PooledObject<KafkaConsumer<ByteBuffer, ByteBuffer>> pooled) {
            pooled.getObject().close(CLOSE_TIMEOUT);
        }
    }
}
