package io.freshet.spark;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;

/**
 * Tells whether the job that runs on this machine has its Spark up, by Spark's own page: for health checks of images
 * without curl. The exit code is 0 if so, 1 if not, and 2 for a wrong command line.
 *
 * <p>{@code java -cp freshet-spark-all.jar io.freshet.spark.JobHealth [http://127.0.0.1:4040]}
 */
public final class JobHealth {
    private static final String PAGE = "http://127.0.0.1:4040";
    private static final String APPLICATIONS = "/api/v1/applications?status=running";
    /** Less than the patience of those who run health checks. */
    private static final Duration PATIENCE = Duration.ofSeconds(5);
    private static final int NOT_READY = 1;
    private static final int USAGE = 2;

    private JobHealth() {}

    /** @param words the address of Spark's page, where it is another one */
    public static void main(String... words) {
        System.exit(run(words));
    }

    static int run(String... words) {
        if (words.length > 1) {
            return fail(USAGE, "give nothing but the address of Spark's page, such as " + PAGE);
        }
        try {
            return ask(URI.create((words.length == 0 ? PAGE : words[0]) + APPLICATIONS));
        } catch (IllegalArgumentException e) {
            return fail(USAGE, e.getMessage() + "; give the address of Spark's page, such as " + PAGE);
        } catch (IOException e) {
            return fail(NOT_READY, "no answer: " + e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return NOT_READY;
        }
    }

    private static int ask(URI page) throws IOException, InterruptedException {
        var client = HttpClient.newBuilder().connectTimeout(PATIENCE).proxy(HttpClient.Builder.NO_PROXY).build();
        var request = HttpRequest.newBuilder(page).timeout(PATIENCE).build();
        var answer = client.send(request, BodyHandlers.ofString());
        boolean running = answer.statusCode() == 200 && answer.body().contains("\"id\"");
        return running ? 0 : fail(NOT_READY, "no application is running: " + answer.statusCode());
    }

    private static int fail(int exitCode, String reason) {
        System.err.println("error: " + reason);
        return exitCode;
    }
}
