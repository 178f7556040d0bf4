//! What Gradle resolves and builds. Starting Gradle costs seconds even when nothing changed, so stamps tell whether it
//! is needed at all.

use std::fs;

use super::Stamp;
use crate::parts::{Context, Part, PlanError, Step, Work};
use crate::supervise::CommandLine;

/// Lists of the services' jars, downloaded from Maven Central.
pub(super) const CLASSPATHS: Part =
    Part { name: "classpaths", needs: &[], work: Work::Step(classpaths) };

/// The Spark job with the native library in it. It waits for the class paths only because two Gradles in one folder
/// would wait for each other anyway.
pub(super) const SPARK_JAR: Part =
    Part { name: "spark-jar", needs: &["rust", "classpaths"], work: Work::Step(spark_jar) };

/// The benchmark's classes with the list of their jars. It comes after the class paths for the same reason.
pub(super) const BENCHMARK: Part =
    Part { name: "benchmark-classes", needs: &["classpaths"], work: Work::Step(benchmark) };

const SERVICES: [&str; 4] = ["kafka", "kafka-zookeeper", "cassandra", "spark"];
const BUILD_FILES: [&str; 4] = ["build.gradle", "settings.gradle", "gradle", "docker/versions.env"];

fn classpaths(context: &Context) -> Result<Step, PlanError> {
    let inputs = BUILD_FILES.map(|file| context.root.join(file));
    let stamp = Stamp::of(context.root.join("build/classpaths/.stamp"), &inputs)
        .map_err(|error| PlanError::because("look at the Gradle build", error))?;
    if stamp.is_current() && SERVICES.iter().all(|service| all_jars_exist(context, service)) {
        return Ok(Step::default());
    }
    Ok(Step { commands: vec![gradle(context, "classpaths")], stamp: Some(stamp) })
}

fn spark_jar(context: &Context) -> Result<Step, PlanError> {
    let library = context.native_library();
    let mut inputs = BUILD_FILES.map(|file| context.root.join(file)).to_vec();
    inputs.push(context.root.join("spark-job/src/main"));
    inputs.push(library.clone());
    let stamp = Stamp::of(context.root.join("build/libs/.stamp"), &inputs)
        .map_err(|error| PlanError::because("look at the Spark job's sources", error))?;
    if stamp.is_current() && context.spark_jar().exists() {
        return Ok(Step::default());
    }
    let command = gradle(context, "allJar").arg(format!("-PnativeLibrary={}", library.display()));
    Ok(Step { commands: vec![command], stamp: Some(stamp) })
}

fn benchmark(context: &Context) -> Result<Step, PlanError> {
    let mut inputs = BUILD_FILES.map(|file| context.root.join(file)).to_vec();
    inputs.extend(["main", "bench"].map(|set| context.root.join("spark-job/src").join(set)));
    let stamp = Stamp::of(context.root.join("build/classpaths/.bench-stamp"), &inputs)
        .map_err(|error| PlanError::because("look at the benchmark's sources", error))?;
    if stamp.is_current() && context.classpath_file("bench").exists() {
        return Ok(Step::default());
    }
    Ok(Step { commands: vec![gradle(context, "benchmark")], stamp: Some(stamp) })
}

fn gradle(context: &Context, task: &str) -> CommandLine {
    // No daemon: it would stay behind after the build, and cost memory that the services need.
    CommandLine::new("gradle", &context.root).args(["--no-daemon", "--console=plain", task])
}

/// Somebody may have emptied the download cache since.
fn all_jars_exist(context: &Context, service: &str) -> bool {
    let jars = fs::read_to_string(context.classpath_file(service));
    jars.is_ok_and(|jars| jars.lines().all(|jar| fs::exists(jar).unwrap_or(false)))
}
