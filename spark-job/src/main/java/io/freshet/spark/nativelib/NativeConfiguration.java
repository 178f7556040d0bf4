package io.freshet.spark.nativelib;

import java.nio.charset.StandardCharsets;

/** The validated configuration: Java has no validator of its own. */
public final class NativeConfiguration {
    private NativeConfiguration() {}

    /**
     * Reads and validates {@code freshet.toml}, with overrides from this process's environment.
     *
     * @param path the file
     * @return a JSON object: {@code config}, the whole configuration with defaults filled in and durations in
     *     milliseconds, {@code topics}, the topics to create, and {@code topic_names}, which topic is for what
     * @throws ConfigurationException when something in it is wrong
     */
    public static String load(String path) {
        NativeLibrary.load();
        return new String(load(path.getBytes(StandardCharsets.UTF_8)), StandardCharsets.UTF_8);
    }

    private static native byte[] load(byte[] path);
}
