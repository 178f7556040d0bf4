package io.freshet.spark.kafka;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.management.ManagementFactory;
import java.util.Map;
import javax.management.MalformedObjectNameException;
import javax.management.ObjectName;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.Test;

/** A consumer connects only when it is polled: none of these needs a broker. */
class ConsumerPoolTest {
    @Test
    void whatIsShownOfAKeyHoldsNoPassword() {
        var key = new ConsumerPool.Key(Map.of("sasl.jaas.config", "hunter2"), new TopicPartition("raw", 3));
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

    private static ConsumerPool.Key key(String client) {
        return new ConsumerPool.Key(Map.of("bootstrap.servers", "127.0.0.1:9", "client.id", client, "group.id", client,
            "enable.auto.commit", "false", "auto.offset.reset", "none"), new TopicPartition("raw", 3));
    }

    private static boolean isOpen(String client) throws MalformedObjectNameException {
        return ManagementFactory.getPlatformMBeanServer()
            .isRegistered(new ObjectName("kafka.consumer:type=consumer-metrics,client-id=" + client));
    }
}
