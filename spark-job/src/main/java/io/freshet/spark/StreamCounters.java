package io.freshet.spark;

import org.apache.spark.SparkContext;
import org.apache.spark.util.LongAccumulator;

/**
 * What the executors count for one stream since the job started.
 *
 * @param rejected records sent to the dead letters
 * @param bytesIn bytes of keys and values read
 * @param bytesOut bytes of keys and values written
 */
record StreamCounters(LongAccumulator rejected, LongAccumulator bytesIn, LongAccumulator bytesOut) {
    static StreamCounters register(SparkContext context, String stream) {
        return new StreamCounters(context.longAccumulator("freshet rejected " + stream),
            context.longAccumulator("freshet bytes in " + stream),
            context.longAccumulator("freshet bytes out " + stream));
    }
}
