package io.freshet.spark.windows;

import io.freshet.spark.engine.RowExpansion;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/** The last step of the job's query: messages that the native library has packed become rows for Spark's Kafka sink. */
public final class WindowMessages implements RowExpansion {
    /** The column that it reads: of {@link UpdateWindows#OUTPUT}, with messages. */
    public static final List<String> INPUT = List.of("windows");

    /** Key and value of the message. */
    public static final StructType OUTPUT = new StructType()
        .add("key", DataTypes.BinaryType, false)
        .add("value", DataTypes.BinaryType, false);

    private static final long serialVersionUID = 1L;

    @Override
    public String planName() {
        return "FreshetMessages";
    }

    @Override
    public String planDetails() {
        return "rows=one message per window";
    }

    @Override
    public Iterator<Object[]> expand(Source row) {
        ByteBuffer packed = ByteBuffer.wrap(row.bytes(0)).order(ByteOrder.LITTLE_ENDIAN);
        return new Iterator<>() {
            @Override
            public boolean hasNext() {
                return packed.hasRemaining();
            }

            @Override
            public Object[] next() {
                if (!hasNext()) {
                    throw new NoSuchElementException();
                }
                return new Object[] {read(packed), read(packed)};
            }
        };
    }

    private static byte[] read(ByteBuffer packed) {
        byte[] bytes = new byte[packed.getInt()];
        packed.get(bytes);
        return bytes;
    }
}
