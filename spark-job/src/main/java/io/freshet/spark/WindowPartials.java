package io.freshet.spark;

import io.freshet.spark.nativelib.NativeWindowAggregator;
import io.freshet.spark.nativelib.RecordBatchBuffer;
import io.freshet.spark.plan.PartitionStep;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Optional;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.spark.TaskContext;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.UnsafeProjection;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.util.ArrowUtils;
import org.apache.spark.sql.vectorized.ArrowColumnVector;
import org.apache.spark.sql.vectorized.ColumnVector;
import org.apache.spark.sql.vectorized.ColumnarBatch;
import org.apache.spark.util.LongAccumulator;
import org.apache.spark.util.TaskCompletionListener;

/**
 * The native step of a query: the Kafka records of a task become one partial aggregate per series, metric and window.
 * Records that cannot be trusted are handed on as rejected ones and never fail the batch.
 */
final class WindowPartials implements PartitionStep {
    /** The columns of Kafka's source that the step reads, in its order. */
    static final List<String> INPUT = List.of("partition", "offset", "timestamp", "key", "value");

    /** What it makes of them: the columns of {@link NativeWindowAggregator#takeWindows}, in their order. */
    static final StructType OUTPUT = new StructType()
        .add("series", DataTypes.StringType, false)
        .add("metric", DataTypes.StringType, false)
        .add("window_name", DataTypes.StringType, false)
        .add("start", DataTypes.TimestampType, false)
        .add("end", DataTypes.TimestampType, false)
        .add("event_time", DataTypes.TimestampType, false)
        .add("records", DataTypes.LongType, false)
        .add("stats", DataTypes.BinaryType, false);

    private static final long serialVersionUID = 1L;
    /** Spark's own names for what a streaming query tells its tasks. */
    private static final String QUERY_PROPERTY = "sql.streaming.queryId";
    private static final String BATCH_PROPERTY = "streaming.sql.batchId";
    private static final int BUFFER_BYTES = 1 << 20;

    private final PipelineConfiguration.Stream stream;
    private final RejectedRecords rejectedRecords;
    private final LongAccumulator rejected;
    private final LongAccumulator bytesIn;

    /**
     * @param rejectedRecords what becomes of them
     * @param rejected counts rejected records
     * @param bytesIn counts the bytes of the records as they are handed to the native library
     */
    WindowPartials(
        PipelineConfiguration.Stream stream,
        RejectedRecords rejectedRecords,
        LongAccumulator rejected,
        LongAccumulator bytesIn) {
        this.stream = stream;
        this.rejectedRecords = rejectedRecords;
        this.rejected = rejected;
        this.bytesIn = bytesIn;
    }

    @Override
    public Iterator<InternalRow> run(Iterator<InternalRow> rows, int[] columns) {
        return new Task(rows, columns, TaskContext.get());
    }

    /** One task: reads its records as far as memory allows, hands on the windows, and goes on. */
    private final class Task implements Iterator<InternalRow> {
        private final Iterator<InternalRow> records;
        private final int[] columns;
        private final BufferAllocator allocator;
        private final NativeWindowAggregator aggregator;
        private final NativeMemory memory;
        private final RecordBatchBuffer buffer = new RecordBatchBuffer(BUFFER_BYTES);
        private final RejectedRecords.Sender sender = rejectedRecords.sender();
        private final UnsafeProjection toUnsafeRow = UnsafeProjection.create(OUTPUT);
        private VectorSchemaRoot windows;
        private Iterator<InternalRow> rows = Collections.emptyIterator();
        /** All records are read; what remains is to hand on the windows. */
        private boolean ended;

        Task(Iterator<InternalRow> records, int[] columns, TaskContext context) {
            this.records = records;
            this.columns = columns;
            memory = new NativeMemory(context.taskMemoryManager());
            allocator = ArrowUtils.rootAllocator().newChildAllocator("freshet", 0, Long.MAX_VALUE);
            // Listeners are called in reverse order: what is opened last is closed first, whatever fails in between.
            context.addTaskCompletionListener((TaskCompletionListener) ignored -> allocator.close());
            context.addTaskCompletionListener((TaskCompletionListener) ignored -> memory.release());
            aggregator = new NativeWindowAggregator(stream.json(), stream.rawTopic(), batch(context), allocator);
            context.addTaskCompletionListener((TaskCompletionListener) ignored -> aggregator.close());
            context.addTaskCompletionListener((TaskCompletionListener) ignored -> closeWindows());
        }

        @Override
        public boolean hasNext() {
            while (!rows.hasNext()) {
                if (takeWindows()) {
                    continue;
                }
                memory.release();
                if (ended) {
                    return false;
                }
                readRecords();
            }
            return true;
        }

        @Override
        public InternalRow next() {
            if (!hasNext()) {
                throw new NoSuchElementException();
            }
            return toUnsafeRow.apply(rows.next());
        }

        private boolean takeWindows() {
            closeWindows();
            Optional<VectorSchemaRoot> next = aggregator.takeWindows();
            if (next.isEmpty()) {
                return false;
            }
            windows = next.get();
            ColumnVector[] vectors =
                windows.getFieldVectors().stream().map(ArrowColumnVector::new).toArray(ColumnVector[]::new);
            rows = new ColumnarBatch(vectors, windows.getRowCount()).rowIterator();
            return true;
        }

        private void readRecords() {
            while (records.hasNext()) {
                InternalRow next = records.next();
                boolean memoryLeft = true;
                while (!buffer.add(next, columns[0], columns[1], columns[2], columns[3], columns[4])) {
                    memoryLeft = aggregate();
                }
                if (!memoryLeft) {
                    return;
                }
            }
            aggregate();
            sender.flush();
            ended = true;
        }

        /** Hands the packed records to the native library; false when it should hand on its windows before more. */
        private boolean aggregate() {
            bytesIn.add(buffer.payloadBytes());
            int rejectedNow = aggregator.add(buffer);
            buffer.clear();
            if (rejectedNow > 0) {
                rejected.add(rejectedNow);
                aggregator.takeRejected(sender::send);
            }
            return memory.reserve(aggregator.memoryBytes());
        }

        private void closeWindows() {
            if (windows != null) {
                windows.close();
                windows = null;
                rows = Collections.emptyIterator();
            }
        }
    }

    /** Number of the micro-batch; a batch query is one batch. */
    private static long batch(TaskContext context) {
        String batch = context.getLocalProperty(BATCH_PROPERTY);
        if (batch == null && context.getLocalProperty(QUERY_PROPERTY) != null) {
            throw new IllegalStateException("this version of Spark does not tell tasks their micro-batch in "
                + BATCH_PROPERTY + ": late records could not be counted");
        }
        return batch == null ? 0 : Long.parseLong(batch);
    }
}
