package io.freshet.spark.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** A real broker in a process of its own, with its data in a folder. */
public final class KafkaBroker {
    /** Gradle writes it: the jars of the embedded broker. */
    private static final Path JARS = Path.of("build/classpaths/kafka.txt");
    private static final String CLUSTER_ID = "MkU3OEVBNTcwNTJENDM2Qk";

    /** Name and password of who may speak SASL. */
    private static final String USER = "job";
    private static final String PASSWORD = "its password";

    private final Path folder;
    private final String address;
    private final String secureAddress;
    private final String saslAddress;
    private final String controller;
    private final Process process;

    /** Starts a broker and waits until it answers. */
    public KafkaBroker(Path folder) throws IOException, InterruptedException {
        this(folder, null);
    }

    /** @param certificate by which the broker identifies itself where it speaks TLS; null for where it does not */
    public KafkaBroker(Path folder, Certificate certificate) throws IOException, InterruptedException {
        this(folder, certificate, 0);
    }

    /** @param port where it listens; 0 for a free one */
    public KafkaBroker(Path folder, Certificate certificate, int port) throws IOException, InterruptedException {
        this(folder, certificate, port, null);
    }

    private KafkaBroker(Path folder, Certificate certificate, int port, KafkaBroker first)
        throws IOException, InterruptedException {
        this.folder = folder;
        try (ServerSocket client = new ServerSocket(port, 1, InetAddress.getLoopbackAddress());
            ServerSocket controls = freePort(); ServerSocket secure = freePort(); ServerSocket sasl = freePort()) {
            address = "127.0.0.1:" + client.getLocalPort();
            secureAddress = "127.0.0.1:" + secure.getLocalPort();
            saslAddress = "127.0.0.1:" + sasl.getLocalPort();
            controller = first == null ? "127.0.0.1:" + controls.getLocalPort() : first.controller;
            Files.writeString(folder.resolve("server.properties"), properties(certificate, first == null));
        }
        run("kafka.tools.StorageTool", "format", "--cluster-id", CLUSTER_ID, "--config").waitFor();
        process = run("kafka.Kafka");
        Runtime.getRuntime().addShutdownHook(new Thread(process::destroyForcibly));
        Waiting.until(this::answers, () -> "the broker does not answer: " + log());
    }

    /** A second broker of the same cluster: it has the id 2, and the first one 1. */
    public KafkaBroker second(Path itsFolder) throws IOException, InterruptedException {
        return new KafkaBroker(itsFolder, null, 0, this);
    }

    /** The file in which a partition begins, with its indexes beside it. */
    public Path firstSegment(String topic, int partition) {
        return folder.resolve("log").resolve(topic + "-" + partition).resolve("00000000000000000000.log");
    }

    /** Host and port of the broker. */
    public String address() {
        return address;
    }

    /** The same where it speaks TLS. */
    public String secureAddress() {
        return secureAddress;
    }

    /** The same where it speaks TLS, and wants to know who is there: see {@link #login}. */
    public String saslAddress() {
        return saslAddress;
    }

    /** What a client says to be let in, by SASL's mechanism PLAIN. */
    public static String login(boolean rightly) {
        return "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"" + USER
            + "\" password=\"" + (rightly ? PASSWORD : "another one") + "\";";
    }

    /** All that a topic holds. */
    public List<ConsumerRecord<byte[], byte[]>> read(String topic) {
        try (var consumer = new KafkaConsumer<>(Map.<String, Object>of("bootstrap.servers", address),
            new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            List<TopicPartition> partitions = consumer.partitionsFor(topic).stream()
                .map(partition -> new TopicPartition(topic, partition.partition())).toList();
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
            List<ConsumerRecord<byte[], byte[]>> records = new ArrayList<>();
            while (partitions.stream().anyMatch(partition -> consumer.position(partition) < ends.get(partition))) {
                consumer.poll(Duration.ofSeconds(1)).forEach(records::add);
            }
            return records;
        }
    }

    /** Stops the process in its tracks, as a machine that hangs: connections stay, and nothing answers. */
    public void pause() throws IOException, InterruptedException {
        signal("STOP");
    }

    /** Lets it go on. */
    public void resume() throws IOException, InterruptedException {
        signal("CONT");
    }

    private void signal(String name) throws IOException, InterruptedException {
        new ProcessBuilder("kill", "-" + name, Long.toString(process.pid())).start().waitFor();
    }

    /** Ends the process. */
    public void stop() throws InterruptedException {
        process.destroy();
        if (!process.waitFor(10, TimeUnit.SECONDS)) {
            process.destroyForcibly().waitFor();
        }
    }

    private String properties(Certificate certificate, boolean controls) {
        String secure = certificate == null ? "" : ",SSL://" + secureAddress + ",SASL_SSL://" + saslAddress;
        return String.join("\n", "process.roles=broker" + (controls ? ",controller" : ""),
            "node.id=" + (controls ? 1 : 2),
            "controller.quorum.voters=1@" + controller, "controller.listener.names=CONTROLLER",
            "listeners=PLAINTEXT://" + address + secure + (controls ? ",CONTROLLER://" + controller : ""),
            "advertised.listeners=PLAINTEXT://" + address + secure,
            "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL",
            certificate == null ? "" : certificate.ofBroker(),
            "sasl.enabled.mechanisms=PLAIN",
            "listener.name.sasl_ssl.plain.sasl.jaas.config=" + login(true).replace("required",
                "required user_" + USER + "=\"" + PASSWORD + "\""),
            "log.dirs=" + folder.resolve("log"), "offsets.topic.replication.factor=1",
            "transaction.state.log.replication.factor=1", "transaction.state.log.min.isr=1",
            // What may be compacted is compacted at once.
            "log.cleaner.backoff.ms=100",
            "auto.create.topics.enable=false", "");
    }

    private Process run(String mainClass, String... arguments) throws IOException {
        List<String> command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin/java").toString(),
            "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", mainClass));
        command.addAll(List.of(arguments));
        command.add(folder.resolve("server.properties").toString());
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.appendTo(folder.resolve("broker.log").toFile()));
        // As a variable: the class path would not fit a command line.
        builder.environment().put("CLASSPATH", String.join(":", Files.readAllLines(JARS)));
        return builder.start();
    }

    private boolean answers() {
        if (!process.isAlive()) {
            throw new IllegalStateException("the broker has ended: " + log());
        }
        Map<String, Object> properties = new HashMap<>(Map.of("bootstrap.servers", address,
            "default.api.timeout.ms", "1000", "request.timeout.ms", "1000"));
        try (Admin admin = Admin.create(properties)) {
            return !admin.describeCluster().nodes().get().isEmpty();
        } catch (ExecutionException e) {
            return false;
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private String log() {
        try {
            return Files.readString(folder.resolve("broker.log"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** A port that nobody has, for a broker that starts later. */
    public static int portOfNobody() throws IOException {
        try (ServerSocket nobody = freePort()) {
            return nobody.getLocalPort();
        }
    }

    private static ServerSocket freePort() throws IOException {
        return new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
    }
}
