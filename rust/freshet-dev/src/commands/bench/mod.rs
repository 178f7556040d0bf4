//! `./freshet bench`: a broker of its own, one Java program or the producer, and the figures of what was measured.

mod producer;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{anyhow, bail};
use freshet_core::config::Config;
use serde::Serialize;
use tokio::time::sleep;

use super::exit;
use super::project::Project;
use super::running::wait_for_leftovers;
use super::supervise::{StopSignal, runtime};
use super::up::is_ready;
use crate::benchmark::{
    Compiler, Event, Latency, Measurement, ProducerReport, Report, Results, configuration,
    producer_configuration, queries,
};
use crate::cli::BenchArgs;
use crate::display::{Progress, grouped, note, say};
use crate::parts::{Context, Part};
use crate::preflight::{self, free_ports, java_program};
use crate::services::benchmark::command;
use crate::state::{Home, ProcessLock, Topology};
use crate::supervise::guard::own_program;
use crate::supervise::{Board, CommandLine, Failure, Guards, Stack};
use crate::{build, services};

/// The name of the program's log.
const PROGRAM: &str = "benchmark";
const INTERVAL: Duration = Duration::from_millis(100);
/// There is nothing to save.
const GRACE: Duration = Duration::from_secs(1);
/// How long the latency is measured.
const LATENCY_SECONDS: u32 = 60;

pub(super) fn run(arguments: &BenchArgs) -> anyhow::Result<ExitCode> {
    if arguments.micro_batch() > arguments.records() / 2 {
        bail!("half of the topic warms up: --micro-batch must be at most half of --records");
    }
    let project = Project::find()?;
    fs::create_dir_all(project.home.run())?;
    let Some(_lock) = ProcessLock::exclusive(&project.home.benchmark_lock())? else {
        bail!("another benchmark is running; each would measure the other's load as well");
    };
    let home = project.home.benchmark();
    // A benchmark that was killed leaves its folder behind.
    wait_for_leftovers(&home)?;
    home.purge()?;
    home.create()?;
    let outcome = measure(context(&project, &home, arguments)?, arguments);
    clean_up(&home, outcome.is_err())?;
    outcome
}

/// Deletes everything, but for the logs where they tell why it failed.
fn clean_up(home: &Home, failed: bool) -> anyhow::Result<()> {
    wait_for_leftovers(home)?;
    let deleted = if failed { home.purge_all_but_logs() } else { home.purge() };
    Ok(deleted?)
}

fn context(project: &Project, home: &Home, arguments: &BenchArgs) -> anyhow::Result<Context> {
    let [kafka, controller] = free_ports()?;
    let text = if arguments.producer {
        producer_configuration(kafka, controller, arguments.records(), arguments.series)
    } else {
        configuration(kafka, controller, &home.checkpoints(Topology::Kraft))
    };
    let config_file = home.run().join("bench.toml");
    fs::write(&config_file, &text)?;
    // Without overrides from the environment: it names somebody's own cluster.
    let mut config = Config::parse(&text, &config_file, std::collections::BTreeMap::new())?;
    // A stack with sources is ready when the first window has come, and there is no Spark job to make one.
    config.sources.clear();
    Ok(Context {
        root: project.root.clone(),
        home: home.clone(),
        config,
        config_file,
        topology: Topology::Kraft,
        observability: false,
        java: java_program(),
        target: project.target.clone(),
    })
}

/// What was measured.
#[derive(Serialize)]
#[serde(untagged)]
enum Figures {
    Job(Report),
    Producer(ProducerReport),
}

impl fmt::Display for Figures {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Job(report) => report.fmt(formatter),
            Self::Producer(report) => report.fmt(formatter),
        }
    }
}

fn measure(context: Context, arguments: &BenchArgs) -> anyhow::Result<ExitCode> {
    if !is_ready(&preflight::of_benchmark(&context)) {
        return Ok(ExitCode::from(exit::NOT_READY));
    }
    let runtime = runtime()?;
    let report = runtime.block_on(async {
        let mut stop = StopSignal::new()?;
        run_beside_kafka(Arc::new(context), arguments, &mut stop).await
    })?;
    runtime.shutdown_background();
    let Some(report) = report else {
        note("told to stop; nothing is left behind");
        return Ok(ExitCode::from(exit::FAILED));
    };
    if arguments.json {
        say(serde_json::to_string(&report)?)?;
    } else {
        say(format_args!("\n{report}"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Builds, starts Kafka, measures, and ends Kafka; `None` when told to stop.
async fn run_beside_kafka(
    context: Arc<Context>,
    arguments: &BenchArgs,
    stop: &mut StopSignal,
) -> anyhow::Result<Option<Figures>> {
    let build =
        if arguments.producer { build::of_producer_benchmark() } else { build::of_benchmark() };
    let parts: Vec<Part> = build.into_iter().chain(services::of_benchmark()).collect();
    let names: Vec<(&str, bool)> =
        parts.iter().map(|part| (part.name, part.is_service())).collect();
    let board = Arc::new(Board::new(&context.config_file, context.topology, &names));
    let guards = Guards::new(own_program(), context.home.parts_lock());
    let mut stack = Stack::launch(Arc::clone(&context), Arc::clone(&board), &guards, parts);
    let outcome = tokio::select! {
        outcome = async {
            wait_until_ready(&mut stack, &board).await?;
            if arguments.producer {
                return producer::run(&context, &guards, arguments).await.map(Figures::Producer).map(Some);
            }
            run_programs(&context, &guards, arguments).await.map(Figures::Job).map(Some)
        } => outcome,
        _ = stop.received() => Ok(None),
    };
    stack.stop().await;
    outcome
}

async fn wait_until_ready(stack: &mut Stack, board: &Board) -> anyhow::Result<()> {
    let mut progress = Progress::new();
    let mut changes = board.watch();
    let outcome = {
        let ready = stack.ready();
        tokio::pin!(ready);
        loop {
            progress.show(&changes.borrow_and_update().clone());
            tokio::select! {
                outcome = &mut ready => break outcome,
                // The board lives as long as this waits.
                _ = changes.changed() => {}
            }
        }
    };
    progress.show(&board.snapshot());
    progress.finish();
    outcome.map_err(|failure| anyhow!("{failure}"))
}

/// Runs the program with one compiler after the other, and shows what it reports. Dropping this ends it.
async fn run_programs(
    context: &Context,
    guards: &Guards,
    arguments: &BenchArgs,
) -> anyhow::Result<Report> {
    note(begun(arguments));
    let mut seen = Seen::default();
    // How long an event takes is measured once.
    let programs = if arguments.latency { 1 } else { arguments.compiler.len() };
    for compiler in arguments.compiler.iter().take(programs) {
        run_program(context, guards, arguments, *compiler, &mut seen).await?;
    }
    let micro_batch = (!arguments.latency).then(|| arguments.micro_batch());
    Ok(Report::new(&seen.measurements, micro_batch, seen.latency))
}

/// Runs the program to its end.
async fn run_program(
    context: &Context,
    guards: &Guards,
    arguments: &BenchArgs,
    compiler: Compiler,
    seen: &mut Seen,
) -> anyhow::Result<()> {
    let file = context.home.run().join(format!("results-{compiler}.jsonl"));
    let program = program(context, &file, arguments, compiler, seen.filled)?;
    let log = context.home.log(PROGRAM);
    let mut guarded = guards.spawn(&program, &log, GRACE).await?;
    let mut results = Results::new(file);
    let exit = loop {
        tokio::select! {
            exit = guarded.ended() => break exit,
            () = sleep(INTERVAL) => seen.take(results.added()?),
        }
    };
    seen.take(results.added()?);
    if !exit.is_success() {
        bail!("{}", Failure::of(PROGRAM, exit, log));
    }
    Ok(())
}

fn program(
    context: &Context,
    results: &Path,
    arguments: &BenchArgs,
    compiler: Compiler,
    filled: bool,
) -> anyhow::Result<CommandLine> {
    let folder: PathBuf = context.home.data(PROGRAM);
    fs::create_dir_all(&folder)?;
    let program = command(context, compiler)?
        .arg("--configuration")
        .arg(&context.config_file)
        .arg("--folder")
        .arg(folder)
        .arg("--results")
        .arg(results)
        .args(arguments.conf.iter().flat_map(|setting| ["--conf", setting]));
    if arguments.latency {
        return Ok(program.arg("--latency-seconds").arg(LATENCY_SECONDS.to_string()));
    }
    let only: Vec<String> =
        queries(&arguments.only).iter().map(|(case, engine)| format!("{case}/{engine}")).collect();
    Ok(program
        .args(["--records", &arguments.records().to_string()])
        .args(["--series", &arguments.series.to_string()])
        .args(["--micro-batch", &arguments.micro_batch().to_string()])
        .args(["--codecs", &codecs(arguments)])
        .args(["--filled", &filled.to_string()])
        .args(["--warm-up-seconds", &arguments.warm_up.to_string()])
        .args(["--rounds", &arguments.rounds.to_string()])
        .args(["--only", &only.join(",")]))
}

fn codecs(arguments: &BenchArgs) -> String {
    let codecs: Vec<String> = arguments.codec.iter().map(ToString::to_string).collect();
    codecs.join(",")
}

fn begun(arguments: &BenchArgs) -> String {
    if arguments.latency {
        return format!("measuring from event to window for {LATENCY_SECONDS} s, after a warm-up");
    }
    let (records, codecs) = (grouped(arguments.records() as f64), codecs(arguments));
    format!("filling a topic with {records} records for each codec: {codecs}")
}

/// What the program has reported so far.
#[derive(Default)]
struct Seen {
    /// The topics have their records.
    filled: bool,
    measurements: Vec<Measurement>,
    latency: Option<Latency>,
}

impl Seen {
    fn take(&mut self, events: Vec<Event>) {
        for event in events {
            match event {
                Event::Filled => {
                    self.filled = true;
                    note("the topic is filled; round 0 warms up");
                }
                Event::Measured(measurement) => {
                    note(progress_line(&measurement));
                    self.measurements.push(measurement);
                }
                Event::Latency(latency) => self.latency = Some(latency),
            }
        }
    }
}

fn progress_line(one: &Measurement) -> String {
    let Measurement { case, engine, codec, compiler, round, .. } = one;
    let (speed, cpu) = (grouped(one.records_per_second()), one.cpu_seconds_per_million());
    format!(
        "round {round}  {case:16} {engine:8} {codec:6} {compiler:6} {speed:>10} records/s {cpu:>8.3} CPU-s per million"
    )
}
