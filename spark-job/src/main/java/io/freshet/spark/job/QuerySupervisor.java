package io.freshet.spark.job;

import io.freshet.spark.health.StreamHealth;
import io.freshet.spark.health.StreamMetrics;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import java.util.function.Function;
import org.apache.spark.sql.streaming.StreamingQuery;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps the query of one stream running: when it fails, it is started again from its checkpoint, with growing delays,
 * and the queries of other streams go on.
 */
public final class QuerySupervisor {
    /** Starts the query from its checkpoint, and knows why it may have ended. */
    @FunctionalInterface
    public interface Starter {
        StreamingQuery start() throws TimeoutException;

        /** What to do after the query has failed, or could not be started. */
        default Next after(Throwable failure) {
            return Next.BACK_OFF;
        }

        /** Whether what the query needs of others is there. */
        default boolean isReady() {
            return false;
        }

        /**
         * Looks after the query, once a second.
         *
         * @param running null when none was started yet; it may have ended
         */
        default void look(StreamingQuery running) { }
    }

    /** What to do when a query has ended. */
    public enum Next {
        /** Start it again: what ended it was no failure. */
        AT_ONCE,
        /** Report the failure, and start it again as soon as what it needs of others is there. */
        WHEN_READY,
        /** Report the failure, and start it again after a delay that grows. */
        BACK_OFF
    }

    private static final Logger LOGGER = LoggerFactory.getLogger(QuerySupervisor.class);
    /** A query that ran for this long had recovered: its next failure is a new one. */
    private static final Duration HEALTHY = Duration.ofMinutes(1);
    /** Time for a query to end after Spark was told to stop it: what hangs for longer does not hold up the end. */
    private static final Duration LAST_WAIT = Duration.ofSeconds(2);
    /** A query that waits for something outside is tried again after this time in any case. */
    private static final Duration MOST_PATIENCE = Duration.ofMinutes(1);
    /** Between two looks at a query. */
    private static final Duration LOOK = Duration.ofSeconds(1);

    private final String stream;
    private final Starter starter;
    private final StreamHealth health;
    private final Backoff backoff;
    private final Function<Throwable, QueryFailure> describe;
    private final Consumer<Throwable> unrecoverable;
    private final CountDownLatch stopping = new CountDownLatch(1);
    private final Thread thread;
    private final ScheduledExecutorService clock;
    private volatile StreamingQuery query;

    /**
     * @param health is told of failures
     * @param backoff the delays between restarts
     * @param describe says why a query has failed
     * @param unrecoverable is told of a failure after which no query can run in this process any more
     */
    public QuerySupervisor(
        Starter starter,
        StreamHealth health,
        Backoff backoff,
        Function<Throwable, QueryFailure> describe,
        Consumer<Throwable> unrecoverable) {
        this.stream = health.stream();
        this.starter = starter;
        this.health = health;
        this.backoff = backoff;
        this.describe = describe;
        this.unrecoverable = unrecoverable;
        thread = daemon(this::supervise, "freshet-query-" + stream);
        clock = Executors.newSingleThreadScheduledExecutor(task -> daemon(task, "freshet-look-" + stream));
    }

    private static Thread daemon(Runnable task, String name) {
        Thread thread = new Thread(task, name);
        thread.setDaemon(true);
        return thread;
    }

    /** Starts the query, and starts it again as often as it takes. */
    public void start() {
        StreamMetrics.show(health);
        thread.start();
        clock.scheduleWithFixedDelay(this::look, LOOK.toMillis(), LOOK.toMillis(), TimeUnit.MILLISECONDS);
    }

    private void look() {
        try {
            starter.look(query);
        } catch (RuntimeException e) {
            // An exception would end the looks, and the next one may find out.
            LOGGER.warn("the query of stream {} could not be looked after: {}", stream, e.toString());
        }
    }

    /** Stops the query; its running batch may finish within Spark's {@code stopTimeout}. */
    public void stop() {
        stopping.countDown();
        clock.shutdownNow();
        stopQuery();
        StreamMetrics.hide(health);
        try {
            thread.join(LAST_WAIT.toMillis());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void supervise() {
        while (!isStopping()) {
            long begun = System.nanoTime();
            Throwable failure = runUntilItFails();
            if (isStopping()) {
                return;
            }
            if (isUnrecoverable(failure)) {
                unrecoverable.accept(failure);
                return;
            }
            if (System.nanoTime() - begun >= HEALTHY.toNanos()) {
                backoff.reset();
            }
            waitAfter(failure);
        }
    }

    private Throwable runUntilItFails() {
        try {
            query = starter.start();
            if (isStopping()) {
                stopQuery(); // whoever asked for it may not have seen this query yet
            }
            query.awaitTermination();
            return new IllegalStateException("the query was stopped from outside of the job");
        } catch (Exception | Error e) {
            return e;
        }
    }

    private void waitAfter(Throwable failure) {
        Next next = starter.after(failure);
        if (next == Next.AT_ONCE) {
            LOGGER.info("the query of stream {} is started again at once", stream);
            return;
        }
        QueryFailure described = describe.apply(failure);
        health.restarting(described.description(), described.waitsFor());
        Duration delay = delay(next, described);
        LOGGER.error("the query of stream {} has failed and is started again {}{} ms: {}", stream,
            next == Next.WHEN_READY ? "when what it waits for is there, or in " : "in ", delay.toMillis(),
            described.description());
        LOGGER.debug("the query of stream {} has failed", stream, failure);
        pause(delay, next == Next.WHEN_READY);
    }

    private Duration delay(Next next, QueryFailure failure) {
        if (next == Next.WHEN_READY) {
            return MOST_PATIENCE;
        }
        return failure.permanent() ? backoff.slowest() : backoff.next();
    }

    private void pause(Duration delay, boolean endsWhenReady) {
        long end = System.nanoTime() + delay.toNanos();
        try {
            while (System.nanoTime() < end && !(endsWhenReady && starter.isReady())) {
                long step = Math.min(end - System.nanoTime(), endsWhenReady ? LOOK.toNanos() / 4 : Long.MAX_VALUE);
                if (stopping.await(step, TimeUnit.NANOSECONDS)) {
                    return;
                }
            }
        } catch (InterruptedException e) {
            stopping.countDown(); // nobody interrupts this thread but a process that ends
        }
    }

    private void stopQuery() {
        StreamingQuery running = query;
        if (running == null) {
            return;
        }
        try {
            running.stop();
        } catch (TimeoutException e) {
            LOGGER.warn("the query of stream {} did not stop in time; its batch will be repeated", stream);
        }
    }

    private boolean isStopping() {
        return stopping.getCount() == 0;
    }

    /** After these the Java machine itself is in doubt. */
    private static boolean isUnrecoverable(Throwable failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof VirtualMachineError) {
                return true;
            }
        }
        return false;
    }
}
