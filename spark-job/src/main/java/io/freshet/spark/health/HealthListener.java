package io.freshet.spark.health;

import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.spark.sql.streaming.StreamingQueryListener;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Listens to the queries and keeps the health of each stream; a query has its stream's name. */
public final class HealthListener extends StreamingQueryListener {
    private static final Logger LOGGER = LoggerFactory.getLogger(HealthListener.class);

    private final Map<String, StreamHealth> streams = new ConcurrentHashMap<>();
    /** By the id of a run of a query: not every event has the query's name. */
    private final Map<UUID, StreamHealth> runs = new ConcurrentHashMap<>();

    /** Takes in what is heard of this stream from now on. */
    public void watch(StreamHealth health) {
        streams.put(health.stream(), health);
    }

    /** The health of all streams. */
    public Iterable<StreamHealth> streams() {
        return streams.values();
    }

    @Override
    public void onQueryStarted(QueryStartedEvent event) {
        LOGGER.info("the query of stream {} has started", event.name());
        StreamHealth health = streams.get(event.name());
        if (health != null) {
            runs.put(event.runId(), health);
        }
    }

    @Override
    public void onQueryProgress(QueryProgressEvent event) {
        StreamHealth health = runs.get(event.progress().runId());
        if (health != null) {
            health.add(event.progress());
        }
    }

    /** There is nothing to do: a query that has failed before works again. */
    @Override
    public void onQueryIdle(QueryIdleEvent event) {
        StreamHealth health = runs.get(event.runId());
        if (health != null) {
            health.running();
        }
    }

    @Override
    public void onQueryTerminated(QueryTerminatedEvent event) {
        runs.remove(event.runId());
    }
}
