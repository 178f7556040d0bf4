package io.freshet.spark.nativelib;

import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.IntVector;
import org.apache.arrow.vector.VarBinaryVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;

/**
 * Records that the native library has rejected, and bad rows of others, as the columns that {@code columns.rs} makes:
 * the only place in Java that knows their names. They live as long as the call that hands them over.
 */
public final class RejectedColumns {
    private final VectorSchemaRoot columns;

    RejectedColumns(VectorSchemaRoot columns) {
        this.columns = columns;
    }

    /** How many records there are. */
    public int rows() {
        return columns.getRowCount();
    }

    /** The topic in which a record stands; null where nobody says. */
    public VarCharVector topic() {
        return (VarCharVector) columns.getVector("topic");
    }

    /** The partition of the topic in which a record stands. */
    public IntVector partition() {
        return (IntVector) columns.getVector("partition");
    }

    /** A record's offset in its partition. */
    public BigIntVector offset() {
        return (BigIntVector) columns.getVector("offset");
    }

    /** The byte of a record at which a bad row of it begins; null where the whole record is rejected. */
    public IntVector row() {
        return (IntVector) columns.getVector("row");
    }

    /** The documented code of what is wrong with a record. */
    public VarCharVector reason() {
        return (VarCharVector) columns.getVector("reason");
    }

    /** What exactly is wrong with it, for people. */
    public VarCharVector detail() {
        return (VarCharVector) columns.getVector("detail");
    }

    /** A record's own key; null where it has none. */
    public VarBinaryVector key() {
        return (VarBinaryVector) columns.getVector("key");
    }

    /** A record's own value, or the bytes of the row; null for a tombstone. */
    public VarBinaryVector value() {
        return (VarBinaryVector) columns.getVector("value");
    }
}
