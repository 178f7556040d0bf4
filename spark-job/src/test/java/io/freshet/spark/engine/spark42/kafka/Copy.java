package io.freshet.spark.engine.spark42.kafka;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.freshet.spark.engine.spark42.plan.RowStep;
import java.nio.ByteBuffer;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/** Hands on every column as it is, and whether the row came from the direct reader. */
final class Copy extends RowStep {
    private static final long serialVersionUID = 1L;
    static final StructType OUTPUT = new StructType()
        .add("topic", DataTypes.StringType)
        .add("partition", DataTypes.IntegerType)
        .add("offset", DataTypes.LongType)
        .add("timestamp", DataTypes.TimestampType)
        .add("timestampType", DataTypes.IntegerType)
        .add("key", DataTypes.BinaryType)
        .add("value", DataTypes.BinaryType)
        .add("direct", DataTypes.BooleanType);

    Copy() {
        super(OUTPUT);
    }

    @Override
    protected Iterator<InternalRow> expand(InternalRow row, int[] columns) {
        InternalRow copy = new GenericInternalRow(new Object[] {row.getUTF8String(columns[0]),
            row.getInt(columns[1]), row.getLong(columns[2]), row.getLong(columns[3]), row.getInt(columns[4]),
            bytes(row, columns[5]), bytes(row, columns[6]), row instanceof KafkaRow});
        return List.of(copy).iterator();
    }

    private static byte[] bytes(InternalRow row, int column) {
        byte[] bytes = row.isNullAt(column) ? null : row.getBinary(column);
        if (row instanceof KafkaRow record) {
            ByteBuffer view = record.bytes(column);
            assertEquals(bytes == null ? null : ByteBuffer.wrap(bytes), view);
        }
        return bytes;
    }
}
