package io.freshet.spark.job;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.freshet.spark.LocalCheckpoints;
import org.apache.spark.SparkConf;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SparkSettingsTest {
    private static final String MANAGER = "spark.sql.streaming.checkpointFileManagerClass";
    private static final String FILE_SYSTEM = "spark.hadoop.fs.file.impl";

    /** No such name node answers: nobody may ask it. */
    @ParameterizedTest
    @CsvSource({
        "/var/freshet,                 ,             true",
        "state/checkpoints,            ,             true",
        "/with space/and:colon,        ,             true",
        "file:/var/freshet,            ,             true",
        "file:///var/freshet,          ,             true",
        "file:///var/freshet,          hdfs://nn.invalid:8020, true",
        "hdfs://nn.invalid/freshet,    ,             false",
        "hdfs:/freshet,                ,             false",
        "s3a://bucket/freshet,         ,             false",
        "/var/freshet,                 hdfs://nn.invalid:8020, false",
        "state/checkpoints,            s3a://bucket, false",
        "/var/freshet,                 file:///,     true",
    })
    void aCheckpointIsLocalWhereHadoopWouldFindItSo(String location, String defaultFileSystem, boolean local) {
        SparkConf settings = new SparkConf(false);
        if (defaultFileSystem != null) {
            settings.set("spark.hadoop.fs.defaultFS", defaultFileSystem);
        }
        assertEquals(local, SparkSettings.isLocalFolder(location, settings));
    }

    @ParameterizedTest
    @CsvSource({
        "file:///var/freshet,       true",
        "/var/freshet,              true",
        "hdfs://nn.invalid/freshet, false",
    })
    void onlyALocalCheckpointIsWrittenWithoutProcesses(String location, boolean local) {
        SparkConf defaults = SparkSettings.defaults(2, location, false);
        assertEquals(local, defaults.contains(MANAGER));
        assertEquals(local ? LocalCheckpoints.class.getName() : "", defaults.get(FILE_SYSTEM, ""));
    }
}
