package io.freshet.spark.health;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.freshet.spark.engine.KafkaOffsets;
import io.freshet.spark.nativelib.NativeContract;
import io.freshet.spark.nativelib.NativeLibrary;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Supplier;
import org.apache.kafka.common.TopicPartition;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.streaming.SourceProgress;
import org.apache.spark.sql.streaming.StateOperatorProgress;
import org.apache.spark.sql.streaming.StreamingQueryProgress;

/**
 * The health of one stream's query, added up from Spark's progress reports: totals since the job started, the newest
 * micro-batch, and whether the query is running. Totals survive a restart of the query, but not one of the job.
 */
public final class StreamHealth {
    private static final ObjectMapper JSON = new ObjectMapper();

    /** What the query is doing. */
    private enum State {
        /** It was never heard of. */
        STARTING,
        /** It has reported since it was last started. */
        RUNNING,
        /** It has failed and was not heard of since. */
        RESTARTING,
        /** It is alive, but waits for something outside. */
        WAITING;

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    private final String stream;
    private final Duration trigger;
    private final Supplier<Optional<String>> firstOffsets;
    private final String instance = hostName() + ":" + ProcessHandle.current().pid();
    private final long since = System.currentTimeMillis();
    /** When the query got on last; before it has, when this began. */
    private long progressNanos = System.nanoTime();
    private State state = State.STARTING;
    private long restarts;
    private String lastError;
    private Long lastErrorTime;
    private String waitingFor;
    /** What the query has failed for that has to answer; null when it was no such thing. */
    private String unanswered;
    private long lostOffsets;
    private final Deque<String> notices = new ArrayDeque<>();
    private final ClocksAhead clocksAhead = new ClocksAhead();
    private final Map<String, Long> late = new HashMap<>();
    private final Map<String, Long> counted = new HashMap<>();
    private long recordsIn;
    private long bytesIn;
    private long rejected;
    private long skipped;
    private long rejectedRows;
    private final Map<String, Long> skippedValues = new HashMap<>();
    private long windowsOut;
    private long bytesOut;
    private long skippedOffsets;
    /** Null once a micro-batch was read without knowing. */
    private Long deletedOffsets = 0L;
    private Long lastProgressTime;
    private final ConsumerLag lag = new ConsumerLag();
    private long batches;
    private Long batch;
    private Long batchMillis;
    private Long watermark;
    private Long stateRows;
    private Long stateBytes;

    /** Of a query that tells neither its trigger nor where its first micro-batch begins. */
    public StreamHealth(String stream) {
        this(stream, null, Optional::empty);
    }

    /**
     * @param trigger the time from the start of a micro-batch to that of the next one; null when it is not known
     * @param firstOffsets where the first micro-batch of the query began, once it has: Spark reports it of all others
     */
    public StreamHealth(String stream, Duration trigger, Supplier<Optional<String>> firstOffsets) {
        this.stream = stream;
        this.trigger = trigger;
        this.firstOffsets = firstOffsets;
    }

    /** Name of the stream and of its query. */
    public String stream() {
        return stream;
    }

    /** The query works: it has finished a micro-batch, or found that there is nothing to do. */
    public synchronized void running() {
        state = State.RUNNING;
        unanswered = null;
        lastProgressTime = System.currentTimeMillis();
        progressNanos = System.nanoTime();
    }

    /**
     * The query is about to start, where earlier runs have come to.
     *
     * @param read the next offset by partition; empty when no micro-batch was ever finished
     */
    public synchronized void startsFrom(Map<TopicPartition, Long> read) {
        lag.read(read.isEmpty() ? null : read);
        lag.ends(null, System.nanoTime()); // those seen before may be of a topic that is no more
    }

    /**
     * How far the raw topics have come by now.
     *
     * @param ends the offset of the next record by partition; empty when Kafka does not say
     */
    public synchronized void topicEnds(Optional<Map<TopicPartition, Long>> ends) {
        lag.ends(ends.orElse(null), System.nanoTime());
    }

    /**
     * The query has failed, and will be started again.
     *
     * @param error one line without secrets
     * @param waitsFor what outside of it has to answer before it can go on, in one line
     */
    public synchronized void restarting(String error, Optional<String> waitsFor) {
        state = State.RESTARTING;
        unanswered = waitsFor.orElse(null);
        restarts++;
        lastError = error;
        lastErrorTime = System.currentTimeMillis();
    }

    /**
     * The query is alive, but cannot go on until something outside has come or is repaired.
     *
     * @param what in one line; null when it waits for nothing any more
     */
    public synchronized void waitingFor(String what) {
        waitingFor = what;
    }

    /**
     * Some of a topic that is gone was never read.
     *
     * @param offsets how many are known
     * @param notice for people
     */
    public synchronized void lost(long offsets, String notice) {
        lostOffsets += offsets;
        notice(notice);
    }

    /** Tells people something that they should know, in one line. */
    public synchronized void notice(String notice) {
        notices.remove(notice);
        notices.addLast(notice);
        if (notices.size() > NativeContract.get().health().maxNotices()) {
            notices.removeFirst();
        }
    }

    /** The watermark of the newest micro-batch, epoch milliseconds; empty before the first one. */
    public synchronized OptionalLong watermarkMillis() {
        return watermark == null ? OptionalLong.empty() : OptionalLong.of(watermark);
    }

    /** Takes in the report of a finished micro-batch. */
    public synchronized void add(StreamingQueryProgress progress) {
        running();
        batches++;
        batch = progress.batchId();
        batchMillis = progress.durationMs().getOrDefault("triggerExecution", 0L);
        String eventTime = progress.eventTime().get("watermark");
        watermark = eventTime == null ? null : Instant.parse(eventTime).toEpochMilli();
        if (progress.stateOperators().length > 0) {
            StateOperatorProgress state = progress.stateOperators()[0];
            stateRows = state.numRowsTotal();
            stateBytes = state.memoryUsedBytes();
        }
        if (progress.sources().length > 0) {
            lag.read(offsets(progress.sources()[0].endOffset()));
        }
        Map<String, Row> observed = progress.observedMetrics();
        if (observed.containsKey(Observations.READ)) {
            addBooks(observed);
            long recordsRead = number(observed.get(Observations.READ), "records_read");
            skippedOffsets += skippedOffsets(progress.sources()[0], recordsRead);
        }
    }

    /**
     * Adds up what the query itself has counted of a micro-batch. Spark's own {@code numInputRows} is not among it:
     * that grows when Spark repeats a part of the micro-batch because it has lost an executor.
     */
    private void addBooks(Map<String, Row> observed) {
        Row read = observed.get(Observations.READ);
        recordsIn += number(read, "records_read");
        bytesIn += number(read, "bytes_read");
        rejected += number(read, "rejected");
        skipped += number(read, "skipped");
        rejectedRows += number(read, "rejected_rows");
        for (String field : read.schema().fieldNames()) {
            if (field.startsWith(Observations.SKIPPED_VALUES) && number(read, field) > 0) {
                String metric = field.substring(Observations.SKIPPED_VALUES.length());
                skippedValues.merge(metric, number(read, field), Long::sum);
            }
        }
        addDeleted(read);
        String ahead = read.getAs("ahead_series");
        if (ahead != null) {
            clocksAhead.add(ahead, number(read, "ahead_micros"), System.currentTimeMillis());
        }
        Row written = observed.get(Observations.WRITTEN);
        windowsOut += number(written, "windows_written");
        bytesOut += number(written, "bytes_written");
        Row aggregated = observed.get(Observations.AGGREGATED);
        Row inTime = observed.get(Observations.COUNTED);
        for (String window : aggregated.schema().fieldNames()) {
            counted.merge(window, number(inTime, window), Long::sum);
            // What was aggregated but not counted into any window came too late for it.
            late.merge(window, number(aggregated, window) - number(inTime, window), Long::sum);
        }
    }

    private void addDeleted(Row read) {
        boolean isTold = !read.isNullAt(read.fieldIndex("offsets_deleted"));
        if (isTold && deletedOffsets != null) {
            deletedOffsets += number(read, "offsets_deleted");
        } else if (number(read, "records_read") > 0) {
            deletedOffsets = null;
        }
    }

    private static long number(Row row, String field) {
        int index = row.fieldIndex(field);
        return row.isNullAt(index) ? 0 : row.getLong(index);
    }

    /**
     * Offsets of the micro-batch without a record: what Kafka had deleted before it was read, and what is a gap anyway,
     * the marks of transactions and the records that compaction has removed.
     */
    private long skippedOffsets(SourceProgress source, long recordsRead) {
        String start = source.startOffset() == null ? firstOffsets.get().orElse(null) : source.startOffset();
        Map<TopicPartition, Long> begins = offsets(start);
        Map<TopicPartition, Long> ends = offsets(source.endOffset());
        if (begins == null || ends == null) {
            return 0; // before the first batch Spark has no offsets to report
        }
        return Math.max(0, ConsumerLag.between(begins, ends) - recordsRead);
    }

    /** Null when Spark does not say. */
    private static Map<TopicPartition, Long> offsets(String json) {
        return json == null ? null : KafkaOffsets.parse(json);
    }

    /** The report for the health topic: what is not declared in freshet-core does not get into it. */
    public synchronized byte[] report() {
        ObjectNode report = JSON.createObjectNode();
        report.put("instance", instance).put("stream", stream);
        report.put("since", since).put("time", System.currentTimeMillis());
        report.put("version", NativeLibrary.VERSION);
        String awaited = waitingFor == null ? unanswered : waitingFor;
        report.put("state", (awaited == null ? state : State.WAITING).toString()).put("waiting_for", awaited);
        report.put("restarts", restarts).put("last_error", lastError).put("last_error_time", lastErrorTime);
        report.put("records_in", recordsIn).put("records_out", windowsOut);
        report.put("bytes_in", bytesIn).put("bytes_out", bytesOut);
        ObjectNode errors = report.putObject("errors");
        if (rejected > 0) {
            errors.put("rejected", rejected);
        }
        if (restarts > 0) {
            errors.put("query_failed", restarts);
        }
        report.put("lag", knownLag());
        report.put("last_progress_time", lastProgressTime);
        report.put("batch_id", batch).put("batch_duration_ms", batchMillis);
        report.put("watermark", watermark).put("state_rows", stateRows).put("state_bytes", stateBytes);
        report.put("skipped_offsets", skippedOffsets).put("deleted_offsets", deletedOffsets);
        report.put("lost_offsets", lostOffsets);
        report.put("counted", countedAtLeast()).put("rejected", rejected).put("late", mostLate());
        report.put("skipped", skipped).put("rejected_rows", rejectedRows);
        ObjectNode skippedByMetric = report.putObject("skipped_values");
        skippedValues.forEach(skippedByMetric::put);
        ObjectNode lateByWindow = report.putObject("late_by_window");
        late.forEach(lateByWindow::put);
        ArrayNode told = report.putArray("notices");
        notices.forEach(told::add);
        clocksAhead.notices(System.currentTimeMillis()).forEach(told::add);
        try {
            return NativeContract.report(JSON.writeValueAsBytes(report));
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("a report of plain values could not be written", e);
        }
    }

    /** What is waited for is Kafka or the topic: how far it has come is hearsay then. */
    private Long knownLag() {
        return waitingFor == null ? lag.records(System.nanoTime()) : null;
    }

    private long progressAgeMillis() {
        return Duration.ofNanos(System.nanoTime() - progressNanos).toMillis();
    }

    /** In every kind of window. */
    private long countedAtLeast() {
        return counted.values().stream().mapToLong(Long::longValue).min().orElse(0);
    }

    private long mostLate() {
        return late.values().stream().mapToLong(Long::longValue).max().orElse(0);
    }

    /** The same in numbers, as of now. */
    synchronized StreamFigures figures() {
        boolean running = waitingFor == null && state == State.RUNNING;
        return new StreamFigures(running, recordsIn, countedAtLeast(), mostLate(), rejected, skipped, skippedOffsets,
            deletedOffsets, knownLag(), watermark, batchMillis, progressAgeMillis(),
            trigger == null ? null : trigger.toMillis(), stateRows, stateBytes, batches, restarts);
    }

    private static String hostName() {
        try {
            return InetAddress.getLocalHost().getHostName();
        } catch (UnknownHostException e) {
            return "localhost"; // a machine without a name of its own
        }
    }
}
