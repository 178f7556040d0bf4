package io.freshet.spark;

import static com.tngtech.archunit.base.DescribedPredicate.describe;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchRule;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Which room may depend on which, and that Spark's internals stay in theirs. The package-info of each room says the
 * same.
 */
class RoomsTest {
    private static final String ROOT = "io.freshet.spark";
    private static final Path SOURCES = Path.of("spark-job/src/main/java");
    private static final Path ROOT_FOLDER = SOURCES.resolve(ROOT.replace('.', '/'));
    private static final JavaClasses CLASSES =
        new ClassFileImporter().withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPath(Path.of("build/classes/java/main"));

    /** The rooms, and the others on which each may depend. */
    private static final Map<String, Set<String>> ROOMS = Map.of(
        "nativelib", Set.of(),
        "engine", Set.of("nativelib"),
        "configuration", Set.of("nativelib"),
        "kafka", Set.of("configuration", "engine", "nativelib"),
        "rejected", Set.of("kafka", "nativelib"),
        "windows", Set.of("configuration", "engine", "nativelib", "rejected"),
        "health", Set.of("configuration", "engine", "nativelib"),
        "job", Set.of("configuration", "engine", "health", "kafka", "nativelib", "rejected", "windows"));

    /** The public interface: it stands in the root, and nothing else does. */
    private static final Set<String> INTERFACE = Set.of("Freshet", "FreshetExtensions", "FreshetPlugin", "JobHealth",
        "LocalCheckpoints", "RejectedRecords", "StreamSpec", "WindowedAverages");

    /**
     * What Spark and Kafka's client keep stable, by the beginning of the name: packages that their documentation
     * has, and single classes marked as {@code DeveloperApi} or {@code Evolving}. A nested class goes with its own.
     */
    private static final List<String> PUBLIC = List.of(
        "org.apache.spark.api.java.", "org.apache.spark.api.plugin.", "org.apache.spark.sql.streaming.",
        "org.apache.spark.sql.types.", "org.apache.spark.SparkConf", "org.apache.spark.SparkContext",
        "org.apache.spark.SparkEnv",
        "org.apache.spark.SparkJobInfo", "org.apache.spark.SparkStageInfo", "org.apache.spark.SparkStatusTracker",
        "org.apache.spark.SparkThrowable", "org.apache.spark.JobExecutionStatus", "org.apache.spark.TaskContext",
        "org.apache.spark.package",
        "org.apache.spark.scheduler.SparkListener", "org.apache.spark.scheduler.SparkListenerApplicationEnd",
        "org.apache.spark.scheduler.SparkListenerExecutorRemoved",
        "org.apache.spark.scheduler.SparkListenerInterface",
        "org.apache.spark.util.LongAccumulator", "org.apache.spark.util.TaskCompletionListener",
        "org.apache.spark.sql.Column", "org.apache.spark.sql.Dataset", "org.apache.spark.sql.DataFrameReader",
        "org.apache.spark.sql.Encoder", "org.apache.spark.sql.Encoders",
        "org.apache.spark.sql.KeyValueGroupedDataset", "org.apache.spark.sql.RelationalGroupedDataset",
        "org.apache.spark.sql.Row", "org.apache.spark.sql.RowFactory", "org.apache.spark.sql.RuntimeConfig",
        "org.apache.spark.sql.SparkSession", "org.apache.spark.sql.SparkSessionExtensions",
        "org.apache.spark.sql.TypedColumn", "org.apache.spark.sql.functions",
        "org.apache.kafka.clients.admin.", "org.apache.kafka.clients.producer.",
        "org.apache.kafka.common.KafkaException",
        "org.apache.kafka.common.KafkaFuture", "org.apache.kafka.common.TopicPartition",
        "org.apache.kafka.common.TopicPartitionInfo", "org.apache.kafka.common.Node", "org.apache.kafka.common.Uuid",
        "org.apache.kafka.common.config.", "org.apache.kafka.common.errors.", "org.apache.kafka.common.header.Header",
        "org.apache.kafka.common.header.Headers",
        "org.apache.kafka.common.security.plain.PlainLoginModule",
        "org.apache.kafka.common.security.scram.ScramLoginModule", "org.apache.kafka.common.serialization.");

    private static final Pattern NAME_OF_OTHERS = Pattern.compile("org\\.apache\\.(spark|kafka)\\.[\\w.]+\\w");

    static Stream<String> rooms() {
        return ROOMS.keySet().stream().sorted();
    }

    @ParameterizedTest
    @MethodSource("rooms")
    void aRoomDependsOnlyOnThoseItMay(String room) {
        Set<String> others = new TreeSet<>(ROOMS.keySet());
        others.removeAll(ROOMS.get(room));
        others.remove(room);
        ArchRule rule = noClasses().that().resideInAPackage(packages(room)).should().dependOnClassesThat()
            .resideInAnyPackage(Stream.concat(Stream.of(ROOT), others.stream().map(RoomsTest::packages))
                .toArray(String[]::new));
        rule.check(CLASSES);
    }

    private static String packages(String room) {
        return ROOT + "." + room + "..";
    }

    @Test
    void everyClassIsInARoomAndTheInterfaceIsAlone() {
        Set<String> rooms = new TreeSet<>();
        Set<String> root = new TreeSet<>();
        CLASSES.stream().filter(type -> type.isTopLevelClass() && !type.getSimpleName().equals("package-info"))
            .forEach(type -> {
                String inner = type.getPackageName().substring(ROOT.length());
                (inner.isEmpty() ? root : rooms).add(inner.isEmpty() ? type.getSimpleName() : inner.split("\\.")[1]);
            });
        assertEquals(new TreeSet<>(ROOMS.keySet()), rooms);
        assertEquals(new TreeSet<>(INTERFACE), root);
    }

    @Test
    void packagesHaveNoCycles() {
        slices().matching(ROOT + ".(**)").should().beFreeOfCycles().check(CLASSES);
    }

    @Test
    void onlyItsServiceFileNamesTheEngineOfOneVersion() {
        noClasses().that().resideOutsideOfPackage(packages("engine.spark42")).should().dependOnClassesThat()
            .resideInAPackage(packages("engine.spark42")).check(CLASSES);
    }

    @Test
    void internalsOfSparkAndOfKafkasClientAreUsedInTheirRoomOnly() {
        DescribedPredicate<JavaClass> internal = describe("are internal to Spark or to Kafka's client",
            type -> isOfOthers(type.getName()) && !isPublic(type.getName()));
        noClasses().that().resideOutsideOfPackage(packages("engine.spark42")).should().dependOnClassesThat(internal)
            .check(CLASSES);
    }

    /** Names in texts too: a setting that names a class of Spark's breaks as its import would. */
    @Test
    void noSourceOutsideOfTheRoomNamesInternals() throws IOException {
        Path room = ROOT_FOLDER.resolve("engine/spark42");
        List<Path> sources;
        try (Stream<Path> files = Files.walk(SOURCES)) {
            sources = files.filter(file -> file.toString().endsWith(".java") && !file.startsWith(room)).toList();
        }
        assertTrue(sources.size() > 40, () -> sources.size() + " files");
        for (Path source : sources) {
            Set<String> internals = NAME_OF_OTHERS.matcher(Files.readString(source)).results().map(MatchResult::group)
                .filter(name -> !isPublic(name)).collect(Collectors.toSet());
            assertEquals(Set.of(), internals, source.toString());
        }
    }

    @Test
    void everyPackageSaysWhatItIsFor() throws IOException {
        try (Stream<Path> files = Files.walk(ROOT_FOLDER)) {
            Set<Path> packages = files.filter(Files::isRegularFile).map(Path::getParent).collect(Collectors.toSet());
            for (Path folder : packages) {
                assertTrue(Files.exists(folder.resolve("package-info.java")), folder.toString());
            }
        }
        for (String room : ROOMS.keySet()) {
            String said = Files.readString(ROOT_FOLDER.resolve(room).resolve("package-info.java"));
            assertTrue(said.contains("May depend on"), room);
            assertFalse(ROOMS.get(room).size() < ROOMS.size() - 1
                && !ROOMS.get(room).stream().allMatch(other -> said.contains("{@code " + other + "}")), room);
        }
    }

    private static boolean isOfOthers(String name) {
        return name.startsWith("org.apache.spark.") || name.startsWith("org.apache.kafka.");
    }

    private static boolean isPublic(String name) {
        return PUBLIC.stream().anyMatch(known -> known.endsWith(".") ? name.startsWith(known)
            : name.equals(known) || name.startsWith(known + "$") || name.startsWith(known + "."));
    }
}
