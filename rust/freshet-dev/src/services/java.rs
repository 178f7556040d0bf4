//! What all services on the Java machine have in common.

use std::ffi::OsString;
use std::fs;

use crate::parts::{Context, PlanError};
use crate::supervise::CommandLine;

/// A `java` command for a main class, with the jars that Gradle resolved for `service`.
pub(super) fn java(
    context: &Context,
    service: &str,
    heap: &str,
    options: impl IntoIterator<Item = String>,
    main_class: &str,
) -> Result<CommandLine, PlanError> {
    // A collector with threads and regions of its own buys nothing in heaps this small, but costs memory.
    java_with(context, service, [&format!("-Xmx{heap}"), "-XX:+UseSerialGC"], options, main_class)
}

/// As [`java`], with the options for the heap and its collector as they are.
pub(super) fn java_with(
    context: &Context,
    service: &str,
    heap: [&str; 2],
    options: impl IntoIterator<Item = String>,
    main_class: &str,
) -> Result<CommandLine, PlanError> {
    let temporary = format!("-Djava.io.tmpdir={}", context.home.scratch().display());
    Ok(CommandLine::new(&context.java, &context.root)
        .args(heap)
        // A service without memory left is no service: it ends, and the supervisor starts it again.
        .arg("-XX:+ExitOnOutOfMemoryError")
        .arg("-Djava.awt.headless=true")
        .arg(temporary)
        .args(options)
        .arg(main_class)
        // The class path travels in the environment: it would make the process list unreadable.
        .env("CLASSPATH", classpath(context, service)?)
        .env("MALLOC_ARENA_MAX", "2"))
}

fn classpath(context: &Context, service: &str) -> Result<OsString, PlanError> {
    let file = context.classpath_file(service);
    let jars = fs::read_to_string(&file).map_err(PlanError::at("read", &file))?;
    Ok(jars.lines().collect::<Vec<_>>().join(":").into())
}

/// `--add-opens` options for packages that a library reaches into by reflection.
pub(super) fn add_opens(packages: &[&str]) -> impl Iterator<Item = String> {
    packages.iter().map(|package| format!("--add-opens={package}=ALL-UNNAMED"))
}
