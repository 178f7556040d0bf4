package io.freshet.spark.configuration;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.freshet.spark.engine.spark42.kafka.KafkaSource;
import io.freshet.spark.job.SparkSettings;
import io.freshet.spark.job.StreamQuery;
import io.freshet.spark.kafka.TopicIdentities;
import io.freshet.spark.nativelib.ConfigurationException;
import io.freshet.spark.nativelib.NativeRecordParser;
import io.freshet.spark.testing.Certificate;
import io.freshet.spark.testing.LocalSpark;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What becomes of the certificates of a cluster: executors on other machines need their text. */
class PipelineConfigurationTest {
    private static final String BEGIN = "-----BEGIN CERTIFICATE-----";

    @TempDir
    private Path folder;

    @Test
    void theCertificatesTravelAsTextAndTheFileIsNotNeededAnyMore() throws Exception {
        Path file = certificates();
        String text = Files.readString(file);
        Map<String, String> kafka = load(file).kafka();
        Files.delete(file);
        assertEquals("PEM", kafka.get("ssl.truststore.type"));
        assertEquals(text, kafka.get("ssl.truststore.certificates"));
        assertNull(kafka.get("ssl.truststore.location"));
        // A client reads them when it is made; it connects later.
        Admin.create(new HashMap<>(kafka)).close();
    }

    @Test
    void aFileThatCannotBeReadIsNamedWithItsKey() {
        Path missing = folder.resolve("missing.pem");
        var thrown = assertThrows(ConfigurationException.class, () -> load(missing));
        assertTrue(
            thrown.getMessage().startsWith("kafka.security.ca_file: the file '" + missing + "' cannot be read ("),
            thrown.getMessage());
        assertTrue(thrown.getMessage().endsWith("name a file of certificates in PEM format that this process may read"),
            thrown.getMessage());
    }

    @Test
    void neitherPlansNorTextsShowThem() throws Exception {
        PipelineConfiguration configuration = load(certificates());
        assertHidden(configuration.toString());
        assertHidden(new KafkaSource(new TopicIdentities(configuration.kafka(), Map.of("raw.s", "id"))).toString());
        SparkSession spark = LocalSpark.start();
        try {
            String redacted = "spark.sql.redaction.options.regex";
            spark.conf().set(redacted, SparkSettings.defaults(2, folder.toString(), false).get(redacted));
            Map<String, String> options = new HashMap<>();
            configuration.kafka().forEach((key, value) -> options.put("kafka." + key, value));
            Dataset<Row> records =
                spark.readStream().format("kafka").options(options).option("subscribe", "raw.s").load();
            Dataset<Row> windows =
                new StreamQuery(spark, configuration, configuration.streams().get(0)).windows(records);
            String plan = ((org.apache.spark.sql.classic.Dataset<Row>) windows).queryExecution().toString();
            assertTrue(plan.contains("FreshetPartials") && plan.contains("subscribe=raw.s"), plan);
            assertHidden(plan);
        } finally {
            spark.stop();
        }
    }

    @Test
    void topicsComeWithTheConfigurationAndHaveItsPrefix() throws Exception {
        Path file = folder.resolve("prefixed.toml");
        Files.writeString(file, String.join("\n", "[kafka]", "topic_prefix = 'a.'", "[[stream]]", "name = 's'",
            "values = { v = 'v' }", "windows = ['10s']", "[[stream]]", "name = 'b'", "values = { v = 'v' }",
            "windows = ['1m']"));
        PipelineConfiguration configuration = PipelineConfiguration.load(file.toString());
        assertEquals("a.dead-letters", configuration.deadLettersTopic());
        assertEquals("a.health", configuration.healthTopic());
        assertEquals(List.of(List.of("a.raw.s"), List.of("a.raw.b")),
            configuration.streams().stream().map(PipelineConfiguration.Stream::rawTopics).toList());
        assertEquals(List.of("a.windows.s", "a.windows.b"),
            configuration.streams().stream().map(PipelineConfiguration.Stream::windowsTopic).toList());
        assertEquals(7, configuration.topics().size());
        PipelineConfiguration.Stream alone = PipelineConfiguration.readStream(
            NativeRecordParser.readSpecification("name = 's'\nvalues = { v = 'v' }\nwindows = ['10s']", true));
        assertEquals(List.of("raw.s"), alone.rawTopics());
        assertEquals("windows.s", alone.windowsTopic());
    }

    private static void assertHidden(String shown) {
        assertFalse(shown.contains(BEGIN) || shown.contains("hunter2"), shown);
    }

    private PipelineConfiguration load(Path certificates) throws Exception {
        Path file = folder.resolve("freshet.toml");
        Files.writeString(file, String.join("\n", "[kafka]", "bootstrap_servers = '127.0.0.1:9'",
            "security = { protocol = 'sasl_ssl', sasl_mechanism = 'PLAIN', username = 'u', password = 'hunter2', "
                + "ca_file = '" + certificates + "' }", "[[stream]]", "name = 's'",
            "values = { v = 'v' }", "windows = ['10s']"));
        return PipelineConfiguration.load(file.toString());
    }

    /** As an authority of one's own has it. */
    private Path certificates() throws Exception {
        return new Certificate(folder).pem();
    }
}
