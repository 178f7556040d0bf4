package io.freshet.spark.job;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.freshet.spark.testing.KafkaAndSpark;
import java.util.Map;
import org.apache.spark.sql.execution.streaming.runtime.StreamingQueryWrapper;
import org.junit.jupiter.api.Test;

/** The state of a query has as many partitions as it was begun with, whatever the setting is later. */
class StatePartitionsTest extends KafkaAndSpark {
    /** With a second shuffle, the counters are added up in a stage that Spark may repeat. */
    @Test
    void aQueryShufflesOnceThoughTheSettingHasChangedAndSaysThatItHasNoEffect() throws Exception {
        try (var stream = new SupervisedStream(spark, broker, folder, "changed", "trigger = '0s'")) {
            stream.start();
            stream.send("s", 2, 100);
            stream.awaitCounted("s", 100);
            assertEquals(0, stream.report().path("notices").size());
            stream.stop();
            for (String setting : new String[] {"5", "1"}) {
                stream.session().conf().set("spark.sql.shuffle.partitions", setting);
                stream.start();
                stream.send("s" + setting, 2, 100);
                stream.awaitCounted("s" + setting, 100);
                String plan = ((StreamingQueryWrapper) stream.session().streams().active()[0]).streamingQuery()
                    .explainInternal(false);
                assertEquals(1, plan.lines().filter(line -> line.contains("Exchange ")).count(), plan);
                String notices = stream.report().path("notices").toString();
                assertTrue(
                    notices.contains("spark.shuffle_partitions is " + setting + ", but the state in the checkpoint")
                        && notices.contains("has 2 partitions"), notices);
                stream.stop();
            }
            assertEquals(Map.of("s", 100L, "s5", 100L, "s1", 100L), stream.counted());
        }
    }
}
