package io.freshet.spark.kafka;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Map;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.Test;

class ConsumerPoolTest {
    @Test
    void whatIsShownOfAKeyHoldsNoPassword() {
        var key = new ConsumerPool.Key(Map.of("sasl.jaas.config", "hunter2"), new TopicPartition("raw", 3));
        assertEquals("raw-3", key.toString());
    }
}
