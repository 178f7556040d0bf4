package io.freshet.spark.engine.spark42.plan;

import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.unsafe.types.UTF8String;

/** Turns values as {@link io.freshet.spark.engine.RowExpansion} has them into Spark's own. */
public final class SparkValues {
    private final boolean[] isString;

    /** @param schema of the rows */
    public SparkValues(StructType schema) {
        isString = new boolean[schema.size()];
        for (int column = 0; column < isString.length; column++) {
            isString[column] = schema.apply(column).dataType().equals(DataTypes.StringType);
        }
    }

    /** A row of these values, which it keeps. */
    public InternalRow row(Object[] values) {
        for (int column = 0; column < isString.length; column++) {
            if (isString[column]) {
                values[column] = UTF8String.fromBytes((byte[]) values[column]); // null stays null
            }
        }
        return new GenericInternalRow(values);
    }
}
