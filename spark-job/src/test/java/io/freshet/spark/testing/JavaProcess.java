package io.freshet.spark.testing;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** A Java machine of its own that runs a main class to its end, with what Spark's launcher passes. */
public record JavaProcess(int exitCode, String output) {
    /**
     * Runs it.
     *
     * @param folder for what it prints
     * @param classPath separated by colons
     * @param arguments main class and its arguments
     */
    public static JavaProcess run(Path folder, String classPath, List<String> arguments)
        throws IOException, InterruptedException {
        return run(folder, classPath, arguments, Map.of());
    }

    /** @param environment variables that it has beside those of this process */
    public static JavaProcess run(
        Path folder, String classPath, List<String> arguments, Map<String, String> environment)
        throws IOException, InterruptedException {
        Path output = Files.createTempFile(folder, "output", ".txt");
        int exitCode = start(output, classPath, arguments, environment).waitFor();
        return new JavaProcess(exitCode, Files.readString(output, StandardCharsets.UTF_8));
    }

    /** Starts one, for whoever has to end it. */
    public static Process start(
        Path output, String classPath, List<String> arguments, Map<String, String> environment) throws IOException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        // What Spark's launcher passes, and this process has too.
        ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
            .filter(option -> option.matches("--add-opens.*|-Dspark\\.freshet\\..*|-XX:TieredStopAtLevel.*"))
            .forEach(command::add);
        command.addAll(List.of("-Djava.io.tmpdir=" + System.getProperty("java.io.tmpdir"), "-cp", classPath));
        command.addAll(arguments);
        ProcessBuilder builder =
            new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(output.toFile());
        builder.environment().putAll(environment);
        return builder.start();
    }
}
