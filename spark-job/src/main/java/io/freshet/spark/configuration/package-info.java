/**
 * The room of the configuration: the validated {@code freshet.toml} as the native library hands it over, with the
 * properties of Kafka clients that follow from it. Nothing else in Java reads configuration.
 *
 * <p>May depend on: {@code nativelib}.
 */
package io.freshet.spark.configuration;
