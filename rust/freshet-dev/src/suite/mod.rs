//! `./freshet test`: the runners of the three languages one after the other, and one summary at the end.

mod counts;
mod failures;
mod steps;

pub use counts::Counts;
pub use steps::{Step, steps};

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::cli::TestPart;
use crate::display::{Table, duration};

/// How one step went.
#[derive(Debug)]
pub struct Outcome {
    part: TestPart,
    name: &'static str,
    counts: Counts,
    failed_tests: Vec<String>,
    took: Duration,
}

/// How all steps went.
#[derive(Debug)]
pub struct Summary(Vec<Outcome>);

impl Summary {
    /// Whether nothing failed.
    pub fn is_success(&self) -> bool {
        self.total().failed == 0
    }

    fn total(&self) -> Counts {
        self.0.iter().fold(Counts::default(), |sum, outcome| sum + outcome.counts)
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::default();
        table.row(["part", "step", "result", "passed", "failed", "time"]);
        for outcome in &self.0 {
            table.row([
                part_name(outcome.part),
                outcome.name,
                if outcome.counts.failed == 0 { "passed" } else { "FAILED" },
                &outcome.counts.passed.to_string(),
                &outcome.counts.failed.to_string(),
                &duration(i64::try_from(outcome.took.as_millis()).unwrap_or(i64::MAX)),
            ]);
        }
        writeln!(formatter, "{table}\n")?;
        for outcome in &self.0 {
            for test in &outcome.failed_tests {
                writeln!(
                    formatter,
                    "failed: {}, {}: {test}",
                    part_name(outcome.part),
                    outcome.name
                )?;
            }
        }
        // The last line is read by machines: it stands alone and keeps its form.
        write!(formatter, "{}", self.total())
    }
}

/// Runs all steps, also after one has failed; what they print goes to `output` and to a log per step.
///
/// # Errors
/// When a log cannot be written or the output is closed.
pub fn run(steps: &[Step], results: &Path, output: &mut impl Write) -> io::Result<Summary> {
    fs::create_dir_all(results)?;
    let outcomes =
        steps.iter().map(|step| run_step(step, results, output)).collect::<io::Result<_>>()?;
    Ok(Summary(outcomes))
}

fn run_step(step: &Step, results: &Path, output: &mut impl Write) -> io::Result<Outcome> {
    let (part, name) = (step.part, step.name);
    writeln!(output, "\n=== {}: {name}", part_name(part))?;
    let log = results.join(format!("{}-{}.log", part_name(part), name.replace(' ', "-")));
    let begun = Instant::now();
    let (success, printed) = match execute(step, &log, output) {
        Ok(finished) => finished,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Err(error),
        Err(error) => (false, format!("cannot run {}: {error}", step.command.name())),
    };
    if !success {
        let lines: Vec<&str> = printed.lines().collect();
        let why = if let [line] = lines[..] { line } else { "see above" };
        writeln!(output, "=== {}: {name} FAILED ({why})", part_name(part))?;
    }
    let failed_tests = if success { Vec::new() } else { failures::failed_tests(&printed) };
    let counts = Counts::of(success, &printed);
    Ok(Outcome { part, name, counts, failed_tests, took: begun.elapsed() })
}

/// Runs a command; its output is shown, kept in a log, and given back.
fn execute(step: &Step, log: &Path, output: &mut impl Write) -> io::Result<(bool, String)> {
    let (mut reader, writer) = io::pipe()?;
    let line = &step.command;
    let mut command = Command::new(&line.program);
    command
        .args(&line.arguments)
        .envs(line.environment.iter().map(|(name, value)| (name, value)))
        .current_dir(&line.folder)
        .stdout(writer.try_clone()?)
        .stderr(writer);
    let mut child = command.spawn()?;
    // The command holds the pipe's writing end as well: only without it does the output end with the child.
    drop(command);
    let printed = tee(&mut reader, &mut File::create(log)?, output)?;
    Ok((child.wait()?.success(), printed))
}

fn tee(reader: &mut impl Read, log: &mut File, output: &mut impl Write) -> io::Result<String> {
    let mut all = Vec::new();
    let mut buffer = [0; 8192];
    loop {
        let length = reader.read(&mut buffer)?;
        if length == 0 {
            return Ok(String::from_utf8_lossy(&all).into_owned());
        }
        output.write_all(&buffer[..length])?;
        output.flush()?;
        log.write_all(&buffer[..length])?;
        all.extend_from_slice(&buffer[..length]);
    }
}

fn part_name(part: TestPart) -> &'static str {
    match part {
        TestPart::Rust => "rust",
        TestPart::Jvm => "jvm",
        TestPart::Node => "node",
        TestPart::System => "system",
        TestPart::Deploy => "deploy",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervise::CommandLine;

    fn shell(name: &'static str, script: &str) -> Step {
        let command = CommandLine::new("sh", ".").arg("-c").arg(script);
        Step { part: TestPart::Rust, name, command }
    }

    #[test]
    fn later_steps_run_after_a_failure_and_the_last_line_counts_all() {
        let results = tempfile::tempdir().unwrap();
        let steps = [
            shell("broken", "exit 3"),
            shell("tests", "echo 'test result: ok. 4 passed; 0 failed; 0 ignored'"),
            shell("lint", "echo fine"),
            shell("others", "echo 'test a::b ... FAILED'; exit 1"),
        ];
        let summary = run(&steps, results.path(), &mut Vec::new()).unwrap();
        assert!(!summary.is_success());
        let text = summary.to_string();
        assert_eq!(text.lines().last(), Some("5 passed, 2 failed"), "{text}");
        assert!(text.contains("\nfailed: rust, others: a::b\n"), "{text}");
        assert_eq!(fs::read_to_string(results.path().join("rust-lint.log")).unwrap(), "fine\n");
    }

    #[test]
    fn a_runner_that_is_not_installed_is_a_failure() {
        let results = tempfile::tempdir().unwrap();
        let command = CommandLine::new("/nowhere/gradle", ".");
        let step = Step { part: TestPart::Jvm, name: "tests", command };
        assert!(!run(&[step], results.path(), &mut Vec::new()).unwrap().is_success());
    }
}
