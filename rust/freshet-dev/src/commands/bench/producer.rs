//! `./freshet bench --producer`: the producer, once per round.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tokio::time::sleep;

use crate::benchmark::{ProducerReport, ProducerRun, Usage};
use crate::cli::BenchArgs;
use crate::display::{grouped, note};
use crate::parts::Context;
use crate::services::producer::command;
use crate::supervise::{Failure, Guards};

/// The name of the program's log.
const PROGRAM: &str = "producer";
/// What the producer does after it was last looked at is not seen: little, compared to a round.
const INTERVAL: Duration = Duration::from_millis(5);
/// It ends by itself; what is told to end is not measured.
const GRACE: Duration = Duration::from_secs(1);

/// Measures the rounds; the one before them only warms the broker up. Dropping this ends the producer.
pub(super) async fn run(
    context: &Context,
    guards: &Guards,
    arguments: &BenchArgs,
) -> anyhow::Result<ProducerReport> {
    let records = arguments.records();
    note(format_args!("{} records in each round; round 0 warms up", grouped(records as f64)));
    let mut runs = Vec::new();
    for round in 0..=arguments.rounds {
        let run = run_once(context, guards, records).await?;
        note(progress_line(round, &run));
        if round > 0 {
            runs.push(run);
        }
    }
    ProducerReport::new(&runs).context("no round was measured")
}

async fn run_once(context: &Context, guards: &Guards, records: u64) -> anyhow::Result<ProducerRun> {
    let log = context.home.log(PROGRAM);
    let start = Instant::now();
    let mut guarded = guards.spawn(&command(context), &log, GRACE).await?;
    let mut usage = None;
    let exit = loop {
        usage = guarded.pid().and_then(Usage::of).or(usage);
        tokio::select! {
            exit = guarded.ended() => break exit,
            () = sleep(INTERVAL) => {}
        }
    };
    let seconds = start.elapsed().as_secs_f64();
    // By its exit code it says that Kafka has acknowledged every record.
    if !exit.is_success() {
        bail!("{}", Failure::of(PROGRAM, exit, log));
    }
    let usage =
        usage.context("this system does not say what a process uses: it needs /proc of Linux")?;
    Ok(ProducerRun { records, seconds, usage })
}

fn progress_line(round: u32, run: &ProducerRun) -> String {
    let (speed, cpu) = (grouped(run.records_per_second()), run.cpu_seconds_per_million());
    let memory = run.usage.peak_memory_bytes >> 20;
    format!(
        "round {round}  {speed:>10} records/s {cpu:>8.3} CPU-s per million {memory:>5} MiB at most"
    )
}
