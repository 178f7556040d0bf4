package io.freshet.spark.engine.spark42.kafka;

import io.freshet.spark.Freshet;
import io.freshet.spark.StreamSpec;
import io.freshet.spark.engine.RecordStep;
import io.freshet.spark.engine.SparkEngine;
import io.freshet.spark.engine.StepRows;
import io.freshet.spark.engine.TopicCheck;
import io.freshet.spark.nativelib.SourceRecord;
import io.freshet.spark.testing.LocalSpark;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.common.TopicPartition;
import org.apache.spark.api.java.function.VoidFunction2;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.streaming.OutputMode;
import org.apache.spark.sql.streaming.StreamingQuery;
import org.apache.spark.sql.streaming.Trigger;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/** Reads a topic to its end and prints what it has made of it; for a Java machine in which classes are other ones. */
public final class LinkageProbe {
    /** At the first one of these offsets, those up to the second are deleted. */
    static final long DELETED_AT = 10;
    static final long DELETED_BELOW = 70;
    private static final List<String> INPUT = List.of("partition", "offset", "timestamp", "key", "value");
    private static final String SPEC = "series = [\"id\"], time = { field = \"at\", unit = \"ms\" }, "
        + "values = { v = \"v\" }, windows = [\"10s\", \"1m/10s\"]";

    private LinkageProbe() {}

    /** @param arguments what to print (windows or offsets), the brokers, the topic, and a folder for the checkpoint */
    public static void main(String... arguments) throws Exception {
        try (SparkSession spark = LocalSpark.start()) {
            read(spark, arguments[0], arguments[1], arguments[2], arguments[3]).forEach(System.out::println);
        }
    }

    /** One line for each row that is made, and one for how many records Spark says that were read. */
    static List<String> read(SparkSession spark, String what, String brokers, String topic, String checkpoint)
        throws Exception {
        List<String> lines = new ArrayList<>();
        VoidFunction2<Dataset<Row>, Long> keep = (rows, batch) ->
            rows.collectAsList().stream().map(row -> "ROW " + batch + " " + row).sorted().forEach(lines::add);
        Dataset<Row> records = spark.readStream().format("kafka").option("kafka.bootstrap.servers", brokers)
            .option("subscribe", topic).option("startingOffsets", "earliest").option("failOnDataLoss", "false")
            .option("kafka.max.partition.fetch.bytes", "1").option("maxOffsetsPerTrigger", "400").load();
        Dataset<Row> made = what.equals("windows")
            ? Freshet.windows(records, StreamSpec.parse(SPEC))
            : SparkEngine.current().step(records, INPUT, new Offsets(brokers, topic), Offsets.SCHEMA, TopicCheck.NONE);
        StreamingQuery query = made.writeStream().outputMode(OutputMode.Update()).foreachBatch(keep)
            .trigger(Trigger.AvailableNow()).option("checkpointLocation", checkpoint).start();
        query.awaitTermination();
        long read = 0;
        for (var progress : query.recentProgress()) {
            read += progress.numInputRows();
        }
        lines.add("ROW read " + read);
        return lines;
    }

    /** The offset of each record; on the way it deletes some that are not read yet. */
    private record Offsets(String brokers, String topic) implements RecordStep {
        static final StructType SCHEMA = new StructType().add("offset", DataTypes.LongType);

        @Override
        public Iterator<StepRows> run(Iterator<SourceRecord> records) {
            return new Iterator<>() {
                @Override
                public boolean hasNext() {
                    return records.hasNext();
                }

                @Override
                public StepRows next() {
                    long offset = records.next().offset();
                    if (offset == DELETED_AT) {
                        delete();
                    }
                    return new StepRows.Single(offset);
                }
            };
        }

        private void delete() {
            try (Admin admin = Admin.create(Map.of("bootstrap.servers", brokers))) {
                admin.deleteRecords(Collections.singletonMap(new TopicPartition(topic, 0),
                    RecordsToDelete.beforeOffset(DELETED_BELOW))).all().get();
            } catch (ExecutionException | InterruptedException e) {
                throw new IllegalStateException(e);
            }
        }
    }
}
