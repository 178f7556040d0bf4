package io.freshet.spark;

import io.freshet.spark.configuration.PipelineConfiguration;
import io.freshet.spark.nativelib.NativeRecordParser;
import java.util.List;

/** How the records of a stream become readings, and over which windows those are summed up. */
public final class StreamSpec {
    private final PipelineConfiguration.Stream stream;

    private StreamSpec(PipelineConfiguration.Stream stream) {
        this.stream = stream;
    }

    /**
     * Reads the text of a {@code [[stream]]} table: TOML lines, or the inside of a TOML inline table. The name may be
     * left out, the windows not.
     *
     * @throws io.freshet.spark.nativelib.ConfigurationException when something in it is wrong: line, key, and what
     *     would be right
     */
    public static StreamSpec parse(String toml) {
        return new StreamSpec(PipelineConfiguration.readStream(NativeRecordParser.readSpecification(toml, true)));
    }

    /**
     * Takes a stream from a configuration file.
     *
     * @param path of {@code freshet.toml}
     * @param stream its name
     * @throws io.freshet.spark.nativelib.ConfigurationException when something in the file is wrong, or it has no such
     *     stream
     */
    public static StreamSpec load(String path, String stream) {
        return new StreamSpec(PipelineConfiguration.load(path).select(List.of(stream)).get(0));
    }

    /** Its name: {@code stream} where the text has none. */
    public String name() {
        return stream.name();
    }

    /** Its kinds of windows by name, such as {@code 10s} or {@code 5m/1m}. */
    public List<String> windows() {
        return stream.windows();
    }

    /** How long a window waits for stragglers, in milliseconds: the delay of the watermark. */
    public long latenessMillis() {
        return stream.latenessMillis();
    }

    PipelineConfiguration.Stream stream() {
        return stream;
    }

    @Override
    public String toString() {
        return "StreamSpec[" + stream.json() + "]";
    }
}
