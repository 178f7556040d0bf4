package io.freshet.spark.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.reflect.Proxy;
import java.util.List;
import java.util.Optional;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

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
    void onAnotherVersionTheNearestOneHasATry() {
        SparkEngine older = engine("4.2");
        SparkEngine newer = engine("4.10");
        List<SparkEngine> both = List.of(newer, older);
        assertSame(newer, LoadedEngine.choose(both, "5.0.0"));
        assertSame(newer, LoadedEngine.choose(both, "4.11.0-SNAPSHOT"));
        assertSame(older, LoadedEngine.choose(both, "4.9.3"));
        assertSame(older, LoadedEngine.choose(both, "4.1.0"));
    }

    /** One that is for another Spark must not keep the right one from being found. */
    @ParameterizedTest
    @ValueSource(classes = {ServiceConfigurationError.class, NoClassDefFoundError.class})
    void anEngineThatCannotBeMadeHereIsPassedOver(Class<? extends Error> failure) throws Exception {
        Error error = failure.getConstructor(String.class).newInstance("org/apache/spark/Elsewhere");
        assertEquals(Optional.empty(), LoadedEngine.made(provider(() -> {
            throw error;
        })));
        SparkEngine engine = engine("4.2");
        assertEquals(Optional.of("4.2"), LoadedEngine.made(provider(() -> engine)).map(SparkEngine::sparkLine));
    }

    private static ServiceLoader.Provider<SparkEngine> provider(Supplier<SparkEngine> engine) {
        return new ServiceLoader.Provider<>() {
            @Override
            public Class<? extends SparkEngine> type() {
                return SparkEngine.class;
            }

            @Override
            public SparkEngine get() {
                return engine.get();
            }
        };
    }

    @Test
    void aJarWithoutAnyIsRefused() {
        var thrown = assertThrows(IllegalStateException.class, () -> LoadedEngine.choose(List.of(), "4.2.0"));
        assertTrue(thrown.getMessage().contains("freshet-spark-all.jar as it is built"), thrown::getMessage);
    }
}
