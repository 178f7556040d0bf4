package io.freshet.spark.windows;

import io.freshet.spark.configuration.PipelineConfiguration;
import io.freshet.spark.engine.SparkEngine;
import io.freshet.spark.nativelib.NativeWindowState;
import java.io.Serializable;
import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.spark.TaskContext;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.streaming.GroupState;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.util.TaskCompletionListener;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import scala.Tuple3;
import scala.collection.Iterator;
import scala.runtime.AbstractFunction3;

/**
 * The stateful part of a query: the state of one metric of one series for one kind of window takes in the partial
 * aggregates of a micro-batch, and gives the windows that they change or that have become final.
 *
 * <p>The state is encoded panes, see {@code freshet-core}'s {@code aggregate::state}. It is due, as Spark's timeouts
 * have it, when a window is to be given or the last pane to be dropped though nothing has come.
 *
 * <p>A function of Scala's, which Spark's plans print as it says of itself: one of Spark's interface for Java is
 * wrapped into another one that says nothing.
 */
final class UpdateWindows
    extends AbstractFunction3<
        Tuple3<String, String, String>, Iterator<EncodedPanes>, GroupState<byte[]>, Iterator<Row>>
    implements Serializable {
    /**
     * One row per series, metric and kind: how many records were counted, and the windows as the native library packs
     * them.
     */
    static final StructType OUTPUT = new StructType()
        .add("series", DataTypes.StringType, false)
        .add("metric", DataTypes.StringType, false)
        .add("window_name", DataTypes.StringType, false)
        .add("counted", DataTypes.LongType, false)
        .add("windows", DataTypes.BinaryType, false);

    private static final long serialVersionUID = 1L;
    private static final Logger LOGGER = LoggerFactory.getLogger(UpdateWindows.class);
    private static final long MICROS_PER_MILLI = 1_000;

    private final String streamName;
    private final String streamJson;
    private final String limitsJson;
    /** The kinds by their names, each with its place in the stream's list, in which they are. */
    private final Map<String, Integer> windows = new LinkedHashMap<>();
    private final boolean streaming;
    private final boolean appending;
    private final NativeWindowState.Form form;
    /** That of the task: every task has a copy of this object. */
    private transient NativeWindowState state;
    private transient long lateMicros;

    /**
     * @param limitsJson of the stream's kinds of windows, see {@link NativeWindowState}
     * @param streaming whether there is a state at all; a batch query has each series once
     * @param appending whether to give the windows that have become final, not those that have changed
     * @param form in which windows are given
     */
    UpdateWindows(
        PipelineConfiguration.Stream stream,
        String limitsJson,
        boolean streaming,
        boolean appending,
        NativeWindowState.Form form) {
        streamName = stream.name();
        streamJson = stream.json();
        this.limitsJson = limitsJson;
        for (String name : stream.windows()) {
            windows.put(name, windows.size());
        }
        this.streaming = streaming;
        this.appending = appending;
        this.form = form;
    }

    @Override
    public Iterator<Row> apply(
        Tuple3<String, String, String> key, Iterator<EncodedPanes> partials, GroupState<byte[]> group) {
        Integer window = windows.get(key._3());
        if (window == null) {
            // The checkpoint is of a time when the stream had windows of this kind. In the job, all of them have ended.
            LOGGER.debug(
                "windows of {} are not in the stream's list: what {} has of them is dropped", key._3(), key._1());
            group.remove();
            return Iterator.empty();
        }
        if (state == null) {
            open(TaskContext.get());
        }
        state.begin(key._1(), key._2(), group.exists() ? group.get() : null);
        while (partials.hasNext()) {
            state.add(partials.next().getPanes());
        }
        long finalMicros =
            streaming ? group.getCurrentWatermarkMs() * MICROS_PER_MILLI : NativeWindowState.NO_WATERMARK;
        state.update(window, appending, lateMicros, finalMicros);
        long counted = state.readCounted();
        keep(group, state.readDeadline(), state.readState());
        byte[] changed = state.readWindows();
        return counted == 0 && changed.length == 0 ? Iterator.empty()
            : Iterator.single(RowFactory.create(key._1(), key._2(), key._3(), counted, changed));
    }

    /** What Spark's plans show. */
    @Override
    public String toString() {
        return "FreshetState stream=%s, windows=%s, gives=%s".formatted(
            streamName, windows.keySet(), appending ? "final windows" : "changed windows");
    }

    private void keep(GroupState<byte[]> group, long deadlineMicros, byte[] next) {
        if (!streaming) {
            return;
        }
        if (deadlineMicros == NativeWindowState.NO_DEADLINE) {
            if (group.exists()) {
                group.remove();
            }
            return;
        }
        group.update(next);
        // Spark calls when the watermark has passed the timeout: a millisecond less lets it call when it has come to
        // it. It takes no timeout at the epoch itself.
        group.setTimeoutTimestamp(Math.max(1, deadlineMicros / MICROS_PER_MILLI - 1));
    }

    private void open(TaskContext task) {
        lateMicros = streaming
            ? SparkEngine.current().lateWatermarkMillis() * MICROS_PER_MILLI : NativeWindowState.NO_WATERMARK;
        state = new NativeWindowState(streamJson, limitsJson, form);
        task.addTaskCompletionListener((TaskCompletionListener) ignored -> state.close());
    }
}
