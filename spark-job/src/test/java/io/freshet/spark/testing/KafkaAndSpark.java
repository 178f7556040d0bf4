package io.freshet.spark.testing;

import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;

/**
 * What tests of whole queries start from: a broker and a session of their own, from the first test of a class to its
 * last.
 */
public abstract class KafkaAndSpark {
    /** For whatever the tests keep; the broker has its data there. */
    @TempDir
    protected static Path folder;

    /** Classes run one after the other, so that these are always those of the running one. */
    protected static KafkaBroker broker;
    /** See {@link LocalSpark}. */
    protected static SparkSession spark;

    @BeforeAll
    static void startServices() throws Exception {
        broker = new KafkaBroker(Files.createDirectory(folder.resolve("kafka")));
        spark = LocalSpark.start();
    }

    @AfterAll
    static void stopServices() throws Exception {
        spark.stop();
        broker.stop();
    }
}
