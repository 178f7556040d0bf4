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

    /**
     * What the library has to answer: version and number of the boundary. Raise the number here and in
     * {@code native_library.rs} with every change of what crosses the boundary: native methods, the layouts of packed
     * records and results, columns, the encoding of panes.
     */
    static final String HANDSHAKE = VERSION + "+boundary.8";

    private static final String BUILD_IT = "build one of the same version with 'cargo build --release -p freshet-jni' "
        + "and name it with " + PATH_PROPERTY;
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
                String path = configuredPath();
                String name = path == null ? loadFromJar() : loadFrom(path);
                verify(name);
                forwardLogs(logLevel());
                return null;
            } catch (NativeException e) {
                return e;
            }
        }
    }

    private static String configuredPath() {
        String property = System.getProperty(PATH_PROPERTY);
        if (property != null || SparkEnv.get() == null) {
            return property;
        }
        // Executors know the job's settings, but have no system properties of them.
        return SparkEnv.get().conf().get(PATH_PROPERTY, null);
    }

    /** Loads the library that the user named; gives its name for messages. */
    private static String loadFrom(String path) {
        Path file = Path.of(path).toAbsolutePath();
        if (!Files.isRegularFile(file)) {
            throw new NativeException(PATH_PROPERTY + " names " + file + ", and there is no such file on "
                + "this machine; correct it, or leave it out to take the library in the jar");
        }
        try {
            if (LibraryFile.isCutOff(file)) {
                throw new IOException(file + ": the end of the file is missing");
            }
            System.load(file.toString());
        } catch (IOException | UnsatisfiedLinkError e) {
            throw new NativeException("the native library that " + PATH_PROPERTY + " names cannot be loaded ("
                + e.getMessage() + "); " + BUILD_IT + ", or leave the property out to take the library in the jar", e);
        }
        return "native library " + file;
    }

    /** Unpacks and loads the library in the jar; every class loader has a copy of its own, as the JVM demands. */
    private static String loadFromJar() {
        String platform = platform(System.getProperty("os.name"), System.getProperty("os.arch"));
        String file = System.mapLibraryName("freshet_jni");
        String resource = "/io/freshet/native/" + platform + "/" + file;
        try (InputStream library = NativeLibrary.class.getResourceAsStream(resource)) {
            if (library == null) {
                throw new NativeException("this jar has no native library for " + platform + " (" + resource + "); "
                    + BUILD_IT);
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
        } catch (IOException | UnsatisfiedLinkError e) {
            throw new NativeException("the native library for " + platform + " cannot be unpacked and loaded ("
                + e.getMessage() + "); the temporary folder (java.io.tmpdir) needs 64 MiB of space and must allow "
                + "executing; if it does, " + BUILD_IT, e);
        }
        return "native library in it";
    }

    /** Refuses a library that does not belong to this jar. */
    private static void verify(String name) {
        String found;
        try {
            found = new String(handshake(), StandardCharsets.US_ASCII);
        } catch (UnsatisfiedLinkError e) {
            throw new NativeException("the " + name + " is not Freshet's, or of another version than this jar ("
                + HANDSHAKE + "); use those of one build", e);
        }
        if (!found.equals(HANDSHAKE)) {
            throw new NativeException("the jar is of version " + HANDSHAKE + ", and the " + name + " of version "
                + found + "; use those of one build");
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

    private static native byte[] handshake();

    private static native void forwardLogs(int level);
}
