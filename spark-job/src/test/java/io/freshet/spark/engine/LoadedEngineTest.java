package io.freshet.spark.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.reflect.Proxy;
import java.util.List;
import org.junit.jupiter.api.Test;

class LoadedEngineTest {
    /** An engine that says for which line it is, and does nothing else. */
    private static SparkEngine engine(String line) {
        return (SparkEngine) Proxy.newProxyInstance(LoadedEngineTest.class.getClassLoader(),
            new Class<?>[] {SparkEngine.class}, (proxy, method, arguments) -> {
                assertEquals("sparkLine", method.getName());
                return line;
            });
    }

    @Test
    void theOneOfTheRunningVersionIsTaken() {
        SparkEngine older = engine("4.2");
        SparkEngine newer = engine("4.20");
        assertSame(older, LoadedEngine.choose(List.of(newer, older), "4.2.7"));
        assertSame(newer, LoadedEngine.choose(List.of(older, newer), "4.20.0"));
        String version = org.apache.spark.package$.MODULE$.SPARK_VERSION();
        assertTrue(version.startsWith(SparkEngine.current().sparkLine() + "."), version);
    }

    @Test
    void onAnotherVersionTheFirstOneHasATryAndAJarWithoutAnyIsRefused() {
        SparkEngine only = engine("4.2");
        assertSame(only, LoadedEngine.choose(List.of(only), "5.0.0"));
        var thrown = assertThrows(IllegalStateException.class, () -> LoadedEngine.choose(List.of(), "4.2.0"));
        assertTrue(thrown.getMessage().contains("take freshet-spark-all.jar as it is built"), thrown::getMessage);
    }
}
