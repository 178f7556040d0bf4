package io.freshet.spark.nativelib;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.freshet.spark.engine.spark42.plan.RowRecord;
import java.io.IOException;
import org.apache.arrow.memory.RootAllocator;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.junit.jupiter.api.Test;

/** That what is told of native memory is what is held. */
class NativeMemoryUseTest {
    @Test
    void whatIsSummedUpIsCountedUntilItIsClosed() throws IOException {
        String stream = StreamJson.of("series = [\"id\"]", "time = { field = \"at\", unit = \"ms\" }",
            "values = { v = \"v\" }", "windows = [\"10s\"]");
        try (RootAllocator allocator = new RootAllocator();
            RecordBatchBuffer records = new RecordBatchBuffer(1 << 16, 1 << 20)) {
            long before = NativeMemoryUse.bytes();
            var aggregator = new NativeWindowAggregator(stream, "raw.s", allocator);
            for (int series = 0; series < 500; series++) {
                byte[] value = ("{\"id\":\"s" + series + "\",\"at\":0,\"v\":1}").getBytes(UTF_8);
                Object[] row = {0, (long) series, 0L, null, value};
                assertTrue(records.add(new RowRecord(0, 1, 2, 3, 4).of(new GenericInternalRow(row))));
            }
            assertEquals(0, aggregator.add(records));
            long held = aggregator.memoryBytes();
            assertTrue(held > 10_000, () -> held + " bytes");
            assertEquals(before + held, NativeMemoryUse.bytes());
            aggregator.close();
            assertEquals(before, NativeMemoryUse.bytes());
        }
    }
}
