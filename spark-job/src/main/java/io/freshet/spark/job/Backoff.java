package io.freshet.spark.job;

import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;

/**
 * The delays between attempts: each limit is twice the one before, up to a maximum, and the delay is drawn from the
 * upper half of that limit, so that many that lost the same server do not come back at the same moment.
 */
public final class Backoff {
    private final Duration first;
    private final Duration longest;
    private Duration limit;

    /**
     * @param first the limit of the first delay
     * @param longest no limit is longer
     */
    public Backoff(Duration first, Duration longest) {
        this.first = first;
        this.longest = longest;
        this.limit = first;
    }

    /** The next delay. */
    public Duration next() {
        Duration now = limit;
        Duration twice = limit.multipliedBy(2);
        limit = twice.compareTo(longest) < 0 ? twice : longest;
        return drawn(now);
    }

    /** A delay for what will hardly have changed soon: from now on they are the longest ones. */
    public Duration slowest() {
        limit = longest;
        return drawn(longest);
    }

    /** Starts over, after something has worked for a while. */
    public void reset() {
        limit = first;
    }

    private static Duration drawn(Duration limit) {
        long nanos = limit.toNanos();
        return Duration.ofNanos(nanos / 2 + ThreadLocalRandom.current().nextLong(nanos / 2 + 1));
    }
}
