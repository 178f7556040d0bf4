package io.freshet.spark.engine.spark42.kafka;

import java.nio.file.Path;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.spark.api.java.function.VoidFunction2;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.execution.SparkPlan;
import org.apache.spark.sql.execution.datasources.v2.MicroBatchScanExec;
import org.apache.spark.sql.execution.streaming.runtime.StreamingQueryWrapper;
import org.apache.spark.sql.streaming.StreamingQuery;
import org.apache.spark.sql.streaming.StreamingQueryProgress;
import org.apache.spark.sql.streaming.Trigger;
import scala.jdk.javaapi.CollectionConverters;

/** What one way of reading makes of a topic, batch by batch; run again, it goes on from its checkpoint. */
final class Reading {
    /** The columns that are compared. */
    static final List<String> COLUMNS =
        List.of("topic", "partition", "offset", "timestamp", "timestampType", "key", "value");
    private static final int PARTITION = COLUMNS.indexOf("partition");
    private static final int OFFSET = COLUMNS.indexOf("offset");

    private final SparkSession spark;
    private final Function<Dataset<Row>, Dataset<Row>> query;
    private final String topic;
    private final Map<String, String> options;
    private final Path checkpoint;
    final Map<Long, List<Row>> batches = new TreeMap<>();
    final Set<Boolean> readDirectly = new HashSet<>();
    /** What Spark says that it has read, per batch. */
    final Map<Long, Integer> counted = new HashMap<>();
    /** Metrics of the last batch's scan. */
    Map<String, Long> losses;
    BatchEnd afterBatch = batch -> { };
    boolean failing;

    /** @param options of the source, the servers among them */
    Reading(
        SparkSession spark,
        Function<Dataset<Row>, Dataset<Row>> query,
        String topic,
        Map<String, String> options,
        Path checkpoint) {
        this.spark = spark;
        this.query = query;
        this.topic = topic;
        this.options = options;
        this.checkpoint = checkpoint;
    }

    StreamingQuery start() throws Exception {
        VoidFunction2<Dataset<Row>, Long> keep = this::keep;
        return query.apply(spark.readStream().format("kafka")
                .option("subscribe", topic)
                .option("startingOffsets", "earliest")
                .options(options)
                .load())
            .writeStream().foreachBatch(keep).trigger(Trigger.AvailableNow())
            .option("checkpointLocation", checkpoint.toString())
            .start();
    }

    /** Reads all that is there now. */
    void run() throws Exception {
        StreamingQuery running = start();
        running.awaitTermination();
        losses = losses(((StreamingQueryWrapper) running).streamingQuery().lastExecution().executedPlan());
        for (StreamingQueryProgress progress : running.recentProgress()) {
            counted.merge(progress.batchId(), (int) progress.numInputRows(), Math::max);
        }
    }

    private static Map<String, Long> losses(SparkPlan plan) {
        return CollectionConverters.asJava(plan.collectLeaves()).stream()
            .filter(MicroBatchScanExec.class::isInstance).flatMap(scan -> Stream.of("offsetOutOfRange", "dataLoss")
                .map(name -> Map.entry(name, (Long) scan.longMetric(name).value())))
            .collect(Collectors.toMap(Map.Entry::getKey, Map.Entry::getValue));
    }

    private void keep(Dataset<Row> rows, long batch) throws Exception {
        if (failing) {
            throw new IllegalStateException("fails as it should");
        }
        // Sorted here: sorting in Spark reads everything twice.
        List<Row> read = rows.collectAsList().stream()
            .sorted(Comparator.comparing((Row row) -> row.getInt(PARTITION))
                .thenComparing(row -> row.getLong(OFFSET)))
            .toList();
        read.forEach(row -> readDirectly.add(row.getAs("direct")));
        batches.put(batch, read.stream().map(Reading::withoutReader).toList());
        afterBatch.run(batch);
    }

    private static Row withoutReader(Row row) {
        return RowFactory.create(COLUMNS.stream().map(row::getAs).toArray());
    }

    long rows() {
        return batches.values().stream().mapToLong(List::size).sum();
    }

    /** What is done when a batch has been read, before the next one is planned. */
    @FunctionalInterface
    interface BatchEnd {
        void run(long batch) throws Exception;
    }
}
