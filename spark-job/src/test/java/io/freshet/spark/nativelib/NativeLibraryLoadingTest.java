package io.freshet.spark.nativelib;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import scala.collection.immutable.Nil$;

/** Loading, each time into a class loader of its own; what goes wrong has to say what to do. */
class NativeLibraryLoadingTest {
    /** The jar that users get; build.gradle names it. */
    private static final Path JAR = Path.of(System.getProperty("freshet.test.jar"));
    private static final Path CLASSES = Path.of("build/classes/java/main/");

    private String library;

    @BeforeEach
    void remember() {
        library = System.clearProperty(NativeLibrary.PATH_PROPERTY);
    }

    @AfterEach
    void restore() {
        System.setProperty(NativeLibrary.PATH_PROPERTY, library);
    }

    @Test
    void twoClassLoadersOfTheJarBothParse() throws Exception {
        try (SeparateCopy first = new SeparateCopy(JAR); SeparateCopy second = new SeparateCopy(JAR)) {
            assertNotSame(first.loadClass(NativeLibrary.class.getName()),
                second.loadClass(NativeLibrary.class.getName()));
            for (int round = 0; round < 3; round++) {
                assertEquals("[k, t, 7000, 1.5]", parse(first));
                assertEquals("[k, t, 7000, 1.5]", parse(second));
            }
        }
    }

    /** Parses a record with the classes of this copy; series, metric, time and value of its reading. */
    private static String parse(SeparateCopy copy) throws Exception {
        Object specification = copy.call("NativeRecordParser", "readSpecification",
            new Class<?>[] {String.class, boolean.class}, "values = { t = \"temp\" }", false);
        Class<?> type = copy.loadClass(NativeRecordParser.class.getName());
        Object parser = type.getConstructor(String.class).newInstance(specification);
        byte[] value = "{\"temp\":1.5}".getBytes(StandardCharsets.UTF_8);
        type.getMethod("begin", byte[].class, byte[].class, byte[].class)
            .invoke(parser, new byte[] {'k'}, null, null);
        type.getMethod("value", byte[].class).invoke(parser, (Object) value);
        assertEquals(1, type.getMethod("parse", boolean.class, long.class).invoke(parser, true, 7_000L));
        List<?> metrics = (List<?>) type.getMethod("metrics").invoke(parser);
        Object metric = metrics.get((Integer) type.getMethod("readMetric").invoke(parser));
        Object time = type.getMethod("readTime").invoke(parser);
        Object number = type.getMethod("readValue").invoke(parser);
        Object series = new String((byte[]) type.getMethod("readText").invoke(parser), StandardCharsets.UTF_8);
        type.getMethod("close").invoke(parser);
        return Arrays.asList(series, metric, time, number).toString();
    }

    @Test
    void anUnsupportedPlatformIsNamedWithWhatToDo() throws Exception {
        String message = on("os.arch", "s390x", () -> failure(JAR));
        assertTrue(message.startsWith("this jar has no native library for linux-s390x"), message);
        assertTrue(message.contains("cargo build --release -p freshet-jni"), message);
        assertTrue(message.contains("name it with spark.freshet.library.path"), message);
    }

    @Test
    void aJarWithoutALibrarySaysSo() throws Exception {
        String message = failure(CLASSES);
        assertTrue(message.contains("has no native library for "), message);
        assertTrue(message.contains("name it with spark.freshet.library.path"), message);
    }

    /** Every call says why, not only the first one: Java keeps no reason of an initializer that has failed. */
    @Test
    void aQueryWithStatisticsSaysSoEachTime() throws Exception {
        withLibrary("/nowhere/libfreshet_jni.so", () -> {
            try (SeparateCopy copy = new SeparateCopy(JAR)) {
                Class<?> aggregate = copy.loadClass("io.freshet.spark.engine.spark42.sql.StatsAggregate");
                Object stats = aggregate.getConstructors()[0].newInstance(Nil$.MODULE$, 0, 0);
                for (int round = 0; round < 2; round++) {
                    var thrown = assertThrows(InvocationTargetException.class,
                        () -> aggregate.getMethod("dataType").invoke(stats));
                    assertEquals("NativeException", thrown.getCause().getClass().getSimpleName());
                    assertTrue(thrown.getCause().getMessage().contains("there is no such file on this machine"));
                }
            }
            return null;
        });
    }

    @Test
    void aNamedLibraryThatIsNotThereIsNamed() throws Exception {
        String message = withLibrary("/nowhere/libfreshet_jni.so", () -> failure(JAR));
        assertEquals("spark.freshet.library.path names /nowhere/libfreshet_jni.so, and there is no such file on this "
            + "machine; correct it, or leave it out to take the library in the jar", message);
    }

    /** Without a check, the dynamic linker would read past the end of a file that is cut off, and the JVM would die. */
    @ParameterizedTest
    @ValueSource(ints = {0, 3, 30, 5_000, 1_000_000, -1})
    void aDamagedLibraryIsNamed(int length, @TempDir Path folder) throws Exception {
        byte[] whole = Files.readAllBytes(Path.of(library));
        byte[] start = Arrays.copyOf(whole, length < 0 ? whole.length + length : length);
        Path cut = Files.write(folder.resolve("libfreshet_jni.so"), start);
        String message = withLibrary(cut.toString(), () -> failure(JAR));
        assertTrue(message.contains(cut.toString()), message);
        assertTrue(message.contains("cannot be loaded"), message);
        assertTrue(message.endsWith("or leave the property out to take the library in the jar"), message);
    }

    @Test
    void aLibraryThatIsNotOursIsRefused(@TempDir Path folder) throws Exception {
        Path foreign = Path.of(System.getProperty("java.home"), "lib", System.mapLibraryName("zip"));
        Path copy = Files.copy(foreign, folder.resolve("foreign.so"));
        String message = withLibrary(copy.toString(), () -> failure(JAR));
        assertTrue(message.contains(copy + " is not Freshet's"), message);
    }

    @Test
    void aLibraryOfAnotherBoundaryOrVersionIsRefused(@TempDir Path folder) throws Exception {
        for (String other : new String[] {"0.1.0+boundary.0", "9.1.0" + boundary()}) {
            Path patched = folder.resolve(other + ".so");
            Files.write(patched, replace(Files.readAllBytes(Path.of(library)), NativeLibrary.HANDSHAKE, other));
            String message = withLibrary(patched.toString(), () -> failure(JAR));
            assertEquals("the jar is of version " + NativeLibrary.HANDSHAKE + ", and the native library " + patched
                + " of version " + other + "; use those of one build", message);
        }
    }

    @Test
    void aLibraryThatIsNamedIsTheOneThatIsLoaded(@TempDir Path folder) throws Exception {
        Path copy = Files.copy(Path.of(library), folder.resolve("a-copy.so"));
        try (SeparateCopy classes = new SeparateCopy(CLASSES)) {
            withLibrary(copy.toString(), () -> {
                classes.loadNativeLibrary();
                return null;
            });
            String mapped = Files.readString(Path.of("/proc/self/maps"));
            assertTrue(mapped.contains(copy.toString()), "the library is not mapped");
        }
    }

    private static String boundary() {
        return NativeLibrary.HANDSHAKE.substring(NativeLibrary.VERSION.length());
    }

    private static byte[] replace(byte[] bytes, String text, String other) {
        String latin = new String(bytes, StandardCharsets.ISO_8859_1);
        assertEquals(text.length(), other.length());
        assertTrue(latin.contains(text), "the library does not contain " + text);
        return latin.replace(text, other).getBytes(StandardCharsets.ISO_8859_1);
    }

    /** The message with which loading fails. */
    private static String failure(Path place) throws Exception {
        try (SeparateCopy classes = new SeparateCopy(place)) {
            Exception thrown = assertThrows(RuntimeException.class, classes::loadNativeLibrary);
            assertEquals("NativeException", thrown.getClass().getSimpleName());
            return thrown.getMessage();
        }
    }

    private static <T> T withLibrary(String path, Callable<T> body) throws Exception {
        return on(NativeLibrary.PATH_PROPERTY, path, body);
    }

    private static <T> T on(String property, String value, Callable<T> body) throws Exception {
        String before = System.getProperty(property);
        System.setProperty(property, value);
        try {
            return body.call();
        } finally {
            if (before == null) {
                System.clearProperty(property);
            } else {
                System.setProperty(property, before);
            }
        }
    }
}
