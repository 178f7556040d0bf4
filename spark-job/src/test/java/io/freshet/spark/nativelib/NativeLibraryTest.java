package io.freshet.spark.nativelib;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.arrow.memory.RootAllocator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class NativeLibraryTest {
    @ParameterizedTest
    @CsvSource({
        "Linux, amd64, linux-x86_64",
        "Linux, aarch64, linux-aarch64",
        "Mac OS X, arm64, macos-aarch64",
        "Windows 11, amd64, windows_11-x86_64",
    })
    void namesThePlatformAsTheBuildDoes(String os, String arch, String expected) {
        assertEquals(expected, NativeLibrary.platform(os, arch));
    }

    @Test
    void theJarAndTheWorkspaceAreOfOneVersion() throws Exception {
        Matcher version = Pattern.compile("(?m)^version = \"(.+)\"$").matcher(Files.readString(Path.of("Cargo.toml")));
        assertTrue(version.find());
        assertEquals(version.group(1), NativeLibrary.VERSION);
    }

    @Test
    void aWrongConfigurationNamesFileLineAndKey(@TempDir Path folder) throws Exception {
        Path file = Files.writeString(folder.resolve("freshet.toml"), "[[stream]]\nname = \"s\"\ncolour = 1\n");
        var thrown = assertThrows(ConfigurationException.class, () -> NativeConfiguration.load(file.toString()));
        assertTrue(thrown.getMessage().startsWith(file + ":"), thrown.getMessage());
        assertTrue(thrown.getMessage().contains("stream."), thrown.getMessage());
    }

    @Test
    void whatIsNoStreamIsRefused() {
        try (RootAllocator allocator = new RootAllocator()) {
            var thrown = assertThrows(NativeException.class,
                () -> new NativeWindowAggregator("{}", "raw.s", allocator));
            assertTrue(thrown.getMessage().contains("not a stream"), thrown.getMessage());
        }
    }

    /** Readings that are counted wrong must not be lost in silence. */
    @Test
    void aNumberOfReadingsThatTheArraysDoNotHaveIsRefused() {
        double[] values = new double[2];
        long[] times = new long[1];
        for (int length : new int[] {-1, 2, 3}) {
            var thrown = assertThrows(NativeException.class,
                () -> NativeWindowStats.addAll(new byte[0], values, times, length));
            assertEquals(length + " readings are said to be in 2 values and 1 times", thrown.getMessage());
        }
        assertTrue(NativeWindowStats.addAll(new byte[0], values, times, 1).length > 0);
        assertTrue(NativeWindowStats.addAll(new byte[0], values, new long[0], 2).length > 0);
    }

    @Test
    void aClosedAggregatorIsRefusedAndClosingTwiceIsHarmless() throws Exception {
        String stream = StreamJson.of("series = [\"id\"]", "values = { v = \"v\" }", "windows = [\"10s\"]");
        try (RootAllocator allocator = new RootAllocator()) {
            var aggregator = new NativeWindowAggregator(stream, "raw.s", allocator);
            aggregator.close();
            aggregator.close();
            assertThrows(NativeException.class, aggregator::memoryBytes);
            assertThrows(NativeException.class, () -> aggregator.add(new RecordBatchBuffer()));
        }
    }
}
