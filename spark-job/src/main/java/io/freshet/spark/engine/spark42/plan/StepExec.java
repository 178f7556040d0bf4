package io.freshet.spark.engine.spark42.plan;

import java.util.List;
import org.apache.spark.TaskContext;
import org.apache.spark.rdd.RDD;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.Attribute;
import org.apache.spark.sql.catalyst.expressions.AttributeSet;
import org.apache.spark.sql.execution.InputAdapter;
import org.apache.spark.sql.execution.ProjectExec;
import org.apache.spark.sql.execution.SparkPlan;
import org.apache.spark.sql.execution.WholeStageCodegenExec;
import scala.collection.immutable.IndexedSeq;
import scala.collection.immutable.Seq;
import scala.jdk.javaapi.CollectionConverters;

/** Runs a {@link Step}. */
public final class StepExec extends SparkPlan implements StepPlan<SparkPlan> {
    private static final long serialVersionUID = 1L;

    private final Parts<SparkPlan> parts;

    /** See {@link StepPlan}: Spark's rules copy the plan by this constructor. */
    public StepExec(
        SparkPlan child, Seq<Attribute> input, PartitionStep step, Seq<Attribute> output, DirectSource source) {
        parts = new Parts<>(child, input, step, output, source);
    }

    @Override
    public RDD<InternalRow> doExecute() {
        SparkPlan source = withoutCopy(parts.child());
        int[] columns = CollectionConverters.asJava(parts.input()).stream()
            .mapToInt(column -> ordinal(source, column)).toArray();
        PartitionStep running = parts.step();
        RDD<InternalRow> rows = parts.source().rows(source, running.takesBatches()).orElseGet(source::execute);
        Long lateMillis = LateWatermark.find(parts.child());
        return rows.toJavaRDD().mapPartitions(task -> {
            if (lateMillis != null) {
                LateWatermark.keep(lateMillis, TaskContext.get());
            }
            return running.run(task, columns);
        }).rdd();
    }

    private static int ordinal(SparkPlan source, Attribute column) {
        return source.output().indexWhere(found -> found.exprId().equals(column.exprId()));
    }

    /**
     * Above a source Spark plans a projection that copies each row into its own format. The step reads a row of any
     * kind and keeps none, so the copy is left out where it changes nothing else.
     */
    private static SparkPlan withoutCopy(SparkPlan plan) {
        SparkPlan planned = plan instanceof WholeStageCodegenExec compiled ? compiled.child() : plan;
        if (planned instanceof ProjectExec project) {
            SparkPlan below = project.child() instanceof InputAdapter adapter ? adapter.child() : project.child();
            if (project.projectList().equals(below.output())) {
                return below;
            }
        }
        return plan;
    }

    @Override
    public Parts<SparkPlan> parts() {
        return parts;
    }

    @Override
    public Seq<Attribute> output() {
        return parts.output();
    }

    @Override
    public AttributeSet references() {
        return parts.child().outputSet();
    }

    @Override
    public AttributeSet producedAttributes() {
        return outputSet();
    }

    @Override
    public Seq<SparkPlan> children() {
        return CollectionConverters.asScala(List.of(parts.child())).toSeq();
    }

    @Override
    public SparkPlan withNewChildrenInternal(IndexedSeq<SparkPlan> children) {
        return new StepExec(children.apply(0), parts.input(), parts.step(), parts.output(), parts.source());
    }

    @Override
    public String nodeName() {
        return parts.step().planName();
    }

    @Override
    public String argString(int maxFields) {
        return shown(parts.source().shown(withoutCopy(parts.child()), parts.step().takesBatches()));
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof StepExec that && parts.equals(that.parts);
    }

    @Override
    public int hashCode() {
        return parts.hashCode();
    }
}
