package io.freshet.spark.engine;

import org.apache.arrow.vector.VectorSchemaRoot;

/** Rows that a {@link RecordStep} makes. */
public sealed interface StepRows {
    /**
     * Any number of rows.
     *
     * @param columns the first columns of the step's schema, in its order; the others are null
     */
    record Columns(VectorSchemaRoot columns) implements StepRows {}

    /**
     * One row.
     *
     * @param values of all columns, as {@link RowExpansion} has them
     */
    record Single(Object... values) implements StepRows {}
}
