package io.freshet.spark.windows;

import io.freshet.spark.configuration.PipelineConfiguration;
import io.freshet.spark.engine.RecordStep;
import io.freshet.spark.engine.SparkEngine;
import io.freshet.spark.engine.StepRows;
import io.freshet.spark.engine.TaskMemory;
import io.freshet.spark.nativelib.NativeWindowAggregator.AheadOfClock;
import io.freshet.spark.nativelib.NativeWindowAggregator.LeftOut;
import io.freshet.spark.nativelib.NativeWindowAggregator;
import io.freshet.spark.nativelib.RecordBatchBuffer;
import io.freshet.spark.nativelib.SourceRecord;
import io.freshet.spark.rejected.RejectedSink;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.stream.Collectors;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.spark.TaskContext;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.util.TaskCompletionListener;

/**
 * The native step of a query: the Kafka records of a task become one partial aggregate per series, metric and kind of
 * window. Records that cannot be trusted are handed on as rejected ones and never fail the batch.
 */
public final class WindowPartials implements RecordStep {
    /** The columns of Kafka's source that the step reads of any stream's records. */
    public static final List<String> INPUT = List.of("partition", "offset", "timestamp", "key", "value");

    /**
     * What it makes of them: the columns of {@link NativeWindowAggregator#takePartials}, in their order, and, in a row
     * of its own without a series, what the task has read.
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
        .add("offsets_deleted", DataTypes.LongType)
        .add("ahead_series", DataTypes.StringType)
        .add("ahead_micros", DataTypes.LongType)
        .add("skipped", DataTypes.LongType)
        .add("rejected_rows", DataTypes.LongType)
        .add("skipped_values", DataTypes.StringType);

    /** Between the numbers of {@code skipped_values}, one for each metric of the stream in its order. */
    public static final String VALUES_SEPARATOR = ",";

    private static final long serialVersionUID = 1L;
    private static final int WATERMARK_TIME = OUTPUT.fieldIndex("watermark_time");

    private final PipelineConfiguration.Stream stream;
    private final RejectedSink rejectedRecords;

    /**
     * The columns of Kafka's source that it reads of a stream's records: the topic if the series has it, and else where
     * the records have it.
     */
    public static List<String> input(PipelineConfiguration.Stream stream, Dataset<Row> records) {
        List<String> columns = new ArrayList<>(INPUT);
        if (stream.namesTopic() || Arrays.asList(records.columns()).contains("topic")) {
            columns.add("topic");
        }
        if (stream.readsHeaders()) {
            columns.add("headers");
        }
        return columns;
    }

    /** @param rejectedRecords what becomes of them */
    WindowPartials(PipelineConfiguration.Stream stream, RejectedSink rejectedRecords) {
        this.stream = stream;
        this.rejectedRecords = rejectedRecords;
    }

    @Override
    public String planName() {
        return "FreshetPartials";
    }

    @Override
    public String planDetails() {
        return "stream=" + stream.name() + ", windows=" + stream.windows() + ", rejected=" + rejectedRecords;
    }

    @Override
    public boolean takesBatches() {
        return true;
    }

    @Override
    public Iterator<StepRows> run(Iterator<SourceRecord> records) {
        return new Task(records, TaskContext.get());
    }

    /** One task: reads its records as far as memory allows, hands on their partial aggregates, and goes on. */
    private final class Task implements Iterator<StepRows> {
        private final Iterator<SourceRecord> records;
        private final BufferAllocator allocator = SparkEngine.current().taskAllocator();
        private final NativeWindowAggregator aggregator;
        private final TaskMemory memory;
        private final RecordBatchBuffer buffer = new RecordBatchBuffer();
        private final RejectedSink.Sender sender = rejectedRecords.sender();
        private VectorSchemaRoot partials;
        /** What is handed on next; null when it is not known yet. */
        private StepRows rows;
        /** Records, and the bad rows of others. */
        private long rejected;
        /** To which the partial aggregates move the watermark, epoch microseconds. */
        private long watermark;
        /** All records are read; what remains is to hand on the partial aggregates, and to say what was read. */
        private boolean ended;
        private boolean said;

        Task(Iterator<SourceRecord> records, TaskContext context) {
            this.records = records;
            memory = SparkEngine.current().taskMemory(context);
            // Listeners are called in reverse order: what is opened last is closed first, whatever fails in between.
            context.addTaskCompletionListener((TaskCompletionListener) ignored -> allocator.close());
            context.addTaskCompletionListener((TaskCompletionListener) ignored -> memory.release());
            context.addTaskCompletionListener((TaskCompletionListener) ignored -> buffer.close());
            aggregator = new NativeWindowAggregator(stream.json(), stream.shownTopics(), allocator);
            context.addTaskCompletionListener((TaskCompletionListener) ignored -> aggregator.close());
            context.addTaskCompletionListener((TaskCompletionListener) ignored -> closePartials());
        }

        @Override
        public boolean hasNext() {
            while (rows == null) {
                if (takePartials()) {
                    return true;
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
        public StepRows next() {
            if (!hasNext()) {
                throw new NoSuchElementException();
            }
            StepRows next = rows;
            rows = null;
            return next;
        }

        /** A row of its own; null when there is nothing to say: nothing was read, and nothing was gone. */
        private StepRows whatWasRead() {
            said = true;
            long recordsRead = aggregator.recordsRead();
            Long deleted = SparkEngine.current().deletedOffsets();
            if (recordsRead == 0 && (deleted == null || deleted == 0)) {
                return null;
            }
            Optional<AheadOfClock> ahead = aggregator.takeFurthestAhead();
            LeftOut leftOut = aggregator.takeLeftOut();
            String values = Arrays.stream(leftOut.values()).mapToObj(Long::toString)
                .collect(Collectors.joining(VALUES_SEPARATOR));
            // Spark reads the watermark's time of every row: this one says nothing new.
            return new StepRows.Single(null, null, null, null, watermark, null, null, recordsRead,
                aggregator.bytesRead(), rejected - leftOut.rows(), deleted,
                ahead.map(series -> series.series().getBytes(StandardCharsets.UTF_8)).orElse(null),
                ahead.map(AheadOfClock::micros).orElse(null),
                leftOut.records(), leftOut.rows(), values.getBytes(StandardCharsets.UTF_8));
        }

        private boolean takePartials() {
            closePartials();
            Optional<VectorSchemaRoot> next = aggregator.takePartials();
            if (next.isEmpty()) {
                return false;
            }
            partials = next.get();
            BigIntVector times = (BigIntVector) partials.getVector(WATERMARK_TIME);
            for (int row = 0; row < partials.getRowCount(); row++) {
                watermark = Math.max(watermark, times.get(row));
            }
            rows = new StepRows.Columns(partials);
            return true;
        }

        private void readRecords() {
            while (records.hasNext()) {
                SourceRecord next = records.next();
                boolean memoryLeft = true;
                while (!buffer.add(next)) {
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
            }
        }
    }
}
