package io.freshet.spark;

import io.freshet.spark.plan.RowStep;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/** Turns merged windows ({@link StreamWindows#MERGED}) into columns of plain types. */
final class WindowColumns extends RowStep {
    static final StructType OUTPUT = new StructType()
        .add("series", DataTypes.StringType, false)
        .add("metric", DataTypes.StringType, false)
        .add("window", DataTypes.StringType, false)
        .add("start", DataTypes.TimestampType, false)
        .add("end", DataTypes.TimestampType, false)
        .add("count", DataTypes.LongType, false)
        .add("sum", DataTypes.DoubleType, false)
        .add("avg", DataTypes.DoubleType, false)
        .add("min", DataTypes.DoubleType, false)
        .add("max", DataTypes.DoubleType, false)
        .add("stddev", DataTypes.DoubleType, false)
        .add("p50", DataTypes.DoubleType, false)
        .add("p95", DataTypes.DoubleType, false)
        .add("p99", DataTypes.DoubleType, false)
        .add("last_event", DataTypes.TimestampType, false)
        .add("revision", DataTypes.LongType, false);

    private static final long serialVersionUID = 1L;

    WindowColumns() {
        super(OUTPUT);
    }

    @Override
    protected InternalRow map(InternalRow row, int[] columns) {
        WindowStats stats = WindowStats.decode(row.getBinary(columns[5]));
        return new GenericInternalRow(new Object[] {
            row.getUTF8String(columns[0]), row.getUTF8String(columns[1]), row.getUTF8String(columns[2]),
            row.getLong(columns[3]), row.getLong(columns[4]),
            stats.count(), stats.sum(), stats.average(), stats.min(), stats.max(), stats.standardDeviation(),
            stats.quantile(0.50), stats.quantile(0.95), stats.quantile(0.99),
            stats.lastEventMicros(), stats.count(),
        });
    }
}
