package io.freshet.spark.testing;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.HashMap;
import java.util.Map;
import org.apache.spark.SparkConf;
import org.apache.spark.sql.SparkSession;

/** What Spark's own servlet for Prometheus tells of a driver, as it is scraped. */
public final class MetricsPage {
    private static final String PATH = "/metrics/prometheus";
    private static final String END = "_Value{type=\"gauges\"}";
    private static final String PLUGIN = "plugin_io_freshet_spark_FreshetPlugin_";

    private MetricsPage() {}

    /** Settings with which a driver has such a page. */
    public static SparkConf serve(SparkConf settings) {
        return settings
            .set("spark.ui.enabled", "true")
            .set("spark.ui.port", "0")
            .set("spark.ui.prometheus.enabled", "true")
            .set("spark.metrics.conf.*.sink.prometheusServlet.class", "org.apache.spark.metrics.sink.PrometheusServlet")
            .set("spark.metrics.conf.*.sink.prometheusServlet.path", PATH);
    }

    /** The gauges of Freshet's plugin by name, in the namespace {@code freshet}. */
    public static Map<String, Double> read(SparkSession spark) {
        Map<String, Double> gauges = new HashMap<>();
        String prefix = "metrics_freshet_driver_" + PLUGIN;
        text(spark).lines().filter(line -> line.startsWith(prefix) && line.contains(END)).forEach(line -> {
            String name = line.substring(prefix.length(), line.indexOf(END));
            if (gauges.put(name, Double.valueOf(line.substring(line.lastIndexOf(' ') + 1))) != null) {
                throw new AssertionError("twice on the page: " + name);
            }
        });
        return gauges;
    }

    /** The page as it is. */
    public static String text(SparkSession spark) {
        URI page = URI.create(spark.sparkContext().uiWebUrl().get() + PATH);
        try {
            HttpResponse<String> answer = HttpClient.newBuilder()
                .followRedirects(HttpClient.Redirect.NORMAL).build() // as Prometheus does
                .send(HttpRequest.newBuilder(page).build(), HttpResponse.BodyHandlers.ofString());
            if (answer.statusCode() != 200) {
                throw new AssertionError(page + " answers " + answer.statusCode());
            }
            return answer.body();
        } catch (IOException | InterruptedException e) {
            throw new AssertionError(page + " does not answer", e);
        }
    }
}
