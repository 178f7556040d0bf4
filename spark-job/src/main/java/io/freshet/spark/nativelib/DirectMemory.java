package io.freshet.spark.nativelib;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.reflect.Field;
import java.nio.ByteBuffer;

/**
 * Frees the memory of direct buffers at once. Up to Java 21 only {@code sun.misc.Unsafe.invokeCleaner} of the module
 * jdk.unsupported can; found by its name, since the compiler warns of each mention of it.
 */
final class DirectMemory {
    private static final MethodHandle FREE = find();

    private DirectMemory() {}

    private static MethodHandle find() {
        try {
            Class<?> unsafe = Class.forName("sun.misc.Unsafe");
            Field instance = unsafe.getDeclaredField("theUnsafe");
            instance.setAccessible(true);
            return MethodHandles.lookup()
                .findVirtual(unsafe, "invokeCleaner", MethodType.methodType(void.class, ByteBuffer.class))
                .bindTo(instance.get(null));
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException("this Java machine cannot free direct buffers; run it on Java 17 or 21", e);
        }
    }

    /** Frees a buffer that was allocated as it is, and no slice of one; it must not be used any more. */
    static void free(ByteBuffer buffer) {
        try {
            FREE.invokeExact(buffer);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new IllegalStateException("a direct buffer could not be freed", e);
        }
    }
}
