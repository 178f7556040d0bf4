package io.freshet.spark.job;

import io.freshet.spark.engine.SparkEngine;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerApplicationEnd;

/** Waits for the reason to end the job: a signal, which is success, or that Spark has gone, which is not. */
public final class JobEnd extends SparkListener {
    private final CompletableFuture<Void> end = new CompletableFuture<>();

    /** From now on SIGTERM and SIGINT end the job in order, with exit code 0; a second one ends it at once. */
    public void onSignals() {
        for (String signal : new String[] {"TERM", "INT"}) {
            // What is not handled here goes to the handler of the Java machine.
            SparkEngine.current().onSignal(signal, () -> end.complete(null));
        }
    }

    /** Ends the job: whoever supervises the process has to start it again. */
    public void fail(Throwable reason) {
        end.completeExceptionally(reason);
    }

    /** The context has stopped, for another reason than the job's own end. */
    @Override
    public void onApplicationEnd(SparkListenerApplicationEnd event) {
        fail(new IllegalStateException("Spark has stopped"));
    }

    /**
     * Waits for the end, but not for longer than this.
     *
     * @return whether it has come
     * @throws ExecutionException when Spark has gone
     */
    public boolean await(Duration most) throws InterruptedException, ExecutionException {
        try {
            end.get(most.toNanos(), TimeUnit.NANOSECONDS);
            return true;
        } catch (TimeoutException e) {
            return false;
        }
    }

    /**
     * Waits for the end.
     *
     * @throws ExecutionException when Spark has gone
     */
    public void await() throws InterruptedException, ExecutionException {
        end.get();
    }
}
