package io.freshet.spark.engine.spark42.plan;

import io.freshet.spark.nativelib.EncodedHeaders;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.util.ArrayData;

/** The column {@code headers} of Kafka's source: an array of names and values. */
public final class KafkaHeaders {
    private static final int FIELDS = 2;

    private KafkaHeaders() {}

    /** The headers as the native library takes them; one without a name is left out. */
    public static byte[] encode(ArrayData headers) {
        EncodedHeaders encoded = new EncodedHeaders();
        for (int index = 0; index < headers.numElements(); index++) {
            InternalRow header = headers.isNullAt(index) ? null : headers.getStruct(index, FIELDS);
            if (header != null && !header.isNullAt(0)) {
                encoded.add(header.getUTF8String(0).getBytes(), header.isNullAt(1) ? null : header.getBinary(1));
            }
        }
        return encoded.bytes();
    }
}
