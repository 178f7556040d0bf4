/**
 * The room of rejected records: where they go, so that none fails a query and none is silently gone.
 *
 * <p>May depend on: {@code kafka}, {@code nativelib}.
 */
package io.freshet.spark.rejected;
