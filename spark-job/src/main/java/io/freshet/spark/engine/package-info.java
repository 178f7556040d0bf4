/**
 * The room of Spark's internals, and its door: {@link io.freshet.spark.engine.SparkEngine} with the types that it takes
 * and gives. They are made of Spark's public interface only.
 *
 * <p>Behind the door, {@code spark42} holds everything that Spark, or Kafka's client, may change from one version to
 * the next. Support for another version is another such folder, and its line in {@code META-INF/services}.
 *
 * <p>May depend on: {@code nativelib}. {@code RoomsTest} holds this.
 */
package io.freshet.spark.engine;
