package io.freshet.spark.configuration;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.freshet.spark.nativelib.ConfigurationException;
import io.freshet.spark.nativelib.NativeConfiguration;
import io.freshet.spark.nativelib.NativeContract;
import java.io.IOException;
import java.io.Serializable;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * What the job needs of the validated configuration.
 *
 * @param kafka Kafka client properties: address and security; they hold secrets
 * @param deadLettersTopic topic for rejected records
 * @param healthTopic topic for health reports
 * @param topics the topics to create when missing
 * @param spark settings of all queries
 * @param streams the streams, in the order of the file
 * @param registryPassword the password for the schema registry, where there is one
 */
public record PipelineConfiguration(
    Map<String, String> kafka,
    String deadLettersTopic,
    String healthTopic,
    List<Topic> topics,
    Spark spark,
    List<Stream> streams,
    Optional<String> registryPassword) {

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String LOGIN = "sasl.jaas.config";
    private static final String PASSWORD = " password=\"";

    /** Leaves out the Kafka properties: they hold secrets. */
    @Override
    public String toString() {
        return "PipelineConfiguration[streams=" + streams + "]";
    }

    /** What must not get into logs and reports. */
    public List<String> secrets() {
        List<String> secrets = new ArrayList<>();
        String login = kafka.get(LOGIN);
        if (login != null) {
            String password = login.substring(login.indexOf(PASSWORD) + PASSWORD.length(), login.lastIndexOf('"'));
            secrets.addAll(List.of(login, password, unquote(password)));
        }
        registryPassword.ifPresent(secrets::add);
        return secrets.stream().filter(text -> !text.isEmpty()).toList();
    }

    /** A topic and how it is created. */
    public record Topic(String name, int partitions, short replicationFactor, Map<String, String> settings) {}

    /** Settings of all queries. */
    public record Spark(
        long triggerMillis,
        int shufflePartitions,
        Optional<Long> maxOffsetsPerTrigger,
        String checkpointLocation,
        boolean rocksdb) {}

    /**
     * A stream.
     *
     * @param rawTopics the topics that have its records, at least one; a star in a name stands for any characters
     * @param json the whole stream, as the native library takes it
     */
    public record Stream(
        String name,
        List<String> rawTopics,
        String windowsTopic,
        List<String> windows,
        long latenessMillis,
        int generation,
        String json) implements Serializable {

        /** Leaves out the rest: it may have the password for the schema registry. */
        @Override
        public String toString() {
            return "Stream[name=" + name + ", windows=" + windows + "]";
        }

        /** Its topics for people, and in place of a record's where that is not told. */
        public String shownTopics() {
            return String.join(", ", rawTopics);
        }

        /** Whether the topic that a record was delivered by names the series. */
        public boolean namesTopic() {
            return seriesParts().contains(NativeContract.get().seriesParts().topic());
        }

        /** Whether headers of records name the series. */
        public boolean readsHeaders() {
            String header = NativeContract.get().seriesParts().header();
            return seriesParts().stream().anyMatch(part -> part.startsWith(header));
        }

        private List<String> seriesParts() {
            List<String> parts = new ArrayList<>();
            fields().get("series").forEach(part -> parts.add(part.textValue()));
            return parts;
        }

        /** The names of the metrics, in the order of the native library. */
        public List<String> metrics() {
            List<String> metrics = new ArrayList<>();
            fields().get("values").forEach(metric -> metrics.add(metric.get(0).textValue()));
            return metrics;
        }

        /** The same stream with other kinds of windows. */
        public Stream withWindows(List<String> others) {
            ObjectNode changed = fields();
            others.forEach(changed.putArray("windows")::add);
            return new Stream(name, rawTopics, windowsTopic, List.copyOf(others), latenessMillis, generation,
                changed.toString());
        }

        private ObjectNode fields() {
            try {
                return (ObjectNode) JSON.readTree(json);
            } catch (JsonProcessingException e) {
                throw new IllegalStateException("the native library's answer is not JSON", e);
            }
        }
    }

    /**
     * Reads and validates {@code freshet.toml}.
     *
     * @throws ConfigurationException when something in it is wrong
     */
    public static PipelineConfiguration load(String path) {
        JsonNode root;
        try {
            root = JSON.readTree(NativeConfiguration.load(path));
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("the native library's answer is not JSON", e);
        }
        JsonNode config = root.get("config");
        JsonNode kafka = config.get("kafka");
        JsonNode names = root.get("topic_names");
        List<Stream> streams = new ArrayList<>();
        config.get("streams").forEach(stream -> {
            JsonNode own = names.get("streams").get(stream.get("name").textValue());
            List<String> raw = new ArrayList<>();
            own.get("raw").forEach(topic -> raw.add(topic.textValue()));
            streams.add(readStream(stream, List.copyOf(raw), own.get("windows").textValue()));
        });
        List<Topic> topics = new ArrayList<>();
        root.get("topics").forEach(topic -> topics.add(readTopic(topic)));
        return new PipelineConfiguration(readKafka(kafka), names.get("dead_letters").textValue(),
            names.get("health").textValue(), topics, readSpark(config.get("spark")), streams,
            Optional.ofNullable(config.at("/schema_registry/password").textValue()));
    }

    /**
     * The streams of these names.
     *
     * @throws ConfigurationException when there is no stream of one of the names
     */
    public List<Stream> select(List<String> names) {
        for (String name : names) {
            if (streams.stream().noneMatch(stream -> stream.name().equals(name))) {
                throw new ConfigurationException("there is no stream '" + name + "'; there are: "
                    + streams.stream().map(Stream::name).collect(Collectors.joining(", ")));
            }
        }
        return streams.stream().filter(stream -> names.isEmpty() || names.contains(stream.name())).toList();
    }

    /** A stream that was validated by itself. */
    public static Stream readStream(String json) {
        try {
            JsonNode stream = JSON.readTree(json);
            NativeContract.StreamTopics topics = NativeContract.topics(stream.get("name").textValue());
            return readStream(stream, topics.raw(), topics.windows());
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("the native library's answer is not JSON", e);
        }
    }

    private static Stream readStream(JsonNode stream, List<String> rawTopics, String windowsTopic) {
        String name = stream.get("name").textValue();
        List<String> windows = new ArrayList<>();
        stream.get("windows").forEach(window -> windows.add(window.textValue()));
        return new Stream(name, rawTopics, windowsTopic, List.copyOf(windows),
            stream.get("lateness").longValue(), stream.get("generation").intValue(), stream.toString());
    }

    private static Topic readTopic(JsonNode topic) {
        Map<String, String> settings = new LinkedHashMap<>();
        topic.get("settings").forEach(pair -> settings.put(pair.get(0).textValue(), pair.get(1).textValue()));
        return new Topic(topic.get("name").textValue(), topic.get("partitions").intValue(),
            topic.get("replication_factor").shortValue(), settings);
    }

    private static Spark readSpark(JsonNode spark) {
        JsonNode most = spark.get("max_offsets_per_trigger");
        return new Spark(spark.get("trigger").longValue(), spark.get("shuffle_partitions").intValue(),
            most.isNull() ? Optional.empty() : Optional.of(most.longValue()),
            spark.get("checkpoint_location").textValue(), spark.get("state_store").textValue().equals("rocksdb"));
    }

    private static Map<String, String> readKafka(JsonNode kafka) {
        JsonNode security = kafka.get("security");
        Map<String, String> properties = new LinkedHashMap<>();
        properties.put("bootstrap.servers", kafka.get("bootstrap_servers").textValue());
        properties.put("security.protocol", security.get("protocol").textValue());
        if (!security.get("sasl_mechanism").isNull()) {
            String mechanism = security.get("sasl_mechanism").textValue();
            properties.put("sasl.mechanism", mechanism);
            properties.put(LOGIN, loginModule(mechanism) + " required username=\""
                + quote(security.get("username").textValue()) + "\"" + PASSWORD
                + quote(security.get("password").textValue()) + "\";");
        }
        if (!security.get("ca_file").isNull()) {
            properties.put("ssl.truststore.type", "PEM");
            properties.put("ssl.truststore.certificates", readCertificates(security.get("ca_file").textValue()));
        }
        return properties;
    }

    /** The text and not the path: executors on other machines have no such file. */
    private static String readCertificates(String path) {
        try {
            return Files.readString(Path.of(path));
        } catch (IOException | InvalidPathException e) {
            throw new ConfigurationException("kafka.security.ca_file: the file '" + path + "' cannot be read (" + e
                + "): name a file of certificates in PEM format that this process may read");
        }
    }

    private static String loginModule(String mechanism) {
        return mechanism.equals("PLAIN")
            ? "org.apache.kafka.common.security.plain.PlainLoginModule"
            : "org.apache.kafka.common.security.scram.ScramLoginModule";
    }

    private static String quote(String text) {
        return text.replace("\\", "\\\\").replace("\"", "\\\"");
    }

    private static String unquote(String text) {
        return text.replace("\\\"", "\"").replace("\\\\", "\\");
    }
}
