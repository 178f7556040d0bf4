package io.freshet.spark.testing;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;

/**
 * Seeded records of many series: out of order, late, twice, on the edges of windows, with one or two metrics,
 * malformed.
 */
public final class RandomRecords {
    /** Event time of the first record, epoch milliseconds: a full minute. */
    private static final long START = 1_700_000_040_000L;
    private static final int SERIES = 300;
    /** Out of order by more than any stream's lateness: some of the records come late. */
    private static final int DISORDER_MILLIS = 30_000;
    private static final String[] MALFORMED = {
        "{\"id\":\"s1\",\"at\":%d,\"v\":1", "{\"at\":%d,\"v\":1}", "{\"id\":\"s1\",\"at\":\"soon %d\",\"v\":1}",
        "{\"id\":\"s1\",\"at\":%d}", "{\"id\":\"s1\",\"at\":%d,\"v\":\"hot\"}", "[%d]", "%d", "\"%d\"",
    };

    private Random random;
    private long clock = START;
    private int malformed;

    public RandomRecords(long seed) {
        seed(seed);
    }

    /** Goes on with another seed, from where event time is. */
    public void seed(long seed) {
        random = new Random(seed);
    }

    /** How many malformed records it has made. */
    public int malformed() {
        return malformed;
    }

    /** The next records, over that much event time. */
    public List<byte[]> next(int count, long millis) {
        List<byte[]> records = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            boolean broken = random.nextInt(50) == 0;
            long now = clock + millis * i / count;
            byte[] record = (broken ? malformed(now) : reading(time(now))).getBytes(StandardCharsets.UTF_8);
            int copies = random.nextInt(40) == 0 ? 2 : 1;
            records.addAll(Collections.nCopies(copies, record));
            malformed += broken ? copies : 0;
        }
        clock += millis;
        return records;
    }

    private String malformed(long now) {
        return MALFORMED[random.nextInt(MALFORMED.length)].formatted(now);
    }

    /** Some come much too late; some times are where windows begin and end. */
    private long time(long now) {
        if (random.nextInt(50) == 0) {
            return now - 600_000;
        }
        long time = now - (long) (DISORDER_MILLIS * Math.pow(random.nextDouble(), 4));
        return random.nextInt(20) == 0 ? time - time % 10_000 - random.nextInt(2) : time;
    }

    private String reading(long at) {
        String metrics = switch (random.nextInt(10)) {
            case 0 -> "\"w\":" + value();
            case 1 -> "\"v\":null,\"w\":" + random.nextInt(1_000);
            case 2 -> "\"v\":" + value() + ",\"w\":" + value();
            default -> "\"v\":" + value();
        };
        return "{\"id\":\"sensor-" + random.nextInt(SERIES) + "\",\"at\":" + at + ",\"more\":{\"x\":[1,\"2\"]},"
            + metrics + "}";
    }

    private String value() {
        return switch (random.nextInt(20)) {
            case 0 -> "-0";
            case 1 -> "1.5e-7";
            case 2 -> Integer.toString(random.nextInt(1 << 20));
            case 3 -> "-12345.6789E+3";
            default -> Double.toString(random.nextGaussian() * 10 + 50);
        };
    }
}
