package io.freshet.spark.nativelib;

/** The configuration is wrong; the message names file, line, key and what would be right. Thrown by native code. */
public final class ConfigurationException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** @param message where the mistake is and how to repair it */
    public ConfigurationException(String message) {
        super(message);
    }
}
