/**
 * The room of the job's health: what Spark reports of each query, added up, and sent to the topic {@code health}. It is
 * told; it asks nobody, and decides nothing.
 *
 * <p>May depend on: {@code configuration}, {@code engine}, {@code nativelib}.
 */
package io.freshet.spark.health;
