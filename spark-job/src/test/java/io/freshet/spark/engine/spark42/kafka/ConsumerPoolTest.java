package io.freshet.spark.engine.spark42.kafka;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.Map;
import javax.management.MalformedObjectNameException;
import javax.management.ObjectName;
import org.apache.kafka.common.TopicPartition;
import org.apache.spark.SparkConf;
import org.junit.jupiter.api.Test;

/** A consumer connects only when it is polled: none of these needs a broker. */
class ConsumerPoolTest {
    @Test
    void whatIsShownOfAKeyHoldsNoPassword() {
        var key = new ConsumerPool.Key(Map.of("sasl.jaas.config", "hunter2"), new TopicPartition("raw", 3),
            false, "");
        assertEquals("raw-3", key.toString());
    }

    @Test
    void aConsumerThatAnInterruptedTaskDiscardsIsClosedAndTheTaskStaysInterrupted() throws Exception {
        var key = key("interrupted");
        var consumer = ConsumerPool.borrow(key, 0);
        assertTrue(isOpen("interrupted"));
        Thread.currentThread().interrupt();
        ConsumerPool.discard(key, consumer);
        assertTrue(Thread.interrupted());
        assertFalse(isOpen("interrupted"));
    }

    @Test
    void aConsumerThatCannotBeSetToItsOffsetIsClosed() throws Exception {
        assertThrows(IllegalArgumentException.class, () -> ConsumerPool.borrow(key("unset"), -1));
        assertFalse(isOpen("unset"));
    }

    @Test
    void thereAreNoMoreConsumersThanTheCacheOfSparkMayHave() {
        for (int number = 0; number < 200; number++) {
            var key = key("capped-" + number);
            ConsumerPool.giveBack(key, ConsumerPool.borrow(key, 0, 5));
            // What other tests have left is closed some at a time, and they may use some still.
            assertTrue(number < 100 || ConsumerPool.size() <= 10, () -> ConsumerPool.size() + " consumers");
        }
        // What is in use is not closed, and one more is given all the same.
        var first = key("used-1");
        var second = key("used-2");
        var used = ConsumerPool.borrow(first, 0, 1);
        var beside = ConsumerPool.borrow(second, 0, 1);
        used.seek(1);
        ConsumerPool.giveBack(first, used);
        ConsumerPool.giveBack(second, beside);
    }

    @Test
    void idleConsumersAreClosedByTheSettingsOfSparksCache() {
        var defaults = ConsumerPool.settings(new SparkConf(false));
        assertEquals(Duration.ofMinutes(5), defaults.getMinEvictableIdleDuration());
        assertEquals(Duration.ofMinutes(1), defaults.getDurationBetweenEvictionRuns());
        var told = ConsumerPool.settings(new SparkConf(false).set("spark.kafka.consumer.cache.timeout", "7s")
            .set("spark.kafka.consumer.cache.evictorThreadRunInterval", "3s"));
        assertEquals(Duration.ofSeconds(7), told.getMinEvictableIdleDuration());
        assertEquals(Duration.ofSeconds(3), told.getDurationBetweenEvictionRuns());
    }

    private static ConsumerPool.Key key(String client) {
        return new ConsumerPool.Key(Map.of("bootstrap.servers", "127.0.0.1:9", "client.id", client, "group.id", client,
            "enable.auto.commit", "false", "auto.offset.reset", "none"), new TopicPartition("raw", 3), false, "");
    }

    private static boolean isOpen(String client) throws MalformedObjectNameException {
        return ManagementFactory.getPlatformMBeanServer()
            .isRegistered(new ObjectName("kafka.consumer:type=consumer-metrics,client-id=" + client));
    }
}
