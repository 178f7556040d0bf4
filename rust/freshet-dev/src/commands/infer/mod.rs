//! `./freshet infer`: a stream for a sample of records.

mod topic;

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use freshet_core::infer::{Proposal, Sample, check_name, propose};

use crate::cli::InferArgs;
use crate::display::note;
use crate::state::now_ms;

/// Of a larger file the beginning is looked at.
const READ_BYTES: usize = 16 << 20;
/// What a stream is called whose sample has no name.
const UNNAMED: &str = "sample";

pub(super) fn run(arguments: &InferArgs) -> anyhow::Result<ExitCode> {
    let name = arguments.name.clone().unwrap_or_else(|| name_of(arguments));
    check_name(&name)?;
    let sample = match (&arguments.file, &arguments.topic) {
        (Some(file), _) => sample_of(file, arguments.records as usize)?,
        (None, topic) => topic::sample(arguments, topic.as_deref().unwrap_or_default(), &name)?,
    };
    let proposal = propose(&name, &sample, now_ms())?;
    match io::stdout().lock().write_all(proposal.configuration.as_bytes()) {
        // Whoever read it has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        outcome => outcome?,
    }
    say(&name, arguments, &sample, &proposal);
    Ok(ExitCode::SUCCESS)
}

/// What could not be guessed, and how to try the proposal.
fn say(name: &str, arguments: &InferArgs, sample: &Sample, proposal: &Proposal) {
    note(format_args!("the proposal {}", proposal.share));
    for remark in &proposal.remarks {
        note(format_args!("note: {remark}"));
    }
    if let Some(file) = arguments.file.as_ref().filter(|file| file.as_path() != Path::new("-")) {
        let whole = if sample.is_whole() { " --whole" } else { "" };
        let key = if proposal.needs_key { " --key KEY" } else { "" };
        let file = file.display();
        note(format_args!(
            "to try it, redirect it to {name}.toml: ./freshet parse -c {name}.toml --stream {name}{whole}{key} {file}"
        ));
    }
}

/// What the sample is called, as far as a stream may be called so.
fn name_of(arguments: &InferArgs) -> String {
    let of_file = || arguments.file.as_ref()?.file_stem()?.to_str();
    let of_topic = || arguments.topic.as_deref().map(|topic| topic.trim_start_matches("raw."));
    let found = of_file().or_else(of_topic).unwrap_or_default();
    let is_good = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let name: String = found.chars().map(|c| if is_good(c) { c } else { '-' }).take(100).collect();
    let name = name.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
    if name.is_empty() { UNNAMED.to_owned() } else { name.to_owned() }
}

fn sample_of(file: &Path, most: usize) -> anyhow::Result<Sample> {
    let reading = || format!("cannot read {}", file.display());
    let mut bytes = Vec::new();
    let limit = READ_BYTES as u64 + 1;
    if file == Path::new("-") {
        io::stdin().lock().take(limit).read_to_end(&mut bytes).with_context(reading)?;
    } else {
        let opened = File::open(file).with_context(reading)?;
        opened.take(limit).read_to_end(&mut bytes).with_context(reading)?;
    }
    if bytes.len() > READ_BYTES {
        note("note: only the first 16 MiB of the sample are looked at");
        // The last line is cut off.
        let end = bytes.iter().rposition(|byte| *byte == b'\n').unwrap_or(READ_BYTES);
        bytes.truncate(end);
    }
    Ok(Sample::of_file(&bytes, most)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_called_like_its_sample() {
        let name = |file: Option<&str>, topic: Option<&str>| {
            name_of(&InferArgs {
                file: file.map(Into::into),
                topic: topic.map(str::to_owned),
                config: None,
                name: None,
                records: 1,
            })
        };
        for (file, expected) in [
            ("/tmp/my readings.csv", "my-readings"),
            ("-", "sample"),
            ("_x.json", "x"),
            ("ä", "sample"),
        ] {
            assert_eq!(name(Some(file), None), expected, "{file}");
            assert!(check_name(&name(Some(file), None)).is_ok());
        }
        assert_eq!(name(None, Some("raw.sensors")), "sensors");
        assert_eq!(name(None, Some("plant.metrics")), "plant.metrics");
    }
}
