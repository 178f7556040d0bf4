//! The newest records of a topic: the producer reads them, as this program has no client of Kafka.

use std::process::{Command, Stdio};

use anyhow::{Context as _, bail, ensure};
use freshet_core::infer::{Sample, SampleRecord};
use freshet_core::topics::StreamTopics;

use super::super::project::Project;
use crate::cli::InferArgs;
use crate::display::note;

const READER: &str = "freshet-producer";

pub(super) fn sample(arguments: &InferArgs, topic: &str, name: &str) -> anyhow::Result<Sample> {
    let project = Project::find()?;
    let config = project.config_file(arguments.config.as_ref())?;
    // A wrong configuration is said here, with the exit code for it.
    let prefix = freshet_sources::load(&config)?.config.kafka.topic_prefix;
    let program = project.target.join("release").join(READER);
    if !program.exists() {
        build(&project)?;
    }
    let output = Command::new(&program)
        .arg("--config")
        .arg(&config)
        .args(["--sample", topic, "--records", &arguments.records.to_string()])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot run {}", program.display()))?;
    ensure!(output.status.success(), "the topic {topic} cannot be read: see above");
    let records: Vec<SampleRecord> = output
        .stdout
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(serde_json::from_slice)
        .collect::<Result<_, _>>()
        .context("what the producer says of the topic is not understood: build it again")?;
    if records.is_empty() {
        bail!("the topic {topic} has no records: name another one, or give a FILE");
    }
    let sample = Sample::of_records(records)?;
    let is_ours = StreamTopics::new(&prefix, name).raw == [topic];
    Ok(if is_ours { sample } else { sample.of_topic(topic) })
}

fn build(project: &Project) -> anyhow::Result<()> {
    note(format_args!("building {READER}, which reads the topic (minutes, once)"));
    let status = Command::new("cargo")
        .args(["build", "--release", "--locked", "--workspace", "--bin", READER])
        .current_dir(&project.root)
        .stdout(Stdio::null())
        .status()
        .context("cannot run cargo")?;
    ensure!(status.success(), "the build failed; the messages above say why");
    Ok(())
}
