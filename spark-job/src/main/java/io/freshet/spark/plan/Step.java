package io.freshet.spark.plan;

import java.util.List;
import java.util.Objects;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
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
 * <p>{@code Dataset.mapPartitions} would make an object of every row and column first. Spark's rules copy a plan by its
 * constructor and product elements, which must therefore be the same list.
 */
public final class Step extends LogicalPlan {
    private static final long serialVersionUID = 1L;

    private final LogicalPlan child;
    private final Seq<Attribute> input;
    private final PartitionStep step;
    private final Seq<Attribute> output;

    /** Only for Spark's rules: use {@link #apply}. */
    public Step(LogicalPlan child, Seq<Attribute> input, PartitionStep step, Seq<Attribute> output) {
        this.child = child;
        this.input = input;
        this.step = step;
        this.output = output;
    }

    /**
     * The rows that the step makes of a dataset's.
     *
     * @param columns names of the columns that the step reads
     * @param schema the rows that it makes
     */
    public static Dataset<Row> apply(Dataset<Row> rows, List<String> columns, PartitionStep step, StructType schema) {
        SparkSession session = (SparkSession) rows.sparkSession();
        StepStrategy.addTo(session);
        LogicalPlan plan = ((org.apache.spark.sql.classic.Dataset<Row>) rows).queryExecution().analyzed();
        List<Attribute> input = columns.stream().map(column -> attribute(plan, column)).toList();
        List<Attribute> output = List.copyOf(CollectionConverters.asJava(DataTypeUtils.toAttributes(schema)));
        return org.apache.spark.sql.classic.Dataset.ofRows(session,
            new Step(plan, CollectionConverters.asScala(input).toSeq(), step, CollectionConverters.asScala(output).toSeq()));
    }

    private static Attribute attribute(LogicalPlan plan, String column) {
        return CollectionConverters.asJava(plan.output()).stream()
            .filter(attribute -> attribute.name().equalsIgnoreCase(column))
            .findFirst()
            .orElseThrow(() -> new IllegalArgumentException("the rows have no column '" + column
                + "'; they have: " + plan.output().map(Attribute::name).mkString(", ")));
    }

    LogicalPlan child() {
        return child;
    }

    StepExec plan(SparkPlan plannedChild) {
        return new StepExec(plannedChild, input, step, output);
    }

    @Override
    public Seq<Attribute> output() {
        return output;
    }

    /** All columns, so that none is cut off below: that would copy every row. */
    @Override
    public AttributeSet references() {
        return child.outputSet();
    }

    @Override
    public AttributeSet producedAttributes() {
        return outputSet();
    }

    @Override
    public Seq<LogicalPlan> children() {
        return CollectionConverters.asScala(List.of(child)).toSeq();
    }

    @Override
    public LogicalPlan withNewChildrenInternal(IndexedSeq<LogicalPlan> children) {
        return new Step(children.apply(0), input, step, output);
    }

    @Override
    public int productArity() {
        return 4;
    }

    @Override
    public Object productElement(int position) {
        return switch (position) {
            case 0 -> child;
            case 1 -> input;
            case 2 -> step;
            case 3 -> output;
            default -> throw new IndexOutOfBoundsException(position);
        };
    }

    @Override
    public boolean canEqual(Object other) {
        return other instanceof Step;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Step that && child.equals(that.child) && input.equals(that.input)
            && step.equals(that.step) && output.equals(that.output);
    }

    @Override
    public int hashCode() {
        return Objects.hash(child, input, step, output);
    }
}
