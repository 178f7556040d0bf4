/**
 * The Spark job: one streaming query per stream, from its raw topic to its windows topic.
 *
 * <p>Records are parsed and summed up by the native library ({@link io.freshet.spark.nativelib}); Spark keeps the
 * offsets, the watermark and the windows that can still change.
 */
package io.freshet.spark;
