/**
 * The boundary to the native library: the only package that knows Rust. Everything here marshals and nothing else;
 * each class with native methods has its counterpart of the same name in {@code rust/freshet-jni/src}.
 */
package io.freshet.spark.nativelib;
