package io.freshet.spark.testing;

import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;

/** Sends the records that a test counts on. */
public final class Sending {
    private Sending() {}

    /**
     * Returns when all of them have arrived.
     *
     * @throws AssertionError when one has not: a test that went on would wait for it, or compare too few
     */
    public static <K, V> void all(Producer<K, V> producer, Stream<ProducerRecord<K, V>> records) {
        AtomicReference<Exception> failure = new AtomicReference<>();
        records.forEach(record -> producer.send(record, (metadata, error) -> failure.compareAndSet(null, error)));
        producer.flush();
        if (failure.get() != null) {
            throw new AssertionError("a record of the test has not arrived: " + failure.get(), failure.get());
        }
    }
}
