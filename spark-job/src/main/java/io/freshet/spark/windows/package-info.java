/**
 * The room of the windows: the steps of a query from records to windows, batch or streaming, whoever runs it. What a
 * window is, the native library knows.
 *
 * <p>May depend on: {@code configuration}, {@code engine}, {@code nativelib}, {@code rejected}.
 */
package io.freshet.spark.windows;
