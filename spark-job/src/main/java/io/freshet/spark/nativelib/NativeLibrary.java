package io.freshet.spark.nativelib;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import org.apache.spark.SparkEnv;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Loads the native library once per class loader, from the jar or from where {@value #PATH_PROPERTY} says, and refuses
 * one that does not belong to this jar.
 */
public final class NativeLibrary {
    /** Spark property (or system property) with the path of a library to load instead of the one in the jar. */
    public static final String PATH_PROPERTY = "spark.freshet.library.path";

    /** Version of this jar; the library has to be of the same. */
    public static final String VERSION = "0.1.0";

    private static final Logger LOGGER = LoggerFactory.getLogger(NativeLibrary.class);

    private NativeLibrary() {}

    /**
     * Makes sure that the library is loaded.
     *
     * @throws NativeException when there is none for this platform, it cannot be loaded, or its version is another one
     */
    public static void load() {
        // The holder's initialization is the JVM's own lock: one thread loads, the others wait.
        if (Holder.FAILURE != null) {
            throw new NativeException(Holder.FAILURE.getMessage(), Holder.FAILURE);
        }
    }

    private static final class Holder {
        static final NativeException FAILURE = tryLoad();

        private static NativeException tryLoad() {
            try {
                loadAndVerify();
                return null;
            } catch (NativeException e) {
                return e;
            } catch (IOException | UnsatisfiedLinkError e) {
                return new NativeException("the native library cannot be loaded: " + e.getMessage()
                    + "; name another one with " + PATH_PROPERTY, e);
            }
        }
    }

    private static void loadAndVerify() throws IOException {
        String path = configuredPath();
        if (path != null) {
            System.load(Path.of(path).toAbsolutePath().toString());
        } else {
            loadFromJar();
        }
        String found = new String(version(), StandardCharsets.US_ASCII);
        if (!found.equals(VERSION)) {
            throw new NativeException("the jar is version " + VERSION + " and the native library "
                + (path == null ? "" : path + " ") + "version " + found + "; use those of one build");
        }
        forwardLogs(logLevel());
    }

    private static String configuredPath() {
        String property = System.getProperty(PATH_PROPERTY);
        if (property != null || SparkEnv.get() == null) {
            return property;
        }
        return SparkEnv.get().conf().get(PATH_PROPERTY, null);
    }

    private static void loadFromJar() throws IOException {
        String platform = platform(System.getProperty("os.name"), System.getProperty("os.arch"));
        String file = System.mapLibraryName("freshet_jni");
        String resource = "/io/freshet/native/" + platform + "/" + file;
        try (InputStream library = NativeLibrary.class.getResourceAsStream(resource)) {
            if (library == null) {
                throw new NativeException("this jar has no native library for " + platform + " (" + resource
                    + "); build one with 'cargo build --release -p freshet-jni' and name it with " + PATH_PROPERTY);
            }
            // The JDK creates the folder with mode 0700: nobody can put another library in its place.
            Path folder = Files.createTempDirectory("freshet-native-");
            Path unpacked = folder.resolve(file);
            try {
                Files.copy(library, unpacked);
                System.load(unpacked.toString());
            } finally {
                // Once loaded, the library needs its file no longer.
                Files.deleteIfExists(unpacked);
                Files.deleteIfExists(folder);
            }
        }
    }

    /** {@code <os>-<arch>} as build.gradle files the library inside the jar. */
    static String platform(String osName, String osArch) {
        String os = osName.toLowerCase(Locale.ROOT).contains("mac") ? "macos"
            : osName.toLowerCase(Locale.ROOT).replace(' ', '_');
        String arch = switch (osArch) {
            case "amd64", "x86_64" -> "x86_64";
            case "arm64", "aarch64" -> "aarch64";
            default -> osArch;
        };
        return os + "-" + arch;
    }

    private static int logLevel() {
        if (LOGGER.isTraceEnabled()) {
            return 5;
        }
        if (LOGGER.isDebugEnabled()) {
            return 4;
        }
        if (LOGGER.isInfoEnabled()) {
            return 3;
        }
        return LOGGER.isWarnEnabled() ? 2 : 1;
    }

    /** Called by native code: a line of the library's log. */
    private static void log(int level, String target, String message) {
        switch (level) {
            case 1 -> LOGGER.error("{}: {}", target, message);
            case 2 -> LOGGER.warn("{}: {}", target, message);
            case 3 -> LOGGER.info("{}: {}", target, message);
            case 4 -> LOGGER.debug("{}: {}", target, message);
            default -> LOGGER.trace("{}: {}", target, message);
        }
    }

    private static native byte[] version();

    private static native void forwardLogs(int level);
}
