//! What each part of the tests runs.

use std::path::Path;

use crate::cli::TestPart;
use crate::supervise::CommandLine;

/// One command of a part.
#[derive(Debug)]
pub struct Step {
    /// The part it belongs to.
    pub part: TestPart,
    /// Its name in the summary.
    pub name: &'static str,
    /// What is run.
    pub command: CommandLine,
}

const ALL: [TestPart; 5] =
    [TestPart::Rust, TestPart::Jvm, TestPart::Node, TestPart::System, TestPart::Deploy];

/// What the names of the system tests begin with that are about a deployment.
const OF_A_DEPLOYMENT: &str = "deploy::";

const FUZZ_SCRIPT: &str = "rust/freshet-core/fuzz/run.sh";
const FUZZ_MANIFEST: &str = "rust/freshet-core/fuzz/Cargo.toml";
/// What reads bytes of others, each with a target that looks for bytes that break it.
const FUZZ_TARGETS: [&str; 6] = ["json", "csv", "influx", "binary", "panes", "record_batch"];
/// How long each of them looks.
const FUZZ_SECONDS: &str = "30";
/// How long with the long tests.
const LONG_FUZZ_SECONDS: &str = "300";

/// Only the first two are tested. Features depend on what is selected: with those of the last two, dependencies are the
/// ones that the tests before were built from.
const ADDRESS_SANITIZER_PACKAGES: [&str; 4] =
    ["freshet-core", "freshet-jni", "freshet-dev-health", "freshet-cassandra-writer"];

/// The steps of the named parts in their order, of all parts when none is named. `long` adds what takes long: cargo
/// calls such tests ignored.
pub fn steps(root: &Path, parts: &[TestPart], long: bool) -> Vec<Step> {
    let parts = if parts.is_empty() { &ALL } else { parts };
    parts.iter().flat_map(|part| steps_of(root, *part, long)).collect()
}

fn steps_of(root: &Path, part: TestPart, long: bool) -> Vec<Step> {
    let dashboard = root.join("node-dashboard");
    let including_long: &[&str] = if long { &["--include-ignored"] } else { &[] };
    let cargo_test = |arguments: &[&str], of_the_tests: &[&str]| {
        let before: &[&str] = &["test", "--release", "--locked", "--workspace"];
        let parts = [before, arguments, &["--"], including_long, of_the_tests];
        command(root, "cargo", &parts.concat())
    };
    let clippy = |targets: &[&str]| {
        let before: &[&str] = &["clippy", "--release", "--locked"];
        command(root, "cargo", &[before, targets, &["--", "-D", "warnings"]].concat())
    };
    let gradle = |task: &str| command(root, "gradle", &["--no-daemon", "--console=plain", task]);
    let fuzz_seconds = if long { LONG_FUZZ_SECONDS } else { FUZZ_SECONDS };
    let fuzz = [&[FUZZ_SCRIPT, fuzz_seconds], &FUZZ_TARGETS[..]].concat();
    let fuzz_format = command(root, "cargo", &["fmt", "--manifest-path", FUZZ_MANIFEST, "--check"]);
    let native = command(root, "cargo", &["build", "--release", "--workspace", "--locked"]);
    let steps = match part {
        TestPart::Rust => vec![
            ("scripts", command(root, "sh", &["-n", "freshet"])),
            ("format", command(root, "cargo", &["fmt", "--all", "--check"])),
            ("lints", clippy(&["--workspace", "--all-targets"])),
            // "All targets" leaves out what a plain `cargo test` leaves out.
            (
                "lints of the other tests",
                clippy(&["--workspace", "--test", "system", "--test", "deploy"]),
            ),
            ("tests", cargo_test(&["--no-fail-fast"], &[])),
            ("native library with address sanitizer", with_address_sanitizer(root)),
            ("format of the fuzz targets", fuzz_format),
            ("fuzzing", command(root, "sh", &fuzz)),
        ],
        TestPart::Jvm => {
            let mut steps = vec![
                ("native library", native),
                ("readers with the broker's client", gradle("compileWithOtherKafkaClient")),
                ("tests", gradle("jvmTest")),
                ("checked native calls", gradle("jvmCheckedTest")),
            ];
            steps.extend(long.then(|| ("long tests", gradle("jvmLongTest"))));
            steps
        }
        TestPart::Node => vec![
            ("install", command(&dashboard, "npm", &["ci", "--no-audit", "--no-fund"])),
            ("build", command(&dashboard, "npm", &["run", "build"])),
            ("tests", command(&dashboard, "npm", &["test"])),
        ],
        TestPart::System => {
            vec![("tests", cargo_test(&["--test", "system"], &["--skip", OF_A_DEPLOYMENT]))]
        }
        TestPart::Deploy => vec![
            ("programs", native),
            ("files", cargo_test(&["--test", "deploy"], &[])),
            ("tests", cargo_test(&["--test", "system"], &[OF_A_DEPLOYMENT])),
        ],
    };
    steps.into_iter().map(|(name, command)| Step { part, name, command }).collect()
}

/// The tests of the native library and of the core in it, where every access to memory is checked.
fn with_address_sanitizer(root: &Path) -> CommandLine {
    let mut arguments = vec!["test", "--release", "--locked", "--lib"];
    for package in ADDRESS_SANITIZER_PACKAGES {
        arguments.extend(["--package", package]);
    }
    command(root, "cargo", &arguments)
        .env("RUSTC_WORKSPACE_WRAPPER", root.join("rust/freshet-jni/with_address_sanitizer.sh"))
}

fn command(folder: &Path, program: &str, arguments: &[&str]) -> CommandLine {
    CommandLine::new(program, folder).args(arguments.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(parts: &[TestPart]) -> Vec<TestPart> {
        let mut names: Vec<_> =
            steps(Path::new("/p"), parts, false).iter().map(|s| s.part).collect();
        names.dedup();
        names
    }

    #[test]
    fn no_part_named_means_all_parts() {
        assert_eq!(names(&[]), ALL);
        assert_eq!(names(&[TestPart::Node]), [TestPart::Node]);
    }

    #[test]
    fn the_long_tests_of_the_jvm_are_a_step_of_their_own() {
        let names = |long| -> Vec<&str> {
            steps(Path::new("/p"), &[TestPart::Jvm], long).iter().map(|step| step.name).collect()
        };
        assert!(names(true).contains(&"long tests") && !names(false).contains(&"long tests"));
        assert!(names(false).contains(&"checked native calls"));
    }

    #[test]
    fn every_fuzz_target_runs_and_for_longer_with_the_long_tests() {
        let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
        let targets = std::fs::read_dir(root.join("rust/freshet-core/fuzz/fuzz_targets")).unwrap();
        let mut files: Vec<_> =
            targets.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        files.sort();
        let mut named = FUZZ_TARGETS.map(|target| format!("{target}.rs"));
        named.sort();
        assert_eq!(files, named);
        let seconds = |long| {
            let steps = steps(root, &[TestPart::Rust], long);
            let fuzzing = steps.iter().find(|step| step.name == "fuzzing").unwrap();
            fuzzing.command.arguments[1].to_str().unwrap().parse::<u32>().unwrap()
        };
        assert!(seconds(false) < seconds(true));
    }

    #[test]
    fn long_tests_run_only_when_asked_for() {
        let long = |long| {
            let steps = steps(Path::new("/p"), &[TestPart::System], long);
            steps.iter().any(|step| step.command.arguments.contains(&"--include-ignored".into()))
        };
        assert!(long(true) && !long(false));
    }
}
