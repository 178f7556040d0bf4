package io.freshet.spark.nativelib;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.freshet.spark.engine.spark42.plan.RowRecord;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.VarBinaryVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/** As many tasks one after the other as a job runs in hours: none may leave native memory behind. */
@Tag("long")
@EnabledOnOs(OS.LINUX)
class MemoryGrowthTest {
    private static final int TASKS = 80;
    private static final int WARM_UP_TASKS = 20;
    private static final int RECORDS_PER_TASK = 250_000;
    private static final int SERIES = 5_000;
    private static final List<String> WINDOWS = List.of("10s", "1m", "30s/10s");
    private static final double MOST_GROWTH = 1.05;

    @Test
    void twentyMillionRecordsLeaveNoMemoryBehind() throws IOException {
        String stream = StreamJson.of("series = [\"id\"]", "time = { field = \"at\", unit = \"ms\" }",
            "values = { v = \"v\", w = \"w\" }", "windows = [\"" + String.join("\", \"", WINDOWS) + "\"]");
        Random random = new Random(20);
        long afterWarmUp = 0;
        long atTheEnd = 0;
        try (RootAllocator allocator = new RootAllocator()) {
            for (int task = 0; task < TASKS; task++) {
                runTask(stream, task, random, allocator);
                assertEquals(0, allocator.getAllocatedMemory());
                atTheEnd = residentKilobytes();
                if (task == WARM_UP_TASKS - 1) {
                    afterWarmUp = atTheEnd;
                }
            }
        }
        System.out.printf("resident: %d MiB after %d million records, %d MiB after %d million%n", afterWarmUp >> 10,
            WARM_UP_TASKS * RECORDS_PER_TASK / 1_000_000, atTheEnd >> 10, TASKS * RECORDS_PER_TASK / 1_000_000);
        assertTrue(atTheEnd <= afterWarmUp * MOST_GROWTH,
            "resident memory grew from " + afterWarmUp + " to " + atTheEnd + " KiB");
    }

    /**
     * What tasks of Spark do: pack records, have them summed up, take the partials and the rejected records, update
     * states.
     */
    private static void runTask(String stream, int task, Random random, RootAllocator allocator) {
        RecordBatchBuffer buffer = new RecordBatchBuffer();
        RowRecord packed = new RowRecord(2, 3, 4, 1, 0);
        try (var aggregator = new NativeWindowAggregator(stream, "raw.s", allocator);
            var state = new NativeWindowState(stream, NativeWindowState.NO_LIMITS, NativeWindowState.Form.MESSAGES)) {
            int rejected = 0;
            for (int record = 0; record < RECORDS_PER_TASK; record++) {
                InternalRow row = new GenericInternalRow(
                    new Object[] {value(task, random), null, 0, (long) record, 1_700_000_000_000_000L});
                while (!buffer.add(packed.of(row))) {
                    rejected += aggregate(aggregator, buffer);
                }
            }
            rejected += aggregate(aggregator, buffer);
            assertTrue(rejected > 0);
            long updated = 0;
            for (var batch = aggregator.takePartials(); batch.isPresent(); batch = aggregator.takePartials()) {
                try (VectorSchemaRoot columns = batch.get()) {
                    updated += updateStates(columns, state);
                }
            }
            assertTrue(updated >= SERIES);
        }
    }

    private static int aggregate(NativeWindowAggregator aggregator, RecordBatchBuffer buffer) {
        int rejected = aggregator.add(buffer);
        buffer.clear();
        if (rejected > 0) {
            aggregator.takeRejected(columns -> assertEquals(rejected, columns.rows()));
        }
        return rejected;
    }

    /** Updates a new state for every row, and then that state once more. */
    private static int updateStates(VectorSchemaRoot columns, NativeWindowState state) {
        VarBinaryVector panes = (VarBinaryVector) columns.getVector("panes");
        VarCharVector kinds = (VarCharVector) columns.getVector("window");
        for (int row = 0; row < columns.getRowCount(); row++) {
            int kind = WINDOWS.indexOf(kinds.getObject(row).toString());
            byte[] before = update(state, kind, null, panes.get(row));
            update(state, kind, before, panes.get(row));
        }
        return columns.getRowCount();
    }

    private static byte[] update(NativeWindowState state, int kind, byte[] before, byte[] panes) {
        state.begin("sensor", "v", before);
        state.add(panes);
        state.update(kind, false, NativeWindowState.NO_WATERMARK, NativeWindowState.NO_WATERMARK);
        state.readCounted();
        state.readDeadline();
        byte[] after = state.readState();
        assertTrue(state.readWindows().length > 0);
        return after;
    }

    private static byte[] value(int task, Random random) {
        String end = random.nextInt(500) == 0 ? "" : "}";
        long at = 1_699_000_000_000L + task * 60_000L + random.nextInt(60_000);
        return ("{\"id\":\"sensor-" + random.nextInt(SERIES) + "\",\"at\":" + at + ",\"v\":" + random.nextDouble()
            + ",\"w\":" + random.nextInt(1_000) + ",\"text\":\"" + "x".repeat(random.nextInt(64)) + "\"" + end)
            .getBytes(StandardCharsets.UTF_8);
    }

    private static long residentKilobytes() throws IOException {
        return Files.readAllLines(Path.of("/proc/self/status")).stream()
            .filter(line -> line.startsWith("VmRSS:"))
            .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", ""))).findFirst().orElseThrow();
    }
}
