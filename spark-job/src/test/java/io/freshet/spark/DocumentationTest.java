package io.freshet.spark;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.freshet.spark.testing.LocalSpark;
import java.io.StringWriter;
import java.lang.reflect.Method;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.tools.JavaCompiler;
import javax.tools.ToolProvider;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.streaming.StreamingQuery;
import org.apache.spark.sql.streaming.Trigger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/** Every example of docs/spark.md does what it says. */
class DocumentationTest {
    private static final Path DOCUMENT = Path.of("docs/spark.md");
    private static final Pattern BLOCK = Pattern.compile("(?ms)^```(\\w+)\\n(.*?)^```$");

    private static SparkSession spark;

    private record Block(String language, String text) {}

    @BeforeAll
    static void start() {
        spark = LocalSpark.startWithExtensions();
    }

    @AfterAll
    static void stop() {
        spark.stop();
    }

    private static List<Block> blocks() throws Exception {
        List<Block> blocks = new ArrayList<>();
        Matcher matcher = BLOCK.matcher(Files.readString(DOCUMENT));
        while (matcher.find()) {
            blocks.add(new Block(matcher.group(1), matcher.group(2)));
        }
        return blocks;
    }

    /** A block of SQL that a block of text follows gives that. They build on each other, as a reader runs them. */
    @TestFactory
    Stream<DynamicTest> everyQueryGivesTheResultThatIsShown() throws Exception {
        List<Block> blocks = blocks();
        List<DynamicTest> tests = new ArrayList<>();
        for (int index = 0; index < blocks.size(); index++) {
            Block block = blocks.get(index);
            boolean shown = index + 1 < blocks.size() && blocks.get(index + 1).language().equals("text");
            String expected = shown ? blocks.get(index + 1).text() : null;
            if (block.language().equals("sql")) {
                tests.add(DynamicTest.dynamicTest(block.text().lines().findFirst().orElse(""), () -> {
                    Dataset<Row> result = spark.sql(block.text());
                    if (expected != null) {
                        assertEquals(expected, ((org.apache.spark.sql.classic.Dataset<Row>) result)
                            .showString(20, 0, false).stripTrailing() + "\n");
                    }
                }));
            }
        }
        assertTrue(tests.size() >= 4, () -> tests.size() + " queries");
        return tests.stream();
    }

    @Test
    @SuppressWarnings("unchecked")
    void theJavaExampleCompilesAndRuns(@TempDir Path folder) throws Exception {
        List<Block> java = blocks().stream().filter(block -> block.language().equals("java")).toList();
        assertEquals(1, java.size());
        Path input = Files.createDirectory(folder.resolve("input"));
        String row = "{'partition':0,'offset':%d,'timestamp':'2026-01-01T00:00:05Z',"
            + "'value':'{~site~:~n~,~at~:176722560%d000,~temp~:%d}'}%n";
        String rows = row.formatted(0, 0, 1) + row.formatted(1, 1, 3);
        Files.writeString(input.resolve("records.json"), rows.replace("'", "\"").replace("~", "\\\""));
        Dataset<Row> windows;
        try (URLClassLoader classes = new URLClassLoader(new URL[] {folder.toUri().toURL()})) {
            compile(folder, java.get(0).text());
            Method method = classes.loadClass("Example").getMethod("windows", SparkSession.class, String.class);
            windows = (Dataset<Row>) method.invoke(null, spark, input.toString());
        }
        StreamingQuery query = windows.writeStream().outputMode("update").format("memory").queryName("example")
            .option("checkpointLocation", folder.resolve("checkpoint").toString())
            .trigger(Trigger.AvailableNow()).start();
        query.awaitTermination();
        Dataset<Row> tenSeconds = spark.sql("SELECT series, metric, count, avg FROM example WHERE window = '10s'");
        assertEquals("[[n,temperature,2,2.0]]", tenSeconds.collectAsList().toString());
        assertEquals(6, spark.table("example").where("window = '1m/10s'").count());
    }

    private static void compile(Path folder, String source) throws Exception {
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        Path file = Files.writeString(folder.resolve("Example.java"), source);
        StringWriter messages = new StringWriter();
        try (var files = compiler.getStandardFileManager(null, null, null)) {
            List<String> options = List.of("-d", folder.toString(), "-Xlint:all", "-classpath",
                System.getProperty("java.class.path"));
            boolean compiled =
                compiler.getTask(messages, files, null, options, null, files.getJavaFileObjects(file)).call();
            assertTrue(compiled, messages::toString);
        }
    }
}
