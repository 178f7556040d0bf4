package io.freshet.spark.job;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The names alone; {@link RawTopicsTest} finds topics of a real broker by them. */
class TopicNamesTest {
    /** As freshet-core understands patterns: rust/freshet-core/src/pattern.rs. */
    @ParameterizedTest
    @CsvSource({"sensors.*, sensors.eu, true", "sensors.*, sensors., true", "sensors.*, sensorsXeu, false",
        "sensors.*, my.sensors.eu, false", "*.eu, sensors.eu, true", "*.eu, sensors.eu.1, false", "a*a, a, false",
        "a*b*c, a-b-b-c, true", "a*b*c, a-c-b, false", "sensors.eu, sensors.eu, false"})
    void aStarStandsForAnyCharacters(String pattern, String name, boolean expected) {
        assertEquals(expected, new TopicNames(Map.of(), List.of("other", pattern)).isFound(name));
    }

    @Test
    void namesWithoutAStarAreTakenAsTheyAreAndNobodyIsAsked() {
        List<String> named = List.of("b", "a");
        assertEquals(named, new TopicNames(Map.of(), named).find(List.of("c"), Duration.ZERO));
    }
}
