package io.freshet.spark.bench;

import io.freshet.spark.engine.RecordStep;
import io.freshet.spark.engine.SparkEngine;
import io.freshet.spark.engine.StepRows;
import io.freshet.spark.engine.TopicCheck;
import io.freshet.spark.nativelib.NativeRecordCounter;
import io.freshet.spark.nativelib.RecordBatchBuffer;
import io.freshet.spark.nativelib.SourceRecord;
import io.freshet.spark.windows.WindowPartials;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/** The ways in which the job brings a record to where it is parsed, without what comes then. */
enum ReadRecords implements RecordStep {
    /** Record by record, through Kafka's own consumer. */
    CONSUMER(false, true),
    /** In whole batches, which the native library decompresses and walks. */
    RAW(true, true),
    /** In whole batches that are packed, and nothing more: the part of {@link #RAW} that is Java. */
    BATCHES(true, false);

    private static final StructType OUTPUT = new StructType()
        .add("records", DataTypes.LongType).add("bytes", DataTypes.LongType);

    private final boolean takesBatches;
    private final boolean counts;

    ReadRecords(boolean takesBatches, boolean counts) {
        this.takesBatches = takesBatches;
        this.counts = counts;
    }

    /** Its name beside those of the engines. */
    String engine() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** What is read of records with the columns of Kafka's source. */
    Dataset<Row> rows(Dataset<Row> source) {
        return SparkEngine.current().step(source, WindowPartials.INPUT, this, OUTPUT, TopicCheck.NONE);
    }

    @Override
    public boolean takesBatches() {
        return takesBatches;
    }

    @Override
    public Iterator<StepRows> run(Iterator<SourceRecord> records) {
        try (RecordBatchBuffer buffer = new RecordBatchBuffer();
            NativeRecordCounter counter = new NativeRecordCounter()) {
            while (records.hasNext()) {
                SourceRecord next = records.next();
                while (!buffer.add(next)) {
                    handOn(buffer, counter);
                }
            }
            handOn(buffer, counter);
            return List.<StepRows>of(new StepRows.Single(counter.records(), counter.bytes())).iterator();
        }
    }

    private void handOn(RecordBatchBuffer buffer, NativeRecordCounter counter) {
        if (counts) {
            counter.add(buffer);
        }
        buffer.clear();
    }
}
