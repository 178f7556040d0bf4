/**
 * The room of Kafka's administration: topics as the pipeline needs them, their identity and their ends. The records
 * themselves are read in {@code engine}.
 *
 * <p>May depend on: {@code configuration}, {@code engine}, {@code nativelib}.
 */
package io.freshet.spark.kafka;
