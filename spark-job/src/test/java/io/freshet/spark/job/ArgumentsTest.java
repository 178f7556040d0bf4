package io.freshet.spark.job;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ArgumentsTest {
    @Test
    void readsTheConfigurationAndTheStreams() {
        assertEquals(new Arguments("freshet.toml", List.of("host", "sensors"), false),
            Arguments.parse("--stream", "host", "-c", "freshet.toml", "--stream", "sensors"));
    }

    @Test
    void helpNeedsNothingElse() {
        assertTrue(Arguments.parse("--help").help());
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "-c", "-c a --stream", "-c a extra"})
    void saysWhatIsWrongAndWhereHelpIs(String line) {
        String[] words = line.isEmpty() ? new String[0] : line.split(" ");
        var thrown = assertThrows(IllegalArgumentException.class, () -> Arguments.parse(words));
        assertTrue(thrown.getMessage().endsWith("see --help"), thrown.getMessage());
    }
}
