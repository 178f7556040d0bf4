package io.freshet.spark.engine.spark42.plan;

import java.nio.ByteBuffer;

/** A row that hands out its binary columns from where they lie, so that {@link RowRecord} copies them once. */
public interface ByteBufferRow {
    /** The bytes of a binary column; null for null. Whoever reads them works on a duplicate. */
    ByteBuffer bytes(int column);
}
