package io.freshet.spark;

import io.freshet.spark.plan.RowStep;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/** The last step of the job's query: messages that the native library has packed become rows for Spark's Kafka sink. */
final class WindowMessages extends RowStep {
    /** The column that it reads: of {@link UpdateWindows#OUTPUT}, with messages. */
    static final List<String> INPUT = List.of("windows");

    /** Key and value of the message. */
    static final StructType OUTPUT = new StructType()
        .add("key", DataTypes.BinaryType, false)
        .add("value", DataTypes.BinaryType, false);

    private static final long serialVersionUID = 1L;

    WindowMessages() {
        super(OUTPUT);
    }

    @Override
    protected Iterator<InternalRow> expand(InternalRow row, int[] columns) {
        ByteBuffer packed = ByteBuffer.wrap(row.getBinary(columns[0])).order(ByteOrder.LITTLE_ENDIAN);
        return new Iterator<>() {
            @Override
            public boolean hasNext() {
                return packed.hasRemaining();
            }

            @Override
            public InternalRow next() {
                if (!hasNext()) {
                    throw new NoSuchElementException();
                }
                return new GenericInternalRow(new Object[] {read(packed), read(packed)});
            }
        };
    }

    private static byte[] read(ByteBuffer packed) {
        byte[] bytes = new byte[packed.getInt()];
        packed.get(bytes);
        return bytes;
    }
}
