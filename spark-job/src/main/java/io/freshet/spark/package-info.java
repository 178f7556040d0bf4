/**
 * The public interface: what users name in their programs, settings and commands. Everything else may change from one
 * version to the next.
 *
 * <p>The rooms behind it, each with what it may depend on:
 *
 * <ul>
 *   <li>{@code nativelib}: the native library. Nothing of ours.
 *   <li>{@code engine}: Spark's internals behind one interface. {@code nativelib}.
 *   <li>{@code configuration}: {@code freshet.toml}, validated. {@code nativelib}.
 *   <li>{@code kafka}: what is asked of Kafka beside the records. {@code configuration}, {@code engine}.
 *   <li>{@code rejected}: what becomes of rejected records. {@code kafka}.
 *   <li>{@code windows}: from records to windows. {@code configuration}, {@code engine}, {@code nativelib}, {@code
 *       rejected}.
 *   <li>{@code health}: what the job says of itself. {@code configuration}.
 *   <li>{@code job}: the queries and their supervision. All of them.
 * </ul>
 *
 * <p>{@code RoomsTest} holds this list, and that nothing depends on this package.
 */
package io.freshet.spark;
