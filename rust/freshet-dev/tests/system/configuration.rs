//! Wrong configurations: refused with file, line and key, before anything starts.

use std::fs;

use crate::Outcome;
use crate::process;
use crate::stack::{TestStack, text};
use crate::waiting::ensure;

/// What is replaced in a good configuration by what, and what the error must name.
const WRONG: [(&str, &str, &str); 4] = [
    ("kafka_port", "kafka_prot", "kafka_prot"),
    ("lateness = \"1m\"", "lateness = \"1 parsec\"", "lateness"),
    ("name = \"fleet\"", "name = \"host\"", "name"),
    ("stream = \"fleet\"", "stream = \"flet\"", "stream"),
];

pub(crate) fn is_refused() -> Outcome {
    let stack = TestStack::new(false)?;
    let good = fs::read_to_string(stack.config())?;
    for (right, wrong, key) in WRONG {
        let text = good.replacen(right, wrong, 1);
        // The last one: of two streams of one name the second is wrong.
        let lines: Vec<&str> = text.lines().collect();
        let index =
            lines.iter().rposition(|line| line.contains(wrong)).ok_or("nothing replaced")?;
        let line = index + 1;
        fs::write(stack.config(), &text)?;
        refused(&stack, key, line)?;
    }
    Ok(())
}

fn refused(stack: &TestStack, key: &str, line: usize) -> Outcome {
    let output = stack.up()?;
    let said = text(&output);
    ensure(output.status.code() == Some(2), || format!("exit status {:?}: {said}", output.status))?;
    let place = format!("{}:{line}:", stack.config().display());
    ensure(said.contains(&place) && said.contains(key), || {
        format!("the error names neither {place} nor {key}: {said}")
    })?;
    let left = process::of_home(&stack.home());
    ensure(left.is_empty() && !stack.home().join("data").exists(), || format!("started: {left:?}"))
}
