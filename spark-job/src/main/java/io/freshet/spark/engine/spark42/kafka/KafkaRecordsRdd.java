package io.freshet.spark.engine.spark42.kafka;

import io.freshet.spark.engine.TopicCheck;
import java.util.List;
import org.apache.spark.Dependency;
import org.apache.spark.Partition;
import org.apache.spark.TaskContext;
import org.apache.spark.rdd.RDD;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.execution.datasources.v2.DataSourceRDDPartition;
import org.apache.spark.sql.kafka010.KafkaBatchInputPartition;
import org.apache.spark.util.TaskCompletionListener;
import scala.collection.Iterator;
import scala.collection.immutable.Seq;
import scala.jdk.javaapi.CollectionConverters;
import scala.reflect.ClassTag$;

/** The offset ranges that Spark's Kafka source has planned for a micro-batch, one per task. */
final class KafkaRecordsRdd extends RDD<InternalRow> {
    private static final long serialVersionUID = 1L;

    /** Knows the ranges, where they should be read, and how Spark would read them. */
    private final RDD<InternalRow> planned;
    private final ScanMetrics metrics;
    private final TopicCheck check;
    private final boolean raw;

    /**
     * @param metrics of the scan, for what its own reader would tell Spark
     * @param check asked by tasks that get nothing
     * @param raw whether whole batches may come in place of records
     */
    KafkaRecordsRdd(RDD<InternalRow> planned, ScanMetrics metrics, TopicCheck check, boolean raw) {
        super(planned.sparkContext(), noDependencies(), ClassTag$.MODULE$.apply(InternalRow.class));
        this.planned = planned;
        this.metrics = metrics;
        this.check = check;
        this.raw = raw;
    }

    private static Seq<Dependency<?>> noDependencies() {
        return CollectionConverters.asScala(List.<Dependency<?>>of()).toSeq();
    }

    @Override
    public Partition[] getPartitions() {
        return planned.partitions();
    }

    @Override
    public Seq<String> getPreferredLocations(Partition partition) {
        return planned.preferredLocations(partition);
    }

    @Override
    public Iterator<InternalRow> compute(Partition partition, TaskContext context) {
        var planned = (KafkaBatchInputPartition) ((DataSourceRDDPartition) partition).inputPartition().get();
        RangeRows rows = new RangeRows(ways(planned, context),
            () -> CollectionConverters.asJava(this.planned.iterator(partition, context)),
            new TaskCounts(context, metrics));
        context.addTaskCompletionListener((TaskCompletionListener) ignored -> rows.close());
        return CollectionConverters.asScala(rows);
    }

    private List<RangeRows.Way> ways(KafkaBatchInputPartition planned, TaskContext context) {
        RangeReader.Range range = RangeReader.Range.of(planned, context, check, metrics::addLoss);
        var properties = planned.executorKafkaParams();
        var byRecord = new RangeRows.Way(Linkage.OF_RECORDS, from -> KafkaRecords.open(range.from(from), properties));
        // Its class is loaded only where it is used: it needs more of Kafka's client.
        return raw ? List.of(new RangeRows.Way(Linkage.OF_BATCHES,
            from -> KafkaBatches.open(range.from(from), properties)), byRecord) : List.of(byRecord);
    }
}
