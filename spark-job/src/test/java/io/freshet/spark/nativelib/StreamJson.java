package io.freshet.spark.nativelib;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Makes the JSON of a stream as the job gets it: through the validator. */
public final class StreamJson {
    private StreamJson() {}

    /** @param lines of a {@code [[stream]]} table whose name is {@code s} */
    public static String of(String... lines) throws IOException {
        Path file = Files.createTempFile("freshet-test-", ".toml");
        try {
            Files.writeString(file, "[[stream]]\nname = \"s\"\n" + String.join("\n", lines));
            return new ObjectMapper().readTree(NativeConfiguration.load(file.toString()))
                .at("/config/streams/0").toString();
        } finally {
            Files.delete(file);
        }
    }
}
