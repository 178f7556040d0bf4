package io.freshet.spark.nativelib;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.freshet.spark.engine.spark42.plan.RowRecord;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.logging.log4j.Level;
import org.apache.logging.log4j.core.ErrorHandler;
import org.apache.logging.log4j.core.LogEvent;
import org.apache.logging.log4j.core.LoggerContext;
import org.apache.logging.log4j.core.appender.AbstractAppender;
import org.apache.logging.log4j.core.appender.AppenderLoggingException;
import org.apache.logging.log4j.core.config.Configurator;
import org.apache.logging.log4j.core.config.Property;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What the native library logs arrives in Java's logger. The level is asked for when the library is loaded, so that
 * each test loads a copy.
 */
class NativeLogTest {
    private static final Path CLASSES = Path.of("build/classes/java/main/");
    private static final String LOGGER = NativeLibrary.class.getName();
    private static final String SOURCE = "freshet_jni::native_window_aggregator: stream 's', topic 'raw.s': ";

    private final LoggerContext context = LoggerContext.getContext(false);
    private final Lines lines = new Lines();
    private final String library = System.getProperty(NativeLibrary.PATH_PROPERTY);

    private String stream;

    @BeforeEach
    void listen() throws IOException {
        // By the library that all tests share, which must not be loaded from where a copy is.
        stream = StreamJson.of("values = { v = \"v\" }", "windows = [\"10s\", \"1m\"]");
        lines.start();
        context.getLogger(LOGGER).addAppender(lines);
        context.getLogger(LOGGER).setAdditive(false);
    }

    @AfterEach
    void restore() {
        System.setProperty(NativeLibrary.PATH_PROPERTY, library);
        context.getConfiguration().removeLogger(LOGGER);
        context.updateLoggers();
        lines.stop();
    }

    @Test
    void linesArriveWithTheirLevels(@TempDir Path folder) throws Exception {
        try (Copy copy = new Copy(folder, Level.DEBUG)) {
            copy.handOnEarly(stream);
        }
        List<String> starts = List.of(
            "INFO " + SOURCE + "the first aggregation in this process; metrics: 1, windows: 10s, 1m",
            "DEBUG " + SOURCE + "an aggregation is opened",
            "WARN " + SOURCE + "a task hands on its partial aggregates early");
        assertEquals(starts.size(), lines.found.size(), lines.found::toString);
        for (int line = 0; line < starts.size(); line++) {
            assertTrue(lines.found.get(line).startsWith(starts.get(line)), lines.found::toString);
        }
    }

    @Test
    void linesBelowTheLevelOfTheLoggerAreNotForwarded(@TempDir Path folder) throws Exception {
        try (Copy copy = new Copy(folder, Level.WARN)) {
            // The copy knows the level of before, and forwards no more than that.
            Configurator.setLevel(LOGGER, Level.ALL);
            copy.handOnEarly(stream);
        }
        assertEquals(1, lines.found.size(), lines.found::toString);
        assertTrue(lines.found.get(0).startsWith("WARN "), lines.found::toString);
    }

    /** An exception that stayed pending would come out of the native call, or break the next one. */
    @Test
    void aLoggerThatFailsDoesNotFailTheCall(@TempDir Path folder) throws Exception {
        lines.failing = true;
        try (Copy copy = new Copy(folder, Level.DEBUG)) {
            copy.handOnEarly(stream);
        }
        assertEquals(3, lines.found.size(), lines.found::toString);
        assertThrows(AppenderLoggingException.class, () -> context.getLogger(LOGGER).error("not a native line"));
    }

    /** Keeps the lines, and then fails if it has to. */
    private static final class Lines extends AbstractAppender {
        private final List<String> found = new CopyOnWriteArrayList<>();
        private volatile boolean failing;

        Lines() {
            super("lines", null, null, false, Property.EMPTY_ARRAY);
            setHandler(new SilentHandler());
        }

        @Override
        public void append(LogEvent event) {
            found.add(event.getLevel() + " " + event.getMessage().getFormattedMessage());
            if (failing) {
                throw new AppenderLoggingException("the logger has failed");
            }
        }
    }

    /** Failures are tested for, and not worth a line. */
    private static final class SilentHandler implements ErrorHandler {
        @Override
        public void error(String message) {}

        @Override
        public void error(String message, Throwable failure) {}

        @Override
        public void error(String message, LogEvent event, Throwable failure) {}
    }

    /** A copy of Freshet's classes with a native library of their own, which logs up to a level. */
    private static final class Copy implements AutoCloseable {
        private final SeparateCopy classes = new SeparateCopy(CLASSES);

        Copy(Path folder, Level level) throws Exception {
            Configurator.setLevel(LOGGER, level);
            Path own = folder.resolve("libfreshet_jni.so");
            Files.copy(Path.of(System.getProperty(NativeLibrary.PATH_PROPERTY)), own);
            System.setProperty(NativeLibrary.PATH_PROPERTY, own.toString());
            classes.loadNativeLibrary();
        }

        /** What a task does whose memory is used up: it takes the partial aggregates and goes on. */
        void handOnEarly(String stream) throws Exception {
            Class<?> type = classes.loadClass(NativeWindowAggregator.class.getName());
            try (BufferAllocator allocator = new RootAllocator()) {
                Object aggregator = type.getConstructor(String.class, String.class, BufferAllocator.class)
                    .newInstance(stream, "raw.s", allocator);
                add(type, aggregator);
                assertTrue(takePartials(type, aggregator));
                assertFalse(takePartials(type, aggregator));
                add(type, aggregator);
                type.getMethod("close").invoke(aggregator);
            }
        }

        private void add(Class<?> type, Object aggregator) throws Exception {
            Class<?> bufferType = classes.loadClass(RecordBatchBuffer.class.getName());
            Object buffer = bufferType.getConstructor().newInstance();
            byte[] value = "{\"v\":1}".getBytes(StandardCharsets.UTF_8);
            InternalRow row = new GenericInternalRow(new Object[] {new byte[] {'k'}, value, 0, 7L, 1_000_000L});
            Class<?> rowType = classes.loadClass(RowRecord.class.getName());
            Object record = rowType.getConstructor(int[].class).newInstance((Object) new int[] {2, 3, 4, 0, 1});
            rowType.getMethod("of", InternalRow.class).invoke(record, row);
            bufferType.getMethod("add", classes.loadClass(SourceRecord.class.getName())).invoke(buffer, record);
            assertEquals(0, type.getMethod("add", bufferType).invoke(aggregator, buffer));
        }

        private static boolean takePartials(Class<?> type, Object aggregator) throws Exception {
            Optional<?> partials = (Optional<?>) type.getMethod("takePartials").invoke(aggregator);
            partials.ifPresent(columns -> ((VectorSchemaRoot) columns).close());
            return partials.isPresent();
        }

        @Override
        public void close() throws IOException {
            classes.close();
        }
    }
}
