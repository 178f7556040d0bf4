package io.freshet.spark;

import io.freshet.spark.nativelib.NativeWindowAggregator;
import io.freshet.spark.nativelib.NativeWindowAggregator.AheadOfClock;
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
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.expressions.JoinedRow;
import org.apache.spark.sql.catalyst.expressions.UnsafeProjection;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.util.ArrowUtils;
import org.apache.spark.sql.vectorized.ArrowColumnVector;
import org.apache.spark.sql.vectorized.ColumnVector;
import org.apache.spark.sql.vectorized.ColumnarBatch;
import org.apache.spark.unsafe.types.UTF8String;
import org.apache.spark.util.TaskCompletionListener;

/**
 * The native step of a query: the Kafka records of a task become one partial aggregate per series, metric and kind of
 * window. Records that cannot be trusted are handed on as rejected ones and never fail the batch.
 */
final class WindowPartials implements PartitionStep {
    /** The columns of Kafka's source that the step reads, in its order. */
    static final List<String> INPUT = List.of("partition", "offset", "timestamp", "key", "value");

    /**
     * What it makes of them: the columns of {@link NativeWindowAggregator#takePartials}, in their order, and, in a row of
     * its own without a series, what the task has read.
     */
    static final StructType OUTPUT = new StructType()
        .add("series", DataTypes.StringType)
        .add("metric", DataTypes.StringType)
        .add("window_name", DataTypes.StringType)
        .add("closes", DataTypes.TimestampType)
        .add("watermark_time", DataTypes.TimestampType)
        .add("records", DataTypes.LongType)
        .add("panes", DataTypes.BinaryType)
        .add("records_read", DataTypes.LongType)
        .add("bytes_read", DataTypes.LongType)
        .add("rejected", DataTypes.LongType)
        .add("ahead_series", DataTypes.StringType)
        .add("ahead_micros", DataTypes.LongType);

    private static final long serialVersionUID = 1L;
    private static final int WATERMARK_TIME = OUTPUT.fieldIndex("watermark_time");
    /** In place of what a task has read, beside a partial aggregate. */
    private static final InternalRow NOTHING_READ = new GenericInternalRow(5);

    private final PipelineConfiguration.Stream stream;
    private final RejectedRecords rejectedRecords;

    /** @param rejectedRecords what becomes of them */
    WindowPartials(PipelineConfiguration.Stream stream, RejectedRecords rejectedRecords) {
        this.stream = stream;
        this.rejectedRecords = rejectedRecords;
    }

    @Override
    public Iterator<InternalRow> run(Iterator<InternalRow> rows, int[] columns) {
        return new Task(rows, columns, TaskContext.get());
    }

    /** One task: reads its records as far as memory allows, hands on their partial aggregates, and goes on. */
    private final class Task implements Iterator<InternalRow> {
        private final Iterator<InternalRow> records;
        private final int[] columns;
        private final BufferAllocator allocator;
        private final NativeWindowAggregator aggregator;
        private final NativeMemory memory;
        private final RecordBatchBuffer buffer = new RecordBatchBuffer();
        private final RejectedRecords.Sender sender = rejectedRecords.sender();
        private final UnsafeProjection toUnsafeRow = UnsafeProjection.create(OUTPUT);
        private final JoinedRow joined = new JoinedRow();
        private VectorSchemaRoot partials;
        private Iterator<InternalRow> rows = Collections.emptyIterator();
        private long recordsRead;
        private long bytesRead;
        private long rejected;
        /** To which the partial aggregates move the watermark, epoch microseconds. */
        private long watermark;
        /** All records are read; what remains is to hand on the partial aggregates, and to say what was read. */
        private boolean ended;
        private boolean said;

        Task(Iterator<InternalRow> records, int[] columns, TaskContext context) {
            this.records = records;
            this.columns = columns;
            memory = new NativeMemory(context.taskMemoryManager());
            allocator = ArrowUtils.rootAllocator().newChildAllocator("freshet", 0, Long.MAX_VALUE);
            // Listeners are called in reverse order: what is opened last is closed first, whatever fails in between.
            context.addTaskCompletionListener((TaskCompletionListener) ignored -> allocator.close());
            context.addTaskCompletionListener((TaskCompletionListener) ignored -> memory.release());
            context.addTaskCompletionListener((TaskCompletionListener) ignored -> buffer.close());
            aggregator = new NativeWindowAggregator(stream.json(), stream.rawTopic(), allocator);
            context.addTaskCompletionListener((TaskCompletionListener) ignored -> aggregator.close());
            context.addTaskCompletionListener((TaskCompletionListener) ignored -> closePartials());
        }

        @Override
        public boolean hasNext() {
            while (!rows.hasNext()) {
                if (takePartials()) {
                    continue;
                }
                memory.release();
                if (said) {
                    return false;
                }
                if (ended) {
                    rows = whatWasRead();
                } else {
                    readRecords();
                }
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

        private Iterator<InternalRow> whatWasRead() {
            said = true;
            if (recordsRead == 0) {
                return Collections.emptyIterator();
            }
            Optional<AheadOfClock> ahead = aggregator.takeFurthestAhead();
            // Spark reads the watermark's time of every row: this one says nothing new.
            return List.<InternalRow>of(new GenericInternalRow(new Object[] {
                null, null, null, null, watermark, null, null, recordsRead, bytesRead, rejected,
                ahead.map(AheadOfClock::series).map(UTF8String::fromString).orElse(null),
                ahead.map(AheadOfClock::micros).orElse(null),
            })).iterator();
        }

        private boolean takePartials() {
            closePartials();
            Optional<VectorSchemaRoot> next = aggregator.takePartials();
            if (next.isEmpty()) {
                return false;
            }
            partials = next.get();
            ColumnVector[] vectors =
                partials.getFieldVectors().stream().map(ArrowColumnVector::new).toArray(ColumnVector[]::new);
            Iterator<InternalRow> columns = new ColumnarBatch(vectors, partials.getRowCount()).rowIterator();
            rows = new Iterator<>() {
                @Override
                public boolean hasNext() {
                    return columns.hasNext();
                }

                @Override
                public InternalRow next() {
                    InternalRow partial = columns.next();
                    watermark = Math.max(watermark, partial.getLong(WATERMARK_TIME));
                    return joined.apply(partial, NOTHING_READ);
                }
            };
            return true;
        }

        private void readRecords() {
            while (records.hasNext()) {
                InternalRow next = records.next();
                recordsRead++;
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

        /** Hands the packed records to the native library; false when it should hand on what it has before more. */
        private boolean aggregate() {
            bytesRead += buffer.payloadBytes();
            int rejectedNow = aggregator.add(buffer);
            buffer.clear();
            if (rejectedNow > 0) {
                rejected += rejectedNow;
                aggregator.takeRejected(sender::send);
            }
            return memory.reserve(aggregator.memoryBytes());
        }

        private void closePartials() {
            if (partials != null) {
                partials.close();
                partials = null;
                rows = Collections.emptyIterator();
            }
        }
    }
}
