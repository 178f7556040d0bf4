package io.freshet.spark;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;

/**
 * Tells whether the job that runs on this machine is ready, by Spark's own page: for health checks of images without
 * curl. It is when the query of each of its streams has finished a micro-batch since it was started last, or found that
 * there is nothing to do, and waits for nobody. The exit code is 0 if so, 1 if not, and 2 for a wrong command line.
 *
 * <p>With {@code --live} it tells whether Spark is up, whatever the queries do: only who is not live gets better by
 * being started again.
 *
 * <p>{@code java -cp freshet-spark-all.jar io.freshet.spark.JobHealth [--live] [http://127.0.0.1:4040]}
 */
public final class JobHealth {
    private static final String PAGE = "http://127.0.0.1:4040";
    private static final String LIVE = "--live";
    /** Of Spark's metrics system, which has such a page unless somebody takes it away. */
    private static final String METRICS = "/metrics/json/";
    /** A gauge of the plugin's, by stream. */
    private static final Pattern RUNNING =
        Pattern.compile("\\bstreams\\.([^\"]+)\\.running\"\\s*:\\s*\\{\\s*\"value\"\\s*:\\s*(\\d)");
    private static final String APPLICATIONS = "/api/v1/applications?status=running";
    /** Less than the patience of those who run health checks. */
    private static final Duration PATIENCE = Duration.ofSeconds(5);
    private static final int NOT_READY = 1;
    private static final int USAGE = 2;

    private JobHealth() {}

    /** @param words whether it is about being live, and the address of Spark's page, where it is another one */
    public static void main(String... words) {
        System.exit(run(words));
    }

    static int run(String... words) {
        boolean live = words.length > 0 && words[0].equals(LIVE);
        int first = live ? 1 : 0;
        if (words.length > first + 1) {
            return fail(USAGE, "give nothing but " + LIVE + " and the address of Spark's page, such as " + PAGE);
        }
        try {
            String page = words.length == first ? PAGE : words[first];
            return live ? isLive(get(page + APPLICATIONS)) : isReady(get(page + METRICS));
        } catch (IllegalArgumentException e) {
            return fail(USAGE, e.getMessage() + "; give the address of Spark's page, such as " + PAGE);
        } catch (IOException e) {
            return fail(NOT_READY, "no answer: " + e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return NOT_READY;
        }
    }

    private static HttpResponse<String> get(String address) throws IOException, InterruptedException {
        URI page = URI.create(address);
        var client = HttpClient.newBuilder().connectTimeout(PATIENCE).proxy(HttpClient.Builder.NO_PROXY).build();
        var request = HttpRequest.newBuilder(page).timeout(PATIENCE).build();
        return client.send(request, BodyHandlers.ofString());
    }

    /** The streams of a job whose metrics are read by the form in which Spark's page has them. */
    private static int isReady(HttpResponse<String> answer) {
        if (answer.statusCode() != 200) {
            return fail(NOT_READY, "Spark's page has no metrics: " + answer.statusCode());
        }
        Map<String, Boolean> streams = new TreeMap<>();
        RUNNING.matcher(answer.body()).results()
            .forEach(gauge -> streams.put(gauge.group(1), gauge.group(2).equals("1")));
        if (streams.isEmpty()) {
            return fail(NOT_READY, "no query was started yet");
        }
        streams.values().removeIf(running -> running);
        return streams.isEmpty() ? 0
            : fail(NOT_READY, "these streams do not run: " + String.join(", ", streams.keySet()));
    }

    private static int isLive(HttpResponse<String> answer) {
        boolean running = answer.statusCode() == 200 && answer.body().contains("\"id\"");
        return running ? 0 : fail(NOT_READY, "no application is running: " + answer.statusCode());
    }

    private static int fail(int exitCode, String reason) {
        System.err.println("error: " + reason);
        return exitCode;
    }
}
