package io.freshet.spark.engine.spark42.plan;

import java.util.List;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.catalyst.analysis.MultiInstanceRelation;
import org.apache.spark.sql.catalyst.expressions.Attribute;
import org.apache.spark.sql.catalyst.expressions.AttributeSet;
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;
import org.apache.spark.sql.catalyst.types.DataTypeUtils;
import org.apache.spark.sql.classic.SparkSession;
import org.apache.spark.sql.execution.SparkPlan;
import org.apache.spark.sql.types.StructType;
import scala.collection.immutable.IndexedSeq;
import scala.collection.immutable.Seq;
import scala.jdk.javaapi.CollectionConverters;

/**
 * A step of a query, batch or streaming, that takes the rows of a task as they are.
 *
 * <p>{@code Dataset.mapPartitions} would make an object of every row and column first.
 */
public final class Step extends LogicalPlan implements StepPlan<LogicalPlan>, MultiInstanceRelation {
    private static final long serialVersionUID = 1L;

    private final Parts<LogicalPlan> parts;

    /** Only for Spark's rules: use {@link #apply}. */
    public Step(
        LogicalPlan child, Seq<Attribute> input, PartitionStep step, Seq<Attribute> output, DirectSource source) {
        parts = new Parts<>(child, input, step, output, source);
    }

    /**
     * The rows that the step makes of a dataset's.
     *
     * @param columns names of the columns that the step reads
     * @param schema the rows that it makes
     */
    public static Dataset<Row> apply(Dataset<Row> rows, List<String> columns, PartitionStep step, StructType schema) {
        return apply(rows, columns, step, schema, DirectSource.NONE);
    }

    /**
     * The rows that the step makes of a dataset's.
     *
     * @param columns names of the columns that the step reads
     * @param schema the rows that it makes
     * @param source a shorter way to the dataset's rows
     */
    public static Dataset<Row> apply(
        Dataset<Row> rows, List<String> columns, PartitionStep step, StructType schema, DirectSource source) {
        SparkSession session = (SparkSession) rows.sparkSession();
        StepStrategy.addTo(session);
        LogicalPlan plan = ((org.apache.spark.sql.classic.Dataset<Row>) rows).queryExecution().analyzed();
        List<Attribute> input = columns.stream().map(column -> attribute(plan, column)).toList();
        List<Attribute> output = List.copyOf(CollectionConverters.asJava(DataTypeUtils.toAttributes(schema)));
        return org.apache.spark.sql.classic.Dataset.ofRows(session, new Step(plan,
            CollectionConverters.asScala(input).toSeq(), step, CollectionConverters.asScala(output).toSeq(), source));
    }

    private static Attribute attribute(LogicalPlan plan, String column) {
        return CollectionConverters.asJava(plan.output()).stream()
            .filter(attribute -> attribute.name().equalsIgnoreCase(column))
            .findFirst()
            .orElseThrow(() -> new IllegalArgumentException("the rows have no column '" + column
                + "'; they have: " + plan.output().map(Attribute::name).mkString(", ")));
    }

    StepExec plan(SparkPlan plannedChild) {
        return new StepExec(plannedChild, parts.input(), parts.step(), parts.output(), parts.source());
    }

    @Override
    public Parts<LogicalPlan> parts() {
        return parts;
    }

    @Override
    public Seq<Attribute> output() {
        return parts.output();
    }

    /** All columns, so that none is cut off below: that would copy every row. */
    @Override
    public AttributeSet references() {
        return parts.child().outputSet();
    }

    @Override
    public AttributeSet producedAttributes() {
        return outputSet();
    }

    @Override
    public Seq<LogicalPlan> children() {
        return CollectionConverters.asScala(List.of(parts.child())).toSeq();
    }

    @Override
    public LogicalPlan withNewChildrenInternal(IndexedSeq<LogicalPlan> children) {
        return new Step(children.apply(0), parts.input(), parts.step(), parts.output(), parts.source());
    }

    /** The same rows with columns of other ids, for a query that joins a dataset with itself. */
    @Override
    public LogicalPlan newInstance() {
        List<Attribute> renewed = CollectionConverters.asJava(parts.output()).stream()
            .map(Attribute::newInstance).toList();
        return new Step(
            parts.child(), parts.input(), parts.step(), CollectionConverters.asScala(renewed).toSeq(), parts.source());
    }

    @Override
    public String nodeName() {
        return parts.step().planName();
    }

    @Override
    public String argString(int maxFields) {
        return shown("");
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Step that && parts.equals(that.parts);
    }

    @Override
    public int hashCode() {
        return parts.hashCode();
    }
}
