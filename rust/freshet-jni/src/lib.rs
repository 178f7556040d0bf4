//! Freshet's native library: `freshet-core` as Spark's tasks call it, through the Java Native Interface.
//!
//! One module per Java class of `io.freshet.spark.nativelib` that has native methods. They only marshal: bytes in,
//! Arrow columns out. Every entry point goes through [`gate::enter`], which turns errors and panics into Java
//! exceptions.

mod columns;
mod direct;
mod gate;
mod handle;
pub mod native_configuration;
pub mod native_contract;
pub mod native_library;
pub mod native_record_counter;
pub mod native_record_parser;
pub mod native_window_aggregator;
pub mod native_window_state;
pub mod native_window_stats;
mod packed;
mod stream;
mod text;
