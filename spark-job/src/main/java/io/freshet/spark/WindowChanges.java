package io.freshet.spark;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.freshet.spark.nativelib.NativeWindowState;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
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
 * <p>A kind of window that is new has no state: those of its windows that start no later than the newest event that was read
 * before may lack readings, and are marked as partial. A kind that was taken away goes on until those of its windows that
 * were open then have ended. The file {@code freshet/windows.json} in the checkpoint says which kinds there are, with
 * these instants.
 *
 * @param stream with all kinds of windows that are worked on: those of its list, and those that were taken away
 * @param limits of these kinds, as the native library takes them
 */
record WindowChanges(PipelineConfiguration.Stream stream, String limits) {
    private static final Logger LOGGER = LoggerFactory.getLogger(WindowChanges.class);
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String FILE = "freshet/windows.json";

    /**
     * A kind of window, and its limits: those of {@code freshet-core}'s {@code WindowLimits}.
     *
     * @param lastStartMicros not null for a kind that is not in the list any more
     */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    private record Kind(
        @JsonProperty("window") String window,
        @JsonProperty("partial_after_us") Long partialAfterMicros,
        @JsonProperty("partial_until_us") Long partialUntilMicros,
        @JsonProperty("last_start_us") Long lastStartMicros) {

        static Kind whole(String window) {
            return new Kind(window, null, null, null);
        }

        /** Windows that were open when it was taken away, if it was, have been worked on. */
        static Kind added(String window, Kind before, Long newestMicros) {
            return new Kind(window, before == null ? null : before.lastStartMicros, newestMicros, null);
        }

        Kind takenAway(Long newestMicros) {
            return new Kind(window, partialAfterMicros, partialUntilMicros, newestMicros);
        }

        boolean isListed() {
            return lastStartMicros == null;
        }
    }

    /** The list as it always was. */
    static WindowChanges none(PipelineConfiguration.Stream stream) {
        return new WindowChanges(stream, NativeWindowState.NO_LIMITS);
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
        Optional<List<Kind>> saved = read(checkpoint);
        boolean isSame = saved.isPresent() && listed(saved.get()).equals(stream.windows())
            && saved.get().stream().allMatch(Kind::isListed);
        List<Kind> kinds;
        if (isSame) {
            kinds = saved.get();
        } else if (checkpoint.readOffsets().isEmpty()) {
            kinds = stream.windows().stream().map(Kind::whole).toList(); // nothing was read yet
            write(checkpoint, kinds);
        } else {
            Map<String, Long> newest = newestEvents(session, location);
            List<Kind> before = saved.orElseGet(() -> newest.keySet().stream().map(Kind::whole).toList());
            kinds = change(before, stream.windows(), newest);
            write(checkpoint, kinds);
            tell(before, kinds, stream.name(), health);
        }
        return new WindowChanges(stream.withWindows(kinds.stream().map(Kind::window).toList()), toJson(kinds));
    }

    /** The new list; behind it what was taken away and has not ended. */
    private static List<Kind> change(List<Kind> before, List<String> list, Map<String, Long> newest) {
        Long newestMicros = newest.values().stream().max(Long::compare).orElse(null);
        Map<String, Kind> known = new HashMap<>();
        before.forEach(kind -> known.put(kind.window(), kind));
        List<Kind> kinds = new ArrayList<>();
        for (String window : list) {
            Kind kind = known.remove(window);
            kinds.add(kind != null && kind.isListed() ? kind : Kind.added(window, kind, newestMicros));
        }
        known.values().stream().filter(kind -> newest.containsKey(kind.window()))
            .map(kind -> kind.isListed() ? kind.takenAway(newestMicros) : kind).forEach(kinds::add);
        return List.copyOf(kinds);
    }

    private static void tell(List<Kind> before, List<Kind> kinds, String stream, StreamHealth health) {
        List<String> known = listed(before);
        Stream<String> added = kinds.stream()
            .filter(kind -> kind.isListed() && kind.partialUntilMicros() != null && !known.contains(kind.window()))
            .map(kind -> "windows of " + kind.window() + " are new in the list: those that start until "
                + time(kind.partialUntilMicros()) + " may lack readings that came before, and are marked as partial");
        Stream<String> takenAway = kinds.stream().filter(kind -> !kind.isListed())
            .map(kind -> "windows of " + kind.window() + " are not in the list any more: those that start until "
                + time(kind.lastStartMicros()) + " are still brought to their end");
        Stream.concat(added, takenAway).forEach(notice -> {
            LOGGER.warn("stream {}: {}", stream, notice);
            health.notice(notice);
        });
    }

    private static Instant time(long micros) {
        return Instant.ofEpochMilli(Math.floorDiv(micros, 1_000L));
    }

    private static List<String> listed(List<Kind> kinds) {
        return kinds.stream().filter(Kind::isListed).map(Kind::window).toList();
    }

    /**
     * Of each kind of window that has a state, the newest event in it, epoch microseconds. The newest event of a stream is
     * always in its state: no window that it lies in has ended.
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

    /** Of a row of Spark's state: the key (series, metric, kind), and the state of {@link UpdateWindows} with its time-out. */
    private static Tuple2<String, Long> newestEvent(Row row) {
        String window = row.<Row>getAs("key").getString(2);
        byte[] state = row.<Row>getAs("value").getStruct(0).getAs(0);
        return new Tuple2<>(window, NativeWindowState.newestEvent(window, state).orElse(Long.MIN_VALUE));
    }

    private static Optional<List<Kind>> read(Checkpoint checkpoint) {
        return checkpoint.readFile(FILE).map(text -> {
            try {
                return JSON.readValue(text, new TypeReference<List<Kind>>() { });
            } catch (JsonProcessingException e) {
                throw new IllegalStateException(
                    "file " + FILE + " was malformed; bring it back, or start from a new checkpoint location", e);
            }
        });
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
