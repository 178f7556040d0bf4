package io.freshet.spark.engine.spark42;

import com.codahale.metrics.MetricRegistry;
import io.freshet.spark.engine.Checkpoint;
import io.freshet.spark.engine.RecordStep;
import io.freshet.spark.engine.RowExpansion;
import io.freshet.spark.engine.SparkEngine;
import io.freshet.spark.engine.TaskMemory;
import io.freshet.spark.engine.TopicCheck;
import io.freshet.spark.engine.spark42.kafka.DeletedOffsets;
import io.freshet.spark.engine.spark42.kafka.KafkaSource;
import io.freshet.spark.engine.spark42.plan.ExpandedRows;
import io.freshet.spark.engine.spark42.plan.LateWatermark;
import io.freshet.spark.engine.spark42.plan.RecordRows;
import io.freshet.spark.engine.spark42.plan.Step;
import io.freshet.spark.engine.spark42.plan.StepStrategy;
import io.freshet.spark.engine.spark42.sql.FreshetFunctions;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkEnv;
import org.apache.spark.TaskContext;
import org.apache.spark.deploy.SparkHadoopUtil;
import org.apache.spark.deploy.SparkSubmit;
import org.apache.spark.deploy.worker.DriverWrapper;
import org.apache.spark.metrics.MetricsSystem;
import org.apache.spark.metrics.source.Source;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.SparkSessionExtensions;
import org.apache.spark.sql.catalyst.plans.logical.EventTimeWatermark;
import org.apache.spark.sql.execution.streaming.checkpointing.FileSystemBasedCheckpointFileManager;
import org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider;
import org.apache.spark.sql.types.Metadata;
import org.apache.spark.sql.types.MetadataBuilder;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.util.ArrowUtils;
import org.apache.spark.util.SignalUtils;

/** Spark 4.2. */
public final class Spark42 implements SparkEngine {
    /** Called by {@link java.util.ServiceLoader}. */
    public Spark42() {}

    @Override
    public String sparkLine() {
        return "4.2";
    }

    @Override
    public Dataset<Row> step(
        Dataset<Row> rows, List<String> columns, RecordStep step, StructType schema, TopicCheck topic) {
        return Step.apply(rows, columns, new RecordRows(step, columns, schema), schema, new KafkaSource(topic));
    }

    @Override
    public Dataset<Row> expand(
        Dataset<Row> rows, List<String> columns, RowExpansion expansion, StructType schema) {
        return Step.apply(rows, columns, new ExpandedRows(expansion, schema), schema);
    }

    @Override
    public boolean readsKafkaDirectly(SparkSession session) {
        return KafkaSource.isDirect(session);
    }

    @Override
    public long lateWatermarkMillis() {
        return LateWatermark.millis();
    }

    @Override
    public Long deletedOffsets() {
        return DeletedOffsets.ofTask();
    }

    @Override
    public Metadata watermark(long delayMillis) {
        return new MetadataBuilder().putLong(EventTimeWatermark.delayKey(), delayMillis).build();
    }

    @Override
    public Checkpoint checkpoint(SparkSession session, String location) {
        return new SparkCheckpoint(session, location);
    }

    @Override
    public TaskMemory taskMemory(TaskContext task) {
        return new NativeMemory(task.taskMemoryManager());
    }

    @Override
    public BufferAllocator taskAllocator() {
        return ArrowUtils.rootAllocator().newChildAllocator("freshet", 0, Long.MAX_VALUE);
    }

    @Override
    public void extend(SparkSessionExtensions extensions) {
        FreshetFunctions.register(extensions);
        StepStrategy.register(extensions);
    }

    @Override
    public void onSignal(String signal, BooleanSupplier handler) {
        SignalUtils.register(signal, handler::getAsBoolean);
    }

    @Override
    public List<String> launchers() {
        return List.of(SparkSubmit.class.getName(), DriverWrapper.class.getName());
    }

    @Override
    public Runnable showMetrics(String plugin, MetricRegistry metrics) {
        MetricsSystem system = SparkEnv.get().metricsSystem();
        Source source = new Source() {
            @Override
            public String sourceName() {
                return "plugin." + plugin;
            }

            @Override
            public MetricRegistry metricRegistry() {
                return metrics;
            }
        };
        system.registerSource(source);
        return () -> system.removeSource(source);
    }

    @Override
    public Configuration hadoopConfiguration(SparkConf settings) {
        return SparkHadoopUtil.get().newConfiguration(settings);
    }

    @Override
    public String localCheckpointFileManager() {
        return FileSystemBasedCheckpointFileManager.class.getName();
    }

    @Override
    public String rocksdbStateStore() {
        return RocksDBStateStoreProvider.class.getName();
    }
}
