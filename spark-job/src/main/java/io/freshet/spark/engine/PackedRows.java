package io.freshet.spark.engine;

import java.io.Serializable;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Iterator;
import java.util.NoSuchElementException;
import org.apache.spark.sql.types.BooleanType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DoubleType;
import org.apache.spark.sql.types.LongType;
import org.apache.spark.sql.types.StringType;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.types.TimestampType;

/**
 * Rows that the native library has packed, by the types of their columns alone: which columns there are, only the
 * library knows. The layout is described in {@code freshet-core}'s {@code window_version/row.rs}.
 */
public final class PackedRows implements Serializable {
    private static final long serialVersionUID = 1L;

    /** How a value is packed. */
    private enum Kind {
        TEXT, LONG, DOUBLE, FLAG;

        static Kind of(DataType type) {
            if (type instanceof StringType) {
                return TEXT;
            }
            if (type instanceof LongType || type instanceof TimestampType) {
                return LONG;
            }
            if (type instanceof DoubleType) {
                return DOUBLE;
            }
            if (type instanceof BooleanType) {
                return FLAG;
            }
            throw new IllegalArgumentException("the native library packs no columns of type " + type.sql());
        }
    }

    private final Kind[] kinds;

    /** @param schema of the rows, as {@link #schema} reads it */
    public PackedRows(StructType schema) {
        kinds = new Kind[schema.size()];
        for (int column = 0; column < kinds.length; column++) {
            kinds[column] = Kind.of(schema.apply(column).dataType());
        }
    }

    /** The columns that the native library names. */
    public static StructType schema(String json) {
        return (StructType) DataType.fromJson(json);
    }

    /** All rows that are in the bytes, as {@link RowExpansion} has them. */
    public Iterator<Object[]> readAll(byte[] packed) {
        ByteBuffer bytes = ByteBuffer.wrap(packed).order(ByteOrder.LITTLE_ENDIAN);
        return new Iterator<>() {
            @Override
            public boolean hasNext() {
                return bytes.hasRemaining();
            }

            @Override
            public Object[] next() {
                if (!hasNext()) {
                    throw new NoSuchElementException();
                }
                return read(bytes);
            }
        };
    }

    private Object[] read(ByteBuffer bytes) {
        long nulls = bytes.getLong();
        Object[] values = new Object[kinds.length];
        for (int column = 0; column < kinds.length; column++) {
            Object value = read(bytes, kinds[column]);
            values[column] = (nulls >>> column & 1) == 0 ? value : null;
        }
        return values;
    }

    private static Object read(ByteBuffer bytes, Kind kind) {
        return switch (kind) {
            case LONG -> bytes.getLong();
            case DOUBLE -> bytes.getDouble();
            case FLAG -> bytes.getLong() != 0;
            case TEXT -> {
                byte[] text = new byte[bytes.getInt()];
                bytes.get(text);
                yield text;
            }
        };
    }
}
