package io.freshet.spark.health;

import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The series of a stream whose events were ahead of the clock lately. */
final class ClocksAhead {
    /** A series is named for so long after it was ahead. */
    private static final Duration REMEMBERED = Duration.ofMinutes(1);
    /** So many are named: a wrong clock is seldom alone, but their list must not fill the page. */
    private static final int MOST = 5;

    /** A series id of more characters is cut. */
    private static final int LONGEST = 64;

    private record Ahead(long micros, long seenMillis) {}

    /** The one seen last comes last. */
    private final Map<String, Ahead> series = new LinkedHashMap<>();

    /** Of a micro-batch, the series that was furthest ahead. */
    void add(String name, long micros, long nowMillis) {
        series.remove(name);
        series.put(name, new Ahead(micros, nowMillis));
        if (series.size() > MOST) {
            series.remove(series.keySet().iterator().next());
        }
    }

    /** A line for each. */
    List<String> notices(long nowMillis) {
        series.values().removeIf(ahead -> nowMillis - ahead.seenMillis() > REMEMBERED.toMillis());
        return series.entrySet().stream()
            .map(entry -> "series '" + oneLine(entry.getKey()) + "' is "
                + Duration.ofMillis(entry.getValue().micros() / 1_000).toSeconds()
                + " s ahead of Kafka's timestamp or of the clock of the machine that parses it: look at that clock and "
                + "at its sender's. Its events count, and do not move the watermark "
                + "(future_moves_watermark = true lets them)")
            .toList();
    }

    /** Ids come from outside, and a notice is one line. */
    private static String oneLine(String id) {
        String shown = id.codePoints().limit(LONGEST)
            .map(point -> Character.isISOControl(point) ? ' ' : point)
            .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append).toString();
        return shown.length() < id.length() ? shown + "…" : shown;
    }
}
