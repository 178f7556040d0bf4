//! The benchmark's Java program: plain Spark and the job's own queries in one process.

use super::java::java_with;
use super::{HOST, spark_job};
use crate::benchmark::Compiler;
use crate::parts::{Context, PlanError};
use crate::supervise::CommandLine;

const MAIN_CLASS: &str = "io.freshet.spark.bench.Benchmark";
/// The collector with the highest throughput, and a heap in which nobody is held up by it.
const HEAP: [&str; 2] = ["-Xmx2g", "-XX:+UseParallelGC"];

/// The command of the program; its own arguments are still to be added.
///
/// # Errors
/// When the lists of jars are missing or the log's configuration cannot be written.
pub fn command(context: &Context, compiler: Compiler) -> Result<CommandLine, PlanError> {
    let library = format!("-Dspark.freshet.library.path={}", context.native_library().display());
    let compilers = compiler.options().iter().map(|&option| option.to_owned());
    let options = spark_job::options(context)?.chain([library]).chain(compilers);
    Ok(java_with(context, "bench", HEAP, options, MAIN_CLASS)?.env("SPARK_LOCAL_IP", HOST))
}
