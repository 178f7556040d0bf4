package io.freshet.spark.testing;

import static org.junit.jupiter.api.Assertions.fail;

import java.time.Duration;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;

/** Waits for a condition instead of for a time. */
public final class Waiting {
    private static final Duration LIMIT = Duration.ofSeconds(60);

    private Waiting() {}

    /** @param otherwise says what is the case instead */
    public static void until(BooleanSupplier condition, Supplier<String> otherwise) throws InterruptedException {
        long begun = System.nanoTime();
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() - begun > LIMIT.toNanos()) {
                fail("not within " + LIMIT.toSeconds() + " s: " + otherwise.get());
            }
            Thread.sleep(10);
        }
    }
}
