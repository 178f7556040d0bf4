package io.freshet.spark.nativelib;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.freshet.spark.engine.PackedRows;
import io.freshet.spark.engine.spark42.plan.RowRecord;
import io.freshet.spark.nativelib.NativeWindowState.Form;
import java.lang.management.BufferPoolMXBean;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Optional;
import java.util.stream.IntStream;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.VarBinaryVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class NativeWindowStateTest {
    private static final long SECOND_MICROS = 1_000_000;

    private static String stream;

    @BeforeAll
    static void readStream() throws Exception {
        stream = StreamJson.of("values = { v = \"v\" }", "windows = \"10s\"");
    }

    /** The panes of one series with a reading in each of so many windows. */
    private static byte[][] panes(int windows) {
        try (BufferAllocator allocator = new RootAllocator();
            NativeWindowAggregator aggregator = new NativeWindowAggregator(stream, "raw", allocator)) {
            RecordBatchBuffer buffer = new RecordBatchBuffer();
            for (int window = 0; window < windows; window++) {
                Object[] record = {0, (long) window, 10L * window * SECOND_MICROS, utf8("k"), utf8("{\"v\":2}")};
                while (!buffer.add(new RowRecord(0, 1, 2, 3, 4).of(new GenericInternalRow(record)))) {
                    aggregator.add(buffer);
                    buffer.clear();
                }
            }
            assertEquals(0, aggregator.add(buffer));
            try (VectorSchemaRoot partials = aggregator.takePartials().orElseThrow()) {
                VarBinaryVector panes = (VarBinaryVector) partials.getVector("panes");
                assertEquals(Optional.empty(), aggregator.takePartials());
                return IntStream.range(0, panes.getValueCount()).mapToObj(panes::get).toArray(byte[][]::new);
            }
        }
    }

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static NativeWindowState open() {
        return new NativeWindowState(stream, NativeWindowState.NO_LIMITS, Form.ROWS);
    }

    private static void update(NativeWindowState state, byte[] before, byte[]... partials) {
        state.begin("k", "v", before);
        for (byte[] partial : partials) {
            state.add(partial);
        }
        state.update(0, false, NativeWindowState.NO_WATERMARK, NativeWindowState.NO_WATERMARK);
    }

    @Test
    void buffersGrowAndAreReused() {
        PackedRows rows = new PackedRows(PackedRows.schema(NativeWindowState.columnsJson()));
        try (NativeWindowState state = open()) {
            for (int windows : new int[] {1, 5_000, 1, 700, 20_000, 1}) {
                update(state, null, panes(windows));
                assertEquals(windows, state.readCounted());
                assertEquals(10L * windows * SECOND_MICROS, state.readDeadline());
                assertTrue(state.readState().length >= windows);
                int[] given = {0};
                rows.readAll(state.readWindows()).forEachRemaining(row -> given[0]++);
                assertEquals(windows, given[0]);
            }
        }
    }

    /** As many as tasks need at a time, however many tasks there were. */
    @Test
    void theMemoryOfClosedStatesIsUsedAgain() {
        byte[][] few = panes(10);
        byte[][] many = panes(20_000);
        updateOnce(few, 10); // what is kept is there
        long before = directBytes();
        for (int task = 0; task < 500; task++) {
            updateOnce(task % 100 == 0 ? many : few, task % 100 == 0 ? 20_000 : 10);
        }
        long grown = directBytes() - before;
        assertTrue(grown < 16 << 20, () -> grown + " bytes");
    }

    private void updateOnce(byte[][] partials, int windows) {
        try (NativeWindowState state = open()) {
            update(state, null, partials);
            assertEquals(windows, state.readCounted());
        }
    }

    private static long directBytes() {
        return ManagementFactory
            .getPlatformMXBeans(BufferPoolMXBean.class).stream()
            .filter(pool -> pool.getName().equals("direct")).mapToLong(pool -> pool.getMemoryUsed()).sum();
    }

    @Test
    void manyPartialsAndTheStateSoFarAreAddedUp() {
        byte[] hundred = panes(100)[0];
        byte[][] partials = new byte[1_000][];
        Arrays.fill(partials, hundred);
        int bytes = partials.length * hundred.length;
        assertTrue(bytes > 4 * 64 << 10, () -> bytes + " bytes do not make the buffer grow");
        try (NativeWindowState state = open()) {
            update(state, null, partials);
            assertEquals(100_000, state.readCounted());
            state.readDeadline();
            byte[] before = state.readState();
            update(state, before, hundred);
            assertEquals(100, state.readCounted());
            state.readDeadline();
            byte[] sum = state.readState();

            byte[][] all = Arrays.copyOf(partials, 1_001);
            all[1_000] = hundred;
            update(state, null, all);
            assertEquals(100_100, state.readCounted());
            state.readDeadline();
            assertArrayEquals(sum, state.readState());
        }
    }

    /** A byte of a version that does not exist, another one in its place, and a state whose end is missing. */
    @ParameterizedTest
    @ValueSource(strings = {"foreign", "version", "cut off"})
    void aStateThatDoesNotFitIsRefusedAndTheNextOneIsRead(String kind) {
        try (NativeWindowState state = open()) {
            update(state, null, panes(3));
            state.readCounted();
            state.readDeadline();
            byte[] good = state.readState();
            byte[] bad = switch (kind) {
                case "foreign" -> utf8("{\"not\":\"ours\"}");
                case "version" -> good.clone();
                default -> Arrays.copyOf(good, good.length - 1);
            };
            bad[0] += kind.equals("version") ? 1 : 0;
            var thrown = assertThrows(NativeException.class, () -> update(state, bad, panes(3)));
            assertTrue(thrown.getMessage().endsWith("start from a new checkpoint location"), thrown.getMessage());
            update(state, good, panes(3));
            assertEquals(3, state.readCounted());
        }
    }

    @Test
    void aClosedStateIsRefusedAndClosingTwiceIsHarmless() {
        NativeWindowState state = open();
        state.close();
        state.close();
        var thrown = assertThrows(NativeException.class, () -> update(state, null));
        assertEquals("the window state is closed", thrown.getMessage());
        assertThrows(NativeException.class, () -> new NativeWindowState("{}", NativeWindowState.NO_LIMITS, Form.ROWS));
    }
}
