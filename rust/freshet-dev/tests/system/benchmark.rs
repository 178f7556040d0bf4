//! `./freshet bench`, small: that both engines are measured and the answer has its form. The program itself fails when
//! a query that runs to its end has not read every record. How fast they are is not for a test to judge.

use std::process::Stdio;

use libtest_mimic::Failed;
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::Outcome;
use crate::process::{none_left, signal};
use crate::stack::{TestStack, text};
use crate::waiting::{LIMIT, ensure, until};

const SMALL: [&str; 7] = [
    "bench",
    "--records=300000",
    "--warm-up=0",
    "--rounds=1",
    "--series=50",
    "--only=tumbling_10s",
    "--json",
];

/// Both engines are measured over the same topic, and nothing is left behind.
pub(crate) fn both_engines_are_measured() -> Outcome {
    let stack = TestStack::new(false)?;
    let output = stack.run(&SMALL)?;
    ensure(output.status.success(), || format!("bench failed:\n{}", text(&output)))?;
    let report: Value = serde_json::from_slice(&output.stdout)?;
    let results = report["results"].as_array().ok_or("no results")?;
    let engines: Vec<&str> =
        results.iter().filter_map(|result| result["engine"].as_str()).collect();
    ensure(engines == ["plain", "native"], || format!("engines {engines:?}: {report}"))?;
    for result in results {
        ensure(result["case"] == "tumbling_10s", || format!("another case: {result}"))?;
        positive(&result["records_per_second"])?;
        positive(&result["cpu_seconds_per_million"])?;
    }
    positive(&report["ratios"]["tumbling_10s"])?;
    leaves_nothing(&stack)
}

fn positive(figure: &Value) -> Result<(), Failed> {
    ensure(figure.as_f64().is_some_and(|figure| figure > 0.0), || format!("{figure} is no figure"))
}

/// Its data are not deleted under it; told to stop in its midst, it ends its processes and deletes them itself.
pub(crate) fn it_ends_when_told_to() -> Outcome {
    let stack = TestStack::new(false)?;
    let mut child = stack
        .command(&["bench", "--records=50000000"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let bench = stack.home().join("bench");
    until(LIMIT, || {
        let begun = bench.join("data/benchmark").exists();
        ensure(begun, || "the program has not begun".to_owned())
    })?;
    let purge = stack.run(&["down", "--purge"])?;
    ensure(
        purge.status.code() == Some(1) && text(&purge).contains("a benchmark is running"),
        || format!("the data were deleted under the benchmark: {}", text(&purge)),
    )?;
    signal(child.id(), Signal::SIGTERM)?;
    let status = child.wait()?;
    ensure(status.code() == Some(1), || format!("exit status {status}"))?;
    leaves_nothing(&stack)
}

fn leaves_nothing(stack: &TestStack) -> Outcome {
    none_left(&stack.home(), LIMIT)?;
    ensure(!stack.home().join("bench").exists(), || "its folder is left".to_owned())
}
