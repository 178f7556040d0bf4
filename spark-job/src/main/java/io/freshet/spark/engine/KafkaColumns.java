package io.freshet.spark.engine;

import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/** Types of columns of Spark's Kafka source that are more than one word. */
public final class KafkaColumns {
    /** That of {@code headers}, which is there with the option {@code includeHeaders}: names and values. */
    public static final DataType HEADERS = DataTypes.createArrayType(
        new StructType().add("key", DataTypes.StringType).add("value", DataTypes.BinaryType));

    private KafkaColumns() {}
}
