package io.freshet.spark.nativelib;

import java.io.ByteArrayOutputStream;

/**
 * Writes the headers of a record as a record batch has them: their number, and of each the length of its name, the
 * name, the length of its value, -1 for none, and the value. Numbers are of variable length, in zigzag encoding.
 *
 * <p>Source: <a href="https://kafka.apache.org/documentation/#recordheader">Kafka's documentation</a>.
 */
public final class EncodedHeaders {
    private static final int GROUP_BITS = 7;
    private static final int GROUP = 0x7f;

    private final ByteArrayOutputStream headers = new ByteArrayOutputStream();
    private int number;

    /**
     * Adds a header.
     *
     * @param name in UTF-8
     * @param value null for none
     */
    public void add(byte[] name, byte[] value) {
        number++;
        putNumber(name.length, headers);
        headers.writeBytes(name);
        putNumber(value == null ? -1 : value.length, headers);
        if (value != null) {
            headers.writeBytes(value);
        }
    }

    /** What was written. */
    public byte[] bytes() {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        putNumber(number, bytes);
        bytes.writeBytes(headers.toByteArray());
        return bytes.toByteArray();
    }

    private static void putNumber(int number, ByteArrayOutputStream bytes) {
        int rest = number << 1 ^ number >> Integer.SIZE - 1;
        while ((rest & ~GROUP) != 0) {
            bytes.write(rest & GROUP | GROUP + 1);
            rest >>>= GROUP_BITS;
        }
        bytes.write(rest);
    }
}
