package io.freshet.spark;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.streaming.SourceProgress;
import org.apache.spark.sql.streaming.StateOperatorProgress;
import org.apache.spark.sql.streaming.StreamingQueryProgress;

/**
 * The health of one stream's query, added up from Spark's progress reports: totals since the job started, and the
 * newest micro-batch.
 */
final class StreamHealth {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final String stream;
    private final String instance;
    private final StreamCounters counters;
    private final long since = System.currentTimeMillis();
    private final Map<String, Long> late = new HashMap<>();
    private long recordsIn;
    private long windowsOut;
    private Long lag;
    private Long batch;
    private Long batchMillis;
    private Long watermark;
    private Long stateRows;
    private Long stateBytes;

    StreamHealth(String stream, String instance, StreamCounters counters) {
        this.stream = stream;
        this.instance = instance;
        this.counters = counters;
    }

    /** Takes in the report of a finished micro-batch. */
    synchronized void add(StreamingQueryProgress progress) {
        recordsIn += progress.numInputRows();
        windowsOut += Math.max(0, progress.sink().numOutputRows());
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
            lag = lag(progress.sources()[0]);
        }
        addLate(progress.observedMetrics().get(StreamQuery.AGGREGATED),
            progress.observedMetrics().get(StreamQuery.COUNTED));
    }

    /** What was aggregated but not counted into any window came too late for it. */
    private void addLate(Row aggregated, Row counted) {
        if (aggregated == null || counted == null) {
            return;
        }
        for (String window : aggregated.schema().fieldNames()) {
            late.merge(window, number(aggregated, window) - number(counted, window), Long::sum);
        }
    }

    private static long number(Row row, String field) {
        int index = row.fieldIndex(field);
        return row.isNullAt(index) ? 0 : row.getLong(index);
    }

    /** Records in the topic that no finished micro-batch has read. */
    private static Long lag(SourceProgress source) {
        try {
            JsonNode ends = JSON.readTree(source.endOffset());
            JsonNode latest = JSON.readTree(source.latestOffset());
            long behind = 0;
            for (var topic : latest.properties()) {
                for (var partition : topic.getValue().properties()) {
                    long end = ends.path(topic.getKey()).path(partition.getKey()).asLong();
                    behind += Math.max(0, partition.getValue().asLong() - end);
                }
            }
            return behind;
        } catch (JsonProcessingException | IllegalArgumentException e) {
            return null; // before the first batch Spark has no offsets to report
        }
    }

    /** The report for the health topic. */
    synchronized byte[] report() {
        ObjectNode report = JSON.createObjectNode();
        report.put("component", "spark-job").put("instance", instance).put("stream", stream);
        report.put("since", since).put("time", System.currentTimeMillis());
        report.put("records_in", recordsIn).put("records_out", windowsOut);
        report.put("bytes_in", counters.bytesIn().value()).put("bytes_out", counters.bytesOut().value());
        ObjectNode errors = report.putObject("errors");
        if (counters.rejected().value() > 0) {
            errors.put("rejected", counters.rejected().value());
        }
        report.put("lag", lag).put("batch_id", batch).put("batch_duration_ms", batchMillis);
        report.put("watermark", watermark).put("state_rows", stateRows).put("state_bytes", stateBytes);
        report.put("rejected", counters.rejected().value());
        report.put("late", late.values().stream().mapToLong(Long::longValue).max().orElse(0));
        ObjectNode lateByWindow = report.putObject("late_by_window");
        late.forEach(lateByWindow::put);
        try {
            return JSON.writeValueAsBytes(report);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("a report of plain values could not be written", e);
        }
    }
}
