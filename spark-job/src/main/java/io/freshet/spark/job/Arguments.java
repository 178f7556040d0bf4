package io.freshet.spark.job;

import java.util.ArrayList;
import java.util.List;

/**
 * The command line of the job.
 *
 * @param configuration path of {@code freshet.toml}
 * @param streams names of the streams to run; empty for all
 * @param help whether only the help was asked for
 */
public record Arguments(String configuration, List<String> streams, boolean help) {
    /** What {@code --help} prints. */
    public static final String HELP = """
        Computes windowed averages of live streams: one streaming query per stream.

        Usage: spark-submit --class io.freshet.spark.WindowedAverages freshet-spark-all.jar -c FILE [--stream NAME…]

          -c, --config FILE    the pipeline's configuration, freshet.toml
          --stream NAME        run this stream only; may be repeated. Default: all streams of the file
          -h, --help           show this help

        Examples:
          spark-submit --master 'local[2]' --class io.freshet.spark.WindowedAverages freshet-spark-all.jar \\
              -c freshet.toml
          spark-submit --master spark://host:7077 --class io.freshet.spark.WindowedAverages freshet-spark-all.jar \\
              -c freshet.toml --stream sensors

        Exit codes: 0 told to stop (SIGTERM, SIGINT), 1 failed, 2 usage or configuration.""";

    /**
     * Reads the command line.
     *
     * @throws IllegalArgumentException when it cannot be understood; the message says why
     */
    public static Arguments parse(String... words) {
        String configuration = null;
        List<String> streams = new ArrayList<>();
        for (int i = 0; i < words.length; i++) {
            switch (words[i]) {
                case "-h", "--help" -> {
                    return new Arguments("", List.of(), true);
                }
                case "-c", "--config" -> configuration = value(words, ++i);
                case "--stream" -> streams.add(value(words, ++i));
                default -> throw new IllegalArgumentException("unknown argument '" + words[i] + "'; see --help");
            }
        }
        if (configuration == null) {
            throw new IllegalArgumentException("the configuration is missing: pass -c freshet.toml; see --help");
        }
        return new Arguments(configuration, List.copyOf(streams), false);
    }

    private static String value(String[] words, int index) {
        if (index == words.length) {
            throw new IllegalArgumentException("'" + words[index - 1] + "' needs a value; see --help");
        }
        return words[index];
    }
}
