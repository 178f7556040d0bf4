package io.freshet.spark;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/**
 * Plain Spark and the native job over the same topic in the same process, again and again in turn. Every measurement is
 * one line of JSON on standard output: {@code case, engine, round, records, seconds, cpu_seconds}; round 0 warms up.
 *
 * <p>Arguments: {@code --bootstrap-servers HOST:PORT --records N --series N --rounds N --folder FOLDER
 * [--only CASE/ENGINE,…]}. The topic {@code raw.bench} is filled when it does not exist yet.
 */
public final class Benchmark {
    static final String TOPIC = "raw.bench";
    private static final ObjectMapper JSON = new ObjectMapper();

    private Benchmark() {}

    /** @param words see above */
    public static void main(String... words) throws Exception {
        Map<String, String> arguments = new TreeMap<>();
        for (int i = 0; i + 1 < words.length; i += 2) {
            arguments.put(words[i], words[i + 1]);
        }
        String servers = arguments.get("--bootstrap-servers");
        long records = Long.parseLong(arguments.get("--records"));
        int rounds = Integer.parseInt(arguments.get("--rounds"));
        Path folder = Path.of(arguments.get("--folder"));
        BenchmarkTopic.fill(servers, records, Integer.parseInt(arguments.get("--series")));
        try (SparkSession session = session(folder)) {
            session.sparkContext().setLogLevel("WARN");
            BenchmarkQueries queries = new BenchmarkQueries(session, servers, configuration(servers, folder), records);
            List<BenchmarkQueries.Query> chosen = choose(queries.all(), arguments.get("--only"));
            for (int round = 0; round <= rounds; round++) {
                for (BenchmarkQueries.Query query : chosen) {
                    Dataset<Row> rows = query.rows().get();
                    Path checkpoint = Files.createTempDirectory(folder, "checkpoint-");
                    BenchmarkRun.Result result = BenchmarkRun.measure(session, rows, checkpoint);
                    System.out.println(JSON.createObjectNode().put("case", query.name()).put("engine", query.engine())
                        .put("round", round).put("records", result.records()).put("seconds", result.seconds())
                        .put("cpu_seconds", result.cpuSeconds()));
                }
            }
        }
    }

    private static List<BenchmarkQueries.Query> choose(List<BenchmarkQueries.Query> all, String only) {
        if (only == null) {
            return all;
        }
        List<String> names = List.of(only.split(","));
        return all.stream().filter(query -> names.contains(query.name() + "/" + query.engine())).toList();
    }

    private static SparkSession session(Path folder) {
        return SparkSession.builder()
            .config(WindowedAverages.defaults(2, folder.toString(), false))
            .config("spark.ui.enabled", "false")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.driver.host", "127.0.0.1")
            .master("local[2]")
            .getOrCreate();
    }

    /** One stream for each native case: each has a kind of window of its own. */
    private static PipelineConfiguration configuration(String servers, Path folder) throws IOException {
        List<String> lines = new ArrayList<>(List.of("[kafka]", "bootstrap_servers = \"" + servers + "\""));
        BenchmarkQueries.WINDOWS.forEach((name, window) -> lines.addAll(List.of("[[stream]]",
            "name = \"" + name + "\"", "series = [\"sensor\"]", "time = { field = \"at\", unit = \"ms\" }",
            "values = { temperature = \"temperature\" }", "windows = [\"" + window + "\"]", "lateness = \"10s\"",
            "max_future = \"366d\"")));
        Path file = folder.resolve("freshet.toml");
        Files.write(file, lines);
        return PipelineConfiguration.load(file.toString());
    }
}
