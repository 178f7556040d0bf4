/**
 * The {@link io.freshet.spark.engine.SparkEngine} for Spark 4.2 with the Kafka client of its connector: the only
 * packages that import what Spark keeps to itself. {@code plan} has the steps of queries, {@code kafka} the direct
 * reader, {@code sql} the functions.
 *
 * <p>May depend on: {@code engine} and {@code nativelib}. Nobody may depend on it: it is found by its service.
 */
package io.freshet.spark.engine.spark42;
