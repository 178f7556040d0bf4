/**
 * The room of the native library: the only package that knows Rust. Everything here marshals and nothing else; each
 * class with native methods has its counterpart of the same name in {@code rust/freshet-jni/src}.
 *
 * <p>May depend on: nothing of ours.
 */
package io.freshet.spark.nativelib;
