//! A plan as people read it: each step of the sum with its arithmetic.

mod cassandra;
mod kafka;
mod load;
mod spark;
mod units;

pub use units::number;

use super::settings;
use super::sum::Plan;
use crate::display::Table;
use cassandra::{cassandra, writer};
use kafka::kafka;
use load::{load, producer};
use spark::spark;

/// A step of the sum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The part that it is about.
    pub part: &'static str,
    /// What is counted.
    pub what: &'static str,
    /// How much it is, with its unit.
    pub value: String,
    /// The arithmetic.
    pub how: String,
}

/// All steps, in their order.
pub fn steps(plan: &Plan) -> Vec<Step> {
    [load(plan), producer(plan), kafka(plan), spark(plan), writer(plan), cassandra(plan)].concat()
}

fn step(part: &'static str, what: &'static str, value: String, how: String) -> Step {
    Step { part, what, value, how }
}

/// The bottleneck in one sentence.
pub fn bottleneck(plan: &Plan) -> String {
    let found = &plan.bottleneck;
    format!(
        "the bottleneck is the {} of {}: {} machines' worth; what helps: {}",
        found.resource,
        found.part,
        number((found.machines * 100.0).ceil() / 100.0),
        found.relief
    )
}

/// All of it as text for a terminal.
pub fn text(plan: &Plan) -> String {
    let mut table = Table::default();
    let mut part = "";
    for step in steps(plan) {
        let name = if step.part == part { "" } else { step.part };
        part = step.part;
        table.row([name, step.what, &step.value, &step.how]);
    }
    let notes = settings::notes(plan).into_iter().map(|note| format!("note: {note}\n"));
    let topic = settings::raw_topic(plan).map(|setting| {
        format!("\n# kafka-configs.sh --alter --entity-type topics, of the raw topic\n--add-config {setting}\n")
    });
    [
        format!("{table}\n\n{}\n", bottleneck(plan)),
        notes.collect(),
        format!("\n# freshet.toml\n{}", settings::freshet_toml(plan)),
        format!("\n# spark-submit\n{}\n", spark_submit(plan)),
        topic.unwrap_or_default(),
    ]
    .concat()
}

/// All of it as docs/scaling.md has it.
pub fn markdown(plan: &Plan) -> String {
    let mut part = "";
    let rows = steps(plan).into_iter().map(|step| {
        let name = if step.part == part { "" } else { step.part };
        part = step.part;
        format!("| {name} | {} | {} | {} |\n", step.what, step.value, step.how)
    });
    [
        "| Part | What | How much | Because |\n|---|---|---:|---|\n".to_owned(),
        rows.collect(),
        format!("\n```toml\n{}```\n", settings::freshet_toml(plan)),
        format!("\n```text\n{}\n```\n", spark_submit(plan)),
    ]
    .concat()
}

fn spark_submit(plan: &Plan) -> String {
    let options = settings::spark_submit(plan);
    let lines = options.iter().map(|(key, value)| format!("--conf {key}={value}"));
    lines.collect::<Vec<_>>().join(" \\\n")
}
