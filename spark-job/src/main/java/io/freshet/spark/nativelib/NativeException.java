package io.freshet.spark.nativelib;

/** The native library failed or was called against its contract; the message says where. Thrown by native code. */
public final class NativeException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** @param message what failed, and for which stream, topic, partition and offset */
    public NativeException(String message) {
        super(message);
    }

    NativeException(String message, Throwable cause) {
        super(message, cause);
    }
}
