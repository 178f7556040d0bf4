package io.freshet.spark.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.management.HotSpotDiagnosticMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** The file of results: one JSON object per line, each written as soon as it is known. */
final class BenchmarkResults {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Path file;

    BenchmarkResults(Path file) {
        this.file = file;
    }

    /** The topic is filled. */
    void filled() throws IOException {
        append(event("filled"));
    }

    /** A query was measured; round 0 warms up. */
    void measured(BenchmarkQueries.Query query, int round, BenchmarkRun.Result result) throws IOException {
        append(event("measured").put("case", query.name()).put("engine", query.engine())
            .put("codec", query.codec()).put("compiler", compiler()).put("round", round)
            .put("records", result.records()).put("seconds", result.seconds())
            .put("cpu_seconds", result.cpuSeconds()));
    }

    /** The latency was measured. */
    void latency(BenchmarkLatency.Result result) throws IOException {
        ObjectNode line = event("latency");
        ObjectNode phases = line.putObject("phase_ms_p50");
        result.phases().forEach((phase, millis) -> phases.put(phase, millis));
        append(line.put("batch_ms_p50", result.phases().get(BenchmarkLatency.BATCH)).put("batches", result.batches())
            .put("event_to_window_ms_p50", result.windowP50()).put("event_to_window_ms_p95", result.windowP95())
            .put("event_to_window_ms_p99", result.windowP99()).put("windows", result.windows())
            .put("records", result.records()));
    }

    /** Whether this Java machine has its first compiler alone, or the optimising one as well. */
    private static String compiler() {
        String level = ManagementFactory.getPlatformMXBean(HotSpotDiagnosticMXBean.class)
            .getVMOption("TieredStopAtLevel").getValue();
        return level.equals("1") ? "c1" : "tiered";
    }

    private static ObjectNode event(String name) {
        return JSON.createObjectNode().put("event", name);
    }

    private void append(ObjectNode line) throws IOException {
        Files.writeString(file, line + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    }
}
