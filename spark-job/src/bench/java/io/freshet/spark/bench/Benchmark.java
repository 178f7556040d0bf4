package io.freshet.spark.bench;

import io.freshet.spark.configuration.PipelineConfiguration;
import io.freshet.spark.job.SparkSettings;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Predicate;
import org.apache.spark.SparkConf;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/**
 * Plain Spark and the native job over the same topic in the same process, again and again in turn; {@code ./freshet
 * bench} runs it on a broker of its own. What was measured goes into a file, see {@link BenchmarkResults}.
 *
 * <p>Arguments: {@code --configuration FILE --folder FOLDER --results FILE [--conf KEY=VALUE]…}, then either
 * {@code --records N --series N --micro-batch N --codecs NAME,… --filled BOOLEAN --warm-up-seconds N --rounds N
 * [--only CASE/ENGINE,…]}, or {@code --latency-seconds N}. The configuration names the broker, and each of its
 * streams is a case. The topics of the codecs are filled unless they are.
 */
public final class Benchmark {
    private static final int CORES = 2;
    private static final double NANOS = 1e9;

    private Benchmark() {}

    /** @param words see above */
    public static void main(String... words) throws Exception {
        Map<String, String> arguments = new TreeMap<>();
        Map<String, String> settings = new TreeMap<>();
        for (int i = 0; i + 1 < words.length; i += 2) {
            if (words[i].equals("--conf")) {
                String[] keyAndValue = words[i + 1].split("=", 2);
                settings.put(keyAndValue[0], keyAndValue[1]);
            } else {
                arguments.put(words[i], words[i + 1]);
            }
        }
        PipelineConfiguration configuration = PipelineConfiguration.load(arguments.get("--configuration"));
        Path folder = Path.of(arguments.get("--folder"));
        BenchmarkResults results = new BenchmarkResults(Path.of(arguments.get("--results")));
        String latencySeconds = arguments.get("--latency-seconds");
        boolean throughput = latencySeconds == null;
        int shufflePartitions = throughput ? CORES : configuration.spark().shufflePartitions();
        try (SparkSession session = session(folder, shufflePartitions, settings)) {
            if (throughput) {
                measureThroughput(session, configuration, folder, results, arguments);
            } else {
                results.latency(BenchmarkLatency.measure(session, configuration, Integer.parseInt(latencySeconds)));
            }
        }
    }

    private static void measureThroughput(SparkSession session, PipelineConfiguration configuration, Path folder,
        BenchmarkResults results, Map<String, String> arguments) throws Exception {
        long records = Long.parseLong(arguments.get("--records"));
        int warmUpSeconds = Integer.parseInt(arguments.get("--warm-up-seconds"));
        int rounds = Integer.parseInt(arguments.get("--rounds"));
        long batchRecords = Long.parseLong(arguments.get("--micro-batch"));
        List<String> codecs = List.of(arguments.get("--codecs").split(","));
        if (!Boolean.parseBoolean(arguments.get("--filled"))) {
            BenchmarkTopic.fill(
                servers(configuration), codecs, records, Integer.parseInt(arguments.get("--series")));
            results.filled();
        }
        List<BenchmarkQueries.Query> chosen = codecs.stream()
            .flatMap(codec -> new BenchmarkQueries(session, configuration, batchRecords, codec).all().stream())
            .filter(chosen(arguments.get("--only"))).toList();
        Measurement measurement = new Measurement(session, folder, records, batchRecords);
        for (BenchmarkQueries.Query query : chosen) {
            results.measured(query, 0, measurement.warmUp(query, warmUpSeconds));
        }
        for (int round = 1; round <= rounds; round++) {
            for (BenchmarkQueries.Query query : chosen) {
                results.measured(query, round, measurement.run(query, false));
            }
        }
    }

    private record Measurement(SparkSession session, Path folder, long records, long batchRecords) {
        /**
         * Runs a query again and again, as one that runs for days would, until the Java machine has compiled what it
         * will. Queries that read the topic in a few seconds would otherwise be measured while it compiles.
         */
        BenchmarkRun.Result warmUp(BenchmarkQueries.Query query, int seconds) throws Exception {
            long begun = System.nanoTime();
            BenchmarkRun.Result last = run(query, true);
            while ((System.nanoTime() - begun) / NANOS < seconds) {
                last = run(query, true);
            }
            return last;
        }

        BenchmarkRun.Result run(BenchmarkQueries.Query query, boolean brief) throws Exception {
            Dataset<Row> rows = query.rows().get();
            Path checkpoint = Files.createTempDirectory(folder, "checkpoint-");
            return BenchmarkRun.measure(session, rows, checkpoint, records, batchRecords, brief);
        }
    }

    static String servers(PipelineConfiguration configuration) {
        return configuration.kafka().get("bootstrap.servers");
    }

    private static Predicate<BenchmarkQueries.Query> chosen(String only) {
        if (only == null) {
            return query -> true;
        }
        List<String> names = List.of(only.split(","));
        return query -> names.contains(query.name() + "/" + query.engine());
    }

    private static SparkSession session(Path folder, int shufflePartitions, Map<String, String> settings) {
        SparkConf ofTheJob = SparkSettings.defaults(shufflePartitions, folder.toString(), false);
        SparkSettings.ofItsOwnSession(ofTheJob);
        settings.forEach(ofTheJob::set);
        return SparkSession.builder()
            .config(ofTheJob)
            .config("spark.ui.enabled", "false")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.driver.host", "127.0.0.1")
            .config("spark.local.dir", folder.toString())
            .config("spark.sql.warehouse.dir", folder.resolve("warehouse").toString())
            .master("local[" + CORES + "]")
            .getOrCreate();
    }
}
