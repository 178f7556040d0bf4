package io.freshet.spark;

import io.freshet.spark.nativelib.NativeWindowAggregator;
import io.freshet.spark.nativelib.RecordBatchBuffer;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.Optional;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VarBinaryVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.util.ArrowUtils;
import org.apache.spark.util.LongAccumulator;
import org.apache.spark.util.TaskCompletionListener;

/**
 * The native step of a query: the Kafka records of a task become one partial aggregate per series, metric and window.
 * Records that cannot be trusted go to the dead letters and never fail the batch.
 */
final class WindowPartials implements MapPartitionsFunction<Row, Row> {
    /** The columns of Kafka's source that the step reads, in its order. */
    static final Column[] INPUT = {
        functions.col("partition"), functions.col("offset"),
        functions.unix_millis(functions.col("timestamp")).as("timestamp"), functions.col("key"),
        functions.col("value"),
    };

    /** What it makes of them; times are epoch microseconds. */
    static final StructType OUTPUT = new StructType()
        .add("series", DataTypes.StringType, false)
        .add("metric", DataTypes.StringType, false)
        .add("window_name", DataTypes.StringType, false)
        .add("start", DataTypes.LongType, false)
        .add("end", DataTypes.LongType, false)
        .add("last_event", DataTypes.LongType, false)
        .add("records", DataTypes.LongType, false)
        .add("stats", DataTypes.BinaryType, false);

    private static final long serialVersionUID = 1L;
    /** Spark's own names for what a streaming query tells its tasks. */
    private static final String QUERY_PROPERTY = "sql.streaming.queryId";
    private static final String BATCH_PROPERTY = "streaming.sql.batchId";
    private static final int BUFFER_BYTES = 1 << 20;

    private final PipelineConfiguration.Stream stream;
    private final DeadLetters deadLetters;
    private final LongAccumulator rejected;
    private final LongAccumulator bytesIn;

    /**
     * @param rejected counts rejected records
     * @param bytesIn counts the bytes of keys and values
     */
    WindowPartials(
        PipelineConfiguration.Stream stream,
        DeadLetters deadLetters,
        LongAccumulator rejected,
        LongAccumulator bytesIn) {
        this.stream = stream;
        this.deadLetters = deadLetters;
        this.rejected = rejected;
        this.bytesIn = bytesIn;
    }

    @Override
    public Iterator<Row> call(Iterator<Row> records) {
        return new Task(records, TaskContext.get());
    }

    /** One task: reads its records as far as memory allows, hands on the windows, and goes on. */
    private final class Task implements Iterator<Row> {
        private final Iterator<Row> records;
        private final BufferAllocator allocator;
        private final NativeWindowAggregator aggregator;
        private final NativeMemory memory;
        private final RecordBatchBuffer buffer = new RecordBatchBuffer(BUFFER_BYTES);
        private final DeadLetters.Sender sender = deadLetters.sender();
        private VectorSchemaRoot windows;
        private int row;
        private boolean ended;

        Task(Iterator<Row> records, TaskContext context) {
            this.records = records;
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
            while (windows == null || row == windows.getRowCount()) {
                if (takeWindows()) {
                    continue;
                }
                if (ended) {
                    return false;
                }
                readRecords();
            }
            return true;
        }

        @Override
        public Row next() {
            if (!hasNext()) {
                throw new NoSuchElementException();
            }
            Row next = RowFactory.create(text("series"), text("metric"), text("window"), number("start"),
                number("end"), number("last_event"), number("records"),
                ((VarBinaryVector) windows.getVector("stats")).get(row));
            row++;
            return next;
        }

        private String text(String column) {
            return ((VarCharVector) windows.getVector(column)).getObject(row).toString();
        }

        private long number(String column) {
            return ((BigIntVector) windows.getVector(column)).get(row);
        }

        private boolean takeWindows() {
            closeWindows();
            Optional<VectorSchemaRoot> next = aggregator.takeWindows();
            windows = next.orElse(null);
            row = 0;
            return next.isPresent();
        }

        private void readRecords() {
            while (records.hasNext()) {
                Row next = records.next();
                byte[] key = (byte[]) next.get(3);
                byte[] value = (byte[]) next.get(4);
                bytesIn.add((key == null ? 0 : key.length) + (value == null ? 0 : value.length));
                boolean memoryLeft = true;
                while (!buffer.add(next.getInt(0), next.getLong(1), next.getLong(2), key, value)) {
                    memoryLeft = aggregate();
                }
                if (!memoryLeft) {
                    aggregator.finish();
                    memory.release();
                    return;
                }
            }
            aggregate();
            aggregator.finish();
            sender.flush();
            ended = true;
        }

        /** Hands the packed records to the native library; false when it should hand on its windows before more. */
        private boolean aggregate() {
            int rejectedNow = aggregator.add(buffer);
            buffer.clear();
            if (rejectedNow > 0) {
                rejected.add(rejectedNow);
                aggregator.takeRejected(sender::send);
            }
            return memory.reserve(aggregator.memoryBytes());
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

        private void closeWindows() {
            if (windows != null) {
                windows.close();
                windows = null;
            }
        }
    }
}
