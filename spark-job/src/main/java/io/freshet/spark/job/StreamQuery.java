package io.freshet.spark.job;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.max;
import static org.apache.spark.sql.functions.max_by;
import static org.apache.spark.sql.functions.octet_length;
import static org.apache.spark.sql.functions.split;
import static org.apache.spark.sql.functions.sum;
import static org.apache.spark.sql.functions.when;

import io.freshet.spark.configuration.PipelineConfiguration;
import io.freshet.spark.engine.Checkpoint;
import io.freshet.spark.engine.SparkEngine;
import io.freshet.spark.engine.TopicCheck;
import io.freshet.spark.health.Observations;
import io.freshet.spark.health.StreamHealth;
import io.freshet.spark.kafka.TopicIdentities;
import io.freshet.spark.nativelib.NativeWindowState;
import io.freshet.spark.rejected.DeadLetters;
import io.freshet.spark.windows.StreamWindows;
import io.freshet.spark.windows.WindowMessages;
import io.freshet.spark.windows.WindowPartials;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeoutException;
import org.apache.spark.JobExecutionStatus;
import org.apache.spark.SparkStatusTracker;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.streaming.DataStreamReader;
import org.apache.spark.sql.streaming.DataStreamWriter;
import org.apache.spark.sql.streaming.OutputMode;
import org.apache.spark.sql.streaming.StreamingQuery;
import org.apache.spark.sql.streaming.StreamingQueryException;
import org.apache.spark.sql.streaming.Trigger;
import org.apache.spark.sql.types.DataTypes;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import scala.jdk.javaapi.OptionConverters;

/**
 * The streaming query of one stream: raw topics, native partial aggregates, watermark, state, windows topic.
 *
 * <p>Every stream has its own query, checkpoint and watermark, so that a slow or replayed stream never makes another
 * one's records late.
 */
public final class StreamQuery implements QuerySupervisor.Starter {
    private static final Logger LOGGER = LoggerFactory.getLogger(StreamQuery.class);

    /** Of Spark's own reader for one answer; four times as long by default. */
    private static final Duration LONGEST_WAIT = Duration.ofSeconds(30);

    private final SparkSession session;
    private final PipelineConfiguration configuration;
    private final PipelineConfiguration.Stream stream;
    private final StreamHealth health;
    private final RawTopics rawTopics;
    /** What the running query was started with. */
    private volatile WindowChanges changes;
    /** The query was ended because kinds of windows that were taken away have ended. */
    private volatile boolean settlesAnew;
    /** Whether the topics were others when they were looked at last. */
    private RawTopics.Change change = RawTopics.Change.NONE;
    /** The micro-batch at which it was first found that there are more. */
    private long batchOfChange;

    /** The query of a stream, not started yet. */
    public StreamQuery(
        SparkSession session, PipelineConfiguration configuration, PipelineConfiguration.Stream stream) {
        this.session = session;
        this.configuration = configuration;
        this.stream = stream;
        health = new StreamHealth(stream.name(), Duration.ofMillis(configuration.spark().triggerMillis()),
            () -> checkpoint().firstOffsets());
        rawTopics = new RawTopics(configuration.kafka(), stream.rawTopics(), health);
    }

    /** The health of the stream, as far as the query itself knows it. */
    public StreamHealth health() {
        return health;
    }

    /** Starts the query from its checkpoint, or from the beginning of the topics. */
    @Override
    public StreamingQuery start() throws TimeoutException {
        // A pool per stream: Spark shares the cores fairly between pools, not within one. The query's thread inherits
        // it.
        session.sparkContext().setLocalProperty("spark.scheduler.pool", stream.name());
        Checkpoint checkpoint = checkpoint();
        Optional<TopicIdentities> begunWith = rawTopics.begunWith(checkpoint);
        if (begunWith.isPresent()) {
            finishBatch(checkpoint, begunWith.get(), "list of topics");
        }
        TopicIdentities topics = rawTopics.settle(checkpoint);
        change = RawTopics.Change.NONE;
        health.startsFrom(checkpoint.readOffsets());
        settlesAnew = false;
        if (WindowChanges.mustWait(checkpoint, stream)) {
            finishBatch(checkpoint, topics, "list of windows");
        }
        changes = WindowChanges.settle(session, checkpoint, checkpointLocation(), stream, health);
        return writer(checkpoint, topics, changes)
            .trigger(Trigger.ProcessingTime(configuration.spark().triggerMillis())).start();
    }

    /** Repeats the micro-batch that was begun, with the topics and the kinds of windows that it was begun with. */
    @SuppressWarnings("deprecation") // the one trigger that ends after what was planned; others take what came since
    private void finishBatch(Checkpoint checkpoint, TopicIdentities topics, String changed) throws TimeoutException {
        LOGGER.info("stream {}: its {} has changed, after the micro-batch that was begun", stream.name(), changed);
        try {
            writer(checkpoint, topics, WindowChanges.saved(checkpoint, stream)).trigger(Trigger.Once()).start()
                .awaitTermination();
        } catch (StreamingQueryException e) {
            throw new IllegalStateException("the micro-batch before a change of the " + changed + " has failed", e);
        }
    }

    private DataStreamWriter<Row> writer(Checkpoint checkpoint, TopicIdentities topics, WindowChanges changes) {
        Map<String, String> sink = kafkaOptions();
        // Dashboards read these topics, and not all clients of Kafka can read zstd.
        sink.put("kafka.compression.type", "lz4");
        sink.put("kafka.acks", "all");
        return messages(windows(records(topics), topics, partitions(checkpoint), changes))
            .writeStream()
            .queryName(stream.name())
            .outputMode("update")
            .format("kafka")
            .options(sink)
            .option("topic", stream.windowsTopic())
            .option("checkpointLocation", checkpointLocation());
    }

    /** As many as the state has in the checkpoint: Spark cannot split it anew, whatever the setting is by now. */
    private int partitions(Checkpoint checkpoint) {
        int wanted = shufflePartitions();
        int partitions = checkpoint.statePartitions().orElse(wanted);
        if (partitions != wanted) {
            String notice = "spark.shuffle_partitions is " + wanted + ", but the state in the checkpoint "
                + checkpointLocation() + " has " + partitions + " partitions: the setting has no effect until the "
                + "stream is counted anew from another checkpoint";
            LOGGER.warn("stream {}: {}", stream.name(), notice);
            health.notice(notice);
        }
        return partitions;
    }

    private int shufflePartitions() {
        return Integer.parseInt(session.conf().get("spark.sql.shuffle.partitions"));
    }

    @Override
    public QuerySupervisor.Next after(Throwable failure) {
        return settlesAnew ? QuerySupervisor.Next.AT_ONCE : rawTopics.next();
    }

    @Override
    public boolean isReady() {
        return rawTopics.isReady();
    }

    /**
     * Ends a query whose topics are others by now. When one was made anew, a query that waits for more of the old topic
     * would not notice, nor would one that finds the new one as long as the old one was. A micro-batch that writes by
     * then has read all of the old topic that it should, and may finish.
     */
    @Override
    public void look(StreamingQuery running) {
        RawTopics.Change before = change;
        change = rawTopics.look();
        if (running == null || !running.isActive()) {
            return;
        }
        if (before == RawTopics.Change.NONE) {
            batchOfChange = batch(running);
        }
        // Between two looks, what was read in time has begun to be written.
        boolean isReplaced = before == RawTopics.Change.REPLACED && change == RawTopics.Change.REPLACED;
        // A micro-batch of the topics that stay should come to its end, or those that come could keep it from that.
        boolean hasMore = change == RawTopics.Change.ADDED
            && (!running.status().isTriggerActive() || batch(running) > batchOfChange);
        if ((isReplaced || hasMore) && !isWriting(running)) {
            end(running);
        }
        if (changes.haveEnded(health.watermarkMillis())) {
            LOGGER.info("stream {}: all windows of the kinds that were taken away have ended", stream.name());
            settlesAnew = true;
            end(running);
        }
    }

    /** The newest one that has ended; -1 before the first one. */
    private static long batch(StreamingQuery query) {
        return query.lastProgress() == null ? -1 : query.lastProgress().batchId();
    }

    private void end(StreamingQuery running) {
        try {
            running.stop();
        } catch (TimeoutException e) {
            LOGGER.warn("the query of stream {} did not stop in time", stream.name());
        }
    }

    /** Whether the last stage of a micro-batch has begun. */
    private boolean isWriting(StreamingQuery query) {
        SparkStatusTracker status = session.sparkContext().statusTracker();
        return Arrays.stream(status.getJobIdsForGroup(query.runId().toString()))
            .mapToObj(job -> OptionConverters.toJava(status.getJobInfo(job))).flatMap(Optional::stream)
            .filter(job -> job.status() == JobExecutionStatus.RUNNING)
            .flatMap(job -> Arrays.stream(job.stageIds()).max().stream()
                .mapToObj(stage -> OptionConverters.toJava(status.getStageInfo(stage))).flatMap(Optional::stream))
            .anyMatch(stage -> stage.numActiveTasks() + stage.numCompletedTasks() > 0);
    }

    private Dataset<Row> records(TopicIdentities topics) {
        DataStreamReader reader = session.readStream()
            .format("kafka")
            .options(kafkaOptions())
            .option("subscribe", String.join(",", topics.ids().keySet()))
            .option("includeHeaders", stream.readsHeaders())
            .option("startingOffsets", "earliest")
            // What a producer has aborted never happened, and what it has not committed yet may not. With this, Spark
            // plans no further than to the first open transaction, so that no task waits for its end.
            .option("kafka.isolation.level", "read_committed")
            // What Kafka has deleted by its retention is no reason to stop: Spark logs the gap.
            .option("failOnDataLoss", "false");
        if (!SparkEngine.current().readsKafkaDirectly(session)) {
            // Spark's own tasks cannot be interrupted while they wait for a partition that is no more.
            reader.option("kafkaConsumer.pollTimeoutMs", LONGEST_WAIT.toMillis());
            reader.option("kafka.default.api.timeout.ms", LONGEST_WAIT.toMillis());
        }
        configuration.spark().maxOffsetsPerTrigger().ifPresent(most -> reader.option("maxOffsetsPerTrigger", most));
        return reader.load();
    }

    /**
     * The windows that the records of a micro-batch have changed, as Spark's own {@code window} would give them.
     *
     * @param records with the columns of Kafka's source
     */
    public Dataset<Row> windows(Dataset<Row> records) {
        return windows(records, TopicCheck.NONE, shufflePartitions(), WindowChanges.none(stream));
    }

    private Dataset<Row> windows(
        Dataset<Row> records, TopicCheck topic, int partitions, WindowChanges changes) {
        DeadLetters deadLetters =
            new DeadLetters(configuration.kafka(), configuration.deadLettersTopic(), stream.shownTopics());
        Dataset<Row> partials = StreamWindows
            .gather(StreamWindows.partials(records, changes.stream(), deadLetters, topic), partitions)
            .observe(Observations.READ, total("records_read"), whatWasRead());
        Dataset<Row> windows = StreamWindows.merge(
            observe(Observations.AGGREGATED, "records", partials), changes.stream(), changes.limits(),
            OutputMode.Update(), NativeWindowState.Form.MESSAGES);
        return observe(Observations.COUNTED, "counted", windows);
    }

    /** What else is observed of the records that were read. */
    private Column[] whatWasRead() {
        List<Column> observed = new ArrayList<>();
        for (String number : List.of("bytes_read", "rejected", "skipped", "rejected_rows", "offsets_deleted")) {
            observed.add(total(number));
        }
        observed.add(max("ahead_micros").as("ahead_micros"));
        observed.add(max_by(col("ahead_series"), col("ahead_micros")).as("ahead_series"));
        Column skippedValues = split(col("skipped_values"), WindowPartials.VALUES_SEPARATOR);
        List<String> metrics = stream.metrics();
        for (int metric = 0; metric < metrics.size(); metric++) {
            Column values = skippedValues.getItem(metric).cast(DataTypes.LongType);
            observed.add(sum(values).as(Observations.SKIPPED_VALUES + metrics.get(metric)));
        }
        return observed.toArray(Column[]::new);
    }

    /** The messages for Kafka that carry these windows. */
    public Dataset<Row> messages(Dataset<Row> windows) {
        Column bytes = octet_length(col("key")).plus(octet_length(col("value")));
        return SparkEngine.current().expand(windows, WindowMessages.INPUT, new WindowMessages(), WindowMessages.OUTPUT)
            .observe(Observations.WRITTEN, sum(bytes).as("bytes_written"), count("*").as("windows_written"));
    }

    private static Column total(String column) {
        return sum(column).as(column);
    }

    /** Observes the sum of a column per kind of window. */
    private Dataset<Row> observe(String name, String column, Dataset<Row> rows) {
        Column[] sums = stream.windows().stream()
            .map(window -> sum(when(col("window_name").equalTo(lit(window)), col(column))).as(window))
            .toArray(Column[]::new);
        return rows.observe(name, sums[0], Arrays.copyOfRange(sums, 1, sums.length));
    }

    private Map<String, String> kafkaOptions() {
        Map<String, String> options = new HashMap<>();
        configuration.kafka().forEach((key, value) -> options.put("kafka." + key, value));
        return options;
    }

    private Checkpoint checkpoint() {
        return SparkEngine.current().checkpoint(session, checkpointLocation());
    }

    /** Where the query keeps its offsets and state. */
    public String checkpointLocation() {
        return configuration.spark().checkpointLocation() + "/" + stream.name();
    }
}
