package io.freshet.spark.job;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.freshet.spark.configuration.PipelineConfiguration;
import io.freshet.spark.engine.Checkpoint;
import io.freshet.spark.health.StreamHealth;
import io.freshet.spark.nativelib.NativeWindowState;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.Stream;
import org.apache.spark.api.java.function.MapFunction;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import scala.Tuple2;

/**
 * What a changed list of windows means for a stream that goes on from its checkpoint.
 *
 * <p>A kind of window that is new has no state: those of its windows that start no later than the newest event that was
 * read before may lack readings, and are marked as partial. A kind that was taken away goes on until those of its
 * windows that were open then have ended. The file {@code freshet/windows.json} in the checkpoint says which kinds
 * there are, with these instants.
 *
 * @param stream with all kinds of windows that are worked on: those of its list, and those that were taken away
 * @param kinds these kinds, with the limits of each
 */
record WindowChanges(PipelineConfiguration.Stream stream, List<Kind> kinds) {
    private static final Logger LOGGER = LoggerFactory.getLogger(WindowChanges.class);
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String FILE = "freshet/windows.json";
    private static final long MICROS_PER_MILLI = 1_000;

    /**
     * Starts of windows that may lack readings: epoch microseconds, as {@code freshet-core}'s {@code PartialStarts}.
     *
     * @param afterMicros null when all until the last one may
     */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    record PartialStarts(
        @JsonProperty("after_us") Long afterMicros, @JsonProperty("until_us") long untilMicros) {}

    /**
     * A kind of window, and its limits: those of {@code freshet-core}'s {@code WindowLimits}.
     *
     * @param lastStartMicros not null for a kind that is not in the list any more
     */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    record Kind(
        @JsonProperty("window") String window,
        @JsonProperty("partial") List<PartialStarts> partial,
        @JsonProperty("last_start_us") Long lastStartMicros) {

        Kind {
            partial = partial == null ? List.of() : partial;
        }

        static Kind whole(String window) {
            return new Kind(window, List.of(), null);
        }

        /**
         * In the list from now on: the windows that start until then may lack readings, but for those that it went on
         * with.
         */
        Kind listed(long newestMicros) {
            Stream<PartialStarts> now = Stream.of(new PartialStarts(lastStartMicros, newestMicros));
            return new Kind(window, Stream.concat(partial.stream(), now).toList(), null);
        }

        Kind takenAway(long newestMicros) {
            return new Kind(window, partial, newestMicros);
        }

        /** Without what concerns windows that have all ended. */
        Kind afterWatermark(long watermarkMicros) {
            long length = NativeWindowState.windowLength(window);
            return new Kind(window,
                partial.stream().filter(starts -> starts.untilMicros() + length > watermarkMicros).toList(),
                lastStartMicros);
        }

        boolean isListed() {
            return lastStartMicros == null;
        }

        boolean hasEnded(long watermarkMicros) {
            return !isListed() && lastStartMicros + NativeWindowState.windowLength(window) <= watermarkMicros;
        }
    }

    /** The list as it always was. */
    static WindowChanges none(PipelineConfiguration.Stream stream) {
        return new WindowChanges(stream, stream.windows().stream().map(Kind::whole).toList());
    }

    /** What the checkpoint has written down. */
    static WindowChanges saved(Checkpoint checkpoint, PipelineConfiguration.Stream stream) {
        return of(read(checkpoint).orElseThrow(), stream);
    }

    private static WindowChanges of(List<Kind> kinds, PipelineConfiguration.Stream stream) {
        return new WindowChanges(stream.withWindows(kinds.stream().map(Kind::window).toList()), kinds);
    }

    /** The limits of its kinds of windows, as the native library takes them. */
    String limits() {
        return toJson(kinds);
    }

    /**
     * Whether the list has changed while a micro-batch was under way. Some of its windows may have been handed on
     * already, so that it has to be repeated with the list as it was.
     */
    static boolean mustWait(Checkpoint checkpoint, PipelineConfiguration.Stream stream) {
        return checkpoint.hasOpenBatch() && read(checkpoint).filter(kinds -> !isSame(kinds, stream)).isPresent();
    }

    /** Whether all windows of the kinds that were taken away have ended, if there are such kinds. */
    boolean haveEnded(OptionalLong watermarkMillis) {
        List<Kind> takenAway = kinds.stream().filter(kind -> !kind.isListed()).toList();
        return !takenAway.isEmpty() && watermarkMillis.isPresent()
            && takenAway.stream().allMatch(kind -> kind.hasEnded(watermarkMillis.getAsLong() * MICROS_PER_MILLI));
    }

    /**
     * Compares the stream's list with that of the checkpoint, before a query starts, and writes it down.
     *
     * @param health is told what a change means
     */
    static WindowChanges settle(
        SparkSession session,
        Checkpoint checkpoint,
        String location,
        PipelineConfiguration.Stream stream,
        StreamHealth health) {
        long watermarkMicros = checkpoint.watermarkMillis() * MICROS_PER_MILLI;
        Optional<List<Kind>> saved = read(checkpoint);
        List<Kind> kinds;
        if (saved.isPresent() && isSame(saved.get(), stream)) {
            kinds = saved.get();
        } else if (checkpoint.readOffsets().isEmpty()) {
            kinds = stream.windows().stream().map(Kind::whole).toList(); // nothing was read yet
            write(checkpoint, kinds);
        } else {
            Map<String, Long> newest = newestEvents(session, location);
            List<Kind> before = saved.orElseGet(() -> newest.keySet().stream().map(Kind::whole).toList());
            kinds = change(before, stream.windows(), newest, watermarkMicros);
            write(checkpoint, kinds);
        }
        tell(kinds, watermarkMicros, stream.name(), health);
        return of(kinds, stream);
    }

    private static boolean isSame(List<Kind> kinds, PipelineConfiguration.Stream stream) {
        return kinds.stream().allMatch(Kind::isListed)
            && kinds.stream().map(Kind::window).toList().equals(stream.windows());
    }

    /** The new list; behind it what was taken away and has not ended. */
    private static List<Kind> change(
        List<Kind> before, List<String> list, Map<String, Long> newest, long watermarkMicros) {
        Optional<Long> newestMicros = newest.values().stream().max(Long::compare);
        Map<String, Kind> known = new LinkedHashMap<>();
        before.forEach(kind -> known.put(kind.window(), kind));
        List<Kind> kinds = new ArrayList<>();
        for (String window : list) {
            Kind kind = known.remove(window);
            if (kind != null && kind.isListed()) {
                kinds.add(kind);
            } else {
                Kind unlisted = kind == null ? Kind.whole(window) : kind;
                kinds.add(newestMicros.map(unlisted::listed).orElse(Kind.whole(window)));
            }
        }
        known.values().stream().filter(kind -> newest.containsKey(kind.window()))
            .map(kind -> kind.isListed() ? kind.takenAway(newestMicros.orElseThrow()) : kind)
            .filter(kind -> !kind.hasEnded(watermarkMicros)).forEach(kinds::add);
        return kinds.stream().map(kind -> kind.afterWatermark(watermarkMicros)).toList();
    }

    private static void tell(List<Kind> kinds, long watermarkMicros, String stream, StreamHealth health) {
        Stream<Kind> open = kinds.stream().map(kind -> kind.afterWatermark(watermarkMicros));
        open.flatMap(WindowChanges::notices).forEach(notice -> {
            LOGGER.warn("stream {}: {}", stream, notice);
            health.notice(notice);
        });
    }

    private static Stream<String> notices(Kind kind) {
        Stream<String> partial = kind.partial().stream().map(starts -> "windows of " + kind.window()
            + " were not in the list before: those that start " + (starts.afterMicros() == null ? ""
                : "after " + time(starts.afterMicros()) + " and ")
            + "until " + time(starts.untilMicros()) + " may lack readings that came then, and are marked as partial");
        Stream<String> takenAway = Stream.ofNullable(kind.lastStartMicros()).map(last -> "windows of " + kind.window()
            + " are not in the list any more: those that start until " + time(last)
            + " are still brought to their end");
        return Stream.concat(partial, takenAway);
    }

    private static Instant time(long micros) {
        return Instant.ofEpochMilli(Math.floorDiv(micros, MICROS_PER_MILLI));
    }

    /**
     * Of each kind of window that has a state, the newest event in it, epoch microseconds. The newest event of a stream
     * is always in its state: no window that it lies in has ended.
     */
    private static Map<String, Long> newestEvents(SparkSession session, String location) {
        var newest = session.read().format("statestore").load(location)
            .map((MapFunction<Row, Tuple2<String, Long>>) WindowChanges::newestEvent,
                Encoders.tuple(Encoders.STRING(), Encoders.LONG()))
            .toDF("window", "newest").groupBy("window").max("newest");
        Map<String, Long> byWindow = new HashMap<>();
        newest.collectAsList().forEach(row -> byWindow.put(row.getString(0), row.getLong(1)));
        return byWindow;
    }

    /**
     * Of a row of Spark's state: the key (series, metric, kind), and the state of {@code UpdateWindows} with its
     * time-out.
     */
    private static Tuple2<String, Long> newestEvent(Row row) {
        String window = row.<Row>getAs("key").getString(2);
        byte[] state = row.<Row>getAs("value").getStruct(0).getAs(0);
        return new Tuple2<>(window, NativeWindowState.newestEvent(window, state).orElse(Long.MIN_VALUE));
    }

    private static Optional<List<Kind>> read(Checkpoint checkpoint) {
        return checkpoint.readFile(FILE).map(WindowChanges::fromJson);
    }

    private static List<Kind> fromJson(String text) {
        try {
            return JSON.readValue(text, new TypeReference<List<Kind>>() { });
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(
                "file " + FILE + " was malformed; bring it back, or start from a new checkpoint location", e);
        }
    }

    private static void write(Checkpoint checkpoint, List<Kind> kinds) {
        checkpoint.writeFile(FILE, toJson(kinds));
    }

    private static String toJson(List<Kind> kinds) {
        try {
            return JSON.writeValueAsString(kinds);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("a record of plain values could not be written", e);
        }
    }
}
