package io.freshet.spark.engine.spark42.kafka;

import java.time.Duration;
import java.util.Map;
import org.apache.commons.pool2.BaseKeyedPooledObjectFactory;
import org.apache.commons.pool2.PooledObject;
import org.apache.commons.pool2.impl.DefaultPooledObject;
import org.apache.commons.pool2.impl.GenericKeyedObjectPool;
import org.apache.commons.pool2.impl.GenericKeyedObjectPoolConfig;
import org.apache.kafka.common.TopicPartition;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkEnv;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The consumers of an executor, from one micro-batch to the next: connecting takes long. A partition has as many as
 * ranges of it are read at the same time.
 *
 * <p>The settings of the cache of Spark's own reader hold for this one, in the same sense: there are as many consumers
 * as {@code spark.kafka.consumer.cache.capacity} says, unless more are used at the same time; what is idle for longer
 * than {@code spark.kafka.consumer.cache.timeout} is closed.
 */
final class ConsumerPool {
    private static final Logger LOGGER = LoggerFactory.getLogger(ConsumerPool.class);
    private static final String CAPACITY = "spark.kafka.consumer.cache.capacity";
    private static final String TIMEOUT = "spark.kafka.consumer.cache.timeout";
    private static final String EVICTION_INTERVAL = "spark.kafka.consumer.cache.evictorThreadRunInterval";
    /** As in Spark's documentation of its Kafka source. */
    private static final int DEFAULT_CAPACITY = 64;

    private static final GenericKeyedObjectPool<Key, PartitionConsumer> POOL = open();

    private ConsumerPool() {}

    /**
     * The pool holds on to the context class loader it is made under only weakly, and closes idle consumers no more
     * once that one is gone; a task's may be, this class's own is not.
     */
    private static GenericKeyedObjectPool<Key, PartitionConsumer> open() {
        Thread thread = Thread.currentThread();
        ClassLoader ofTask = thread.getContextClassLoader();
        thread.setContextClassLoader(ConsumerPool.class.getClassLoader());
        try {
            return new GenericKeyedObjectPool<>(new Factory(), settings(sparkSettings()));
        } finally {
            thread.setContextClassLoader(ofTask);
        }
    }

    /**
     * What a consumer is for.
     *
     * @param properties as Spark's source gives them to its tasks
     * @param raw whether it reads record batches, or records
     * @param topic what tells the topic from another one of its name; empty when any is taken
     */
    record Key(Map<String, Object> properties, TopicPartition partition, boolean raw, String topic) {
        /** Without the properties: there are passwords among them. */
        @Override
        public String toString() {
            return partition.toString();
        }
    }

    /** A consumer that is assigned to the partition and will read on from the offset. */
    static PartitionConsumer borrow(Key key, long offset) {
        return borrow(key, offset, sparkSettings().getInt(CAPACITY, DEFAULT_CAPACITY));
    }

    /** @param capacity how many consumers there should be at the most, in use or not */
    static PartitionConsumer borrow(Key key, long offset, int capacity) {
        if (POOL.getNumIdle(key) == 0 && size() >= capacity) {
            POOL.clearOldest();
        }
        PartitionConsumer consumer = take(key);
        try {
            consumer.seek(offset);
            return consumer;
        } catch (RuntimeException e) {
            discard(key, consumer);
            throw e;
        }
    }

    private static PartitionConsumer take(Key key) {
        try {
            return POOL.borrowObject(key);
        } catch (RuntimeException e) {
            throw e;
        } catch (Exception e) {
            throw new IllegalStateException("no consumer for " + key.partition(), e);
        }
    }

    static void giveBack(Key key, PartitionConsumer consumer) {
        POOL.returnObject(key, consumer);
    }

    /** Closes a consumer that may be in the midst of something; the task has a reason of its own to end. */
    static void discard(Key key, PartitionConsumer consumer) {
        try {
            POOL.invalidateObject(key, consumer);
        } catch (Exception e) { // Kafka closes all that it can before it throws, as it does in an interrupted thread
            LOGGER.debug("the consumer for {} was not closed in order", key.partition(), e);
        }
    }

    /** How many consumers there are, in use or not. */
    static int size() {
        return POOL.getNumActive() + POOL.getNumIdle();
    }

    /** Those of the process; defaults outside of Spark. */
    private static SparkConf sparkSettings() {
        SparkEnv environment = SparkEnv.get();
        return environment == null ? new SparkConf() : environment.conf();
    }

    /** @param spark by whose settings idle consumers are closed */
    static GenericKeyedObjectPoolConfig<PartitionConsumer> settings(SparkConf spark) {
        GenericKeyedObjectPoolConfig<PartitionConsumer> settings = new GenericKeyedObjectPoolConfig<>();
        settings.setMaxTotal(-1);
        settings.setMaxTotalPerKey(-1);
        settings.setMaxIdlePerKey(-1);
        settings.setMinEvictableIdleDuration(Duration.ofMillis(spark.getTimeAsMs(TIMEOUT, "5m")));
        settings.setTimeBetweenEvictionRuns(Duration.ofMillis(spark.getTimeAsMs(EVICTION_INTERVAL, "1m")));
        settings.setNumTestsPerEvictionRun(-1);
        settings.setJmxEnabled(false);
        return settings;
    }

    private static final class Factory extends BaseKeyedPooledObjectFactory<Key, PartitionConsumer> {
        @Override
        public PartitionConsumer create(Key key) {
            return key.raw() ? new RawConsumer(key.properties(), key.partition(), !key.topic().isEmpty())
                : new RecordConsumer(key.properties(), key.partition());
        }

        @Override
        public PooledObject<PartitionConsumer> wrap(PartitionConsumer consumer) {
            return new DefaultPooledObject<>(consumer);
        }

        @Override
        public void destroyObject(Key key, PooledObject<PartitionConsumer> pooled) {
            pooled.getObject().close();
        }
    }
}
