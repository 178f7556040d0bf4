//! The images as docker/ builds them, on stand-ins for the official bases, with the programs that were built already.
//! What runs in them talks to the services of the tests.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use freshet_dev::preflight::free_ports;
use freshet_dev::state::now_ms;
use libtest_mimic::Failed;
use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;

use super::buildah::{Buildah, Mounted, run};
use crate::Outcome;
use crate::cassandra::Store;
use crate::dashboard;
use crate::kafka::{Sender, copies_of};
use crate::lab::Use;
use crate::process::signal;
use crate::stack::{TestStack, project, text};
use crate::waiting::{LIMIT, ensure, until};

/// Ours together, without Spark's base.
const MOST_BYTES: u64 = 250_000_000;

/// Each with its Dockerfile, and the target in it.
const IMAGES: [(&str, &str, Option<&str>); 4] = [
    ("freshet-producer", "programs", Some("producer")),
    ("freshet-cassandra-writer", "programs", Some("writer")),
    ("freshet-dashboard", "dashboard", None),
    ("freshet-spark", "spark", None),
];

/// Records that a producer in its image reads from a file become the rows that they must, written by a writer in its
/// image beside another one, and shown by a dashboard in its image. Nobody is root, and nothing is written beside what
/// is mounted.
pub(crate) fn programs_run_inside() -> Outcome {
    // Both take minutes the first time, and mostly wait.
    let (stand_ins, lab) = thread::scope(|scope| {
        let stand_ins = scope.spawn(Buildah::with_stand_ins);
        let lab = Use::running();
        (stand_ins.join(), lab)
    });
    let buildah = stand_ins.map_err(|_| "the stand-ins were not made")??;
    let mut lab = lab?;
    let lab = lab.get();
    // With what the stack was built of.
    fill_prebuilt()?;
    IMAGES.into_iter().try_for_each(|image| build(&buildah, image))?;
    sizes_are_small(&buildah)?;
    spark_has_the_job(&buildah)?;
    the_job_is_healthy(&lab.stack)?;

    let folder = configuration(&lab.stack)?;
    jobs_make_topics_and_tables(&buildah, &lab.stack, &folder)?;
    let [producer, writer, dashboard] = free_addresses()?;
    let producer = Container::start(
        &buildah,
        "freshet-producer",
        &folder,
        &["--source", "lines"],
        &[("FRESHET_PRODUCER__METRICS_ADDRESS", &producer)],
    )?;
    let metrics = writer;
    let writer = Container::start(
        &buildah,
        "freshet-cassandra-writer",
        &folder,
        &[],
        &[("FRESHET_WRITER__METRICS_ADDRESS", &metrics)],
    )?;
    let port = dashboard.rsplit(':').next().unwrap_or_default().to_owned();
    let shown = Container::start(
        &buildah,
        "freshet-dashboard",
        &folder,
        &[],
        &[("FRESHET_DASHBOARD__PORT", &port)],
    )?;
    for container in [&producer, &writer, &shown] {
        until(LIMIT, || container.is_healthy())?;
    }

    // Some malformed records are no line of a file.
    let (lines, others): (Vec<_>, Vec<_>) =
        lab.feed.next(60).into_iter().partition(|record| is_line(&record.value));
    let sender = Sender::new(&lab.stack, "known")?;
    sender.send(&others)?;
    sender.flush()?;
    let mut text: Vec<u8> = Vec::new();
    for line in lines {
        text.extend(line.value);
        text.push(b'\n');
    }
    fs::write(folder.path().join("lines.jsonl"), text)?;
    lab.rows_match()?;
    let stored = Store::connect(&lab.stack)?.rows("known")?;
    let first = stored.keys().map(|key| key.start).min().ok_or("there are no rows")?;
    let address = format!("http://{dashboard}");
    let rows = dashboard::rows_of(&address, "known", stored.keys(), (first, now_ms()))?;
    ensure(rows == stored, || "the dashboard's answers differ from the stored rows".to_owned())?;
    dashboard::live_point_at(&address, &project().join("test-results/live-point-in-image.png"))?;
    until(LIMIT, || has_written(&metrics))?;

    for container in [producer, writer, shown] {
        container.stop()?;
    }
    Ok(())
}

/// The jobs that run once before anything else, `topics` and `schema` of docker/compose.yaml: they end well, and so
/// they do where everything is there already.
fn jobs_make_topics_and_tables(buildah: &Buildah, stack: &TestStack, folder: &TempDir) -> Outcome {
    let jobs = [
        ("freshet-producer", "--create-topics", ("FRESHET_KAFKA__TOPIC_PREFIX", "jobs.")),
        ("freshet-cassandra-writer", "--create-schema", ("FRESHET_CASSANDRA__KEYSPACE", "jobs")),
    ];
    for (name, job, place) in jobs {
        for _ in 0..2 {
            Container::start(buildah, name, folder, &[job], &[place])?.finish()?;
        }
    }
    for topic in ["jobs.raw.known", "jobs.windows.known", "jobs.dead-letters", "jobs.health"] {
        ensure(copies_of(stack, topic)? == 1, || format!("there is no topic {topic}"))?;
    }
    let store = Store::connect(stack)?;
    let (made, wanted) = (store.tables("jobs")?, store.tables("freshet")?);
    ensure(made == wanted && !made.is_empty(), || format!("{made:?} instead of {wanted:?}"))?;
    store.execute("DROP KEYSPACE jobs")
}

/// What the Dockerfiles take instead of compiling: see docker/README.md.
fn fill_prebuilt() -> Outcome {
    let script = project().join("docker/build/prebuilt.sh");
    run(Command::new("sh").arg(script).current_dir(project()))
}

fn build(buildah: &Buildah, (name, file, target): (&str, &str, Option<&str>)) -> Outcome {
    let mut arguments = vec!["build", "--pull-never", "--format", "docker"];
    let file = format!("docker/{file}.Dockerfile");
    arguments.extend(["--file", &file, "--build-arg", "PREBUILT=target/prebuilt", "--tag", name]);
    arguments.extend(target.iter().flat_map(|target| ["--target", target]));
    arguments.push(".");
    buildah.run(arguments)?;
    Ok(())
}

fn sizes_are_small(buildah: &Buildah) -> Outcome {
    let mut sizes = Vec::new();
    for (name, ..) in &IMAGES[..3] {
        let image = buildah.mount(name)?;
        ensure(!image.root.join("bin/sh").exists(), || format!("{name} has a shell"))?;
        sizes.push((*name, bytes_in(&image.root)?));
    }
    println!("bytes of the images: {sizes:?}");
    let all: u64 = sizes.iter().map(|(_, bytes)| bytes).sum();
    ensure(all < MOST_BYTES, || format!("the images have {all} bytes: {sizes:?}"))
}

/// The bytes of all files below a folder.
fn bytes_in(folder: &Path) -> Result<u64, Failed> {
    let mut all = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        all += if metadata.is_dir() { bytes_in(&entry.path())? } else { metadata.len() };
    }
    Ok(all)
}

/// Only the stand-in for its base is missing for it to run: the jar is there, and Spark's user can read it.
fn spark_has_the_job(buildah: &Buildah) -> Outcome {
    let image = buildah.mount("freshet-spark")?;
    let jar = image.root.join("opt/freshet/freshet-spark-all.jar");
    let built = project().join("build/libs/freshet-spark-all.jar");
    ensure(fs::read(&jar)? == fs::read(built)?, || "the jar is another one".to_owned())?;
    ensure(fs::metadata(&jar)?.mode() & 0o004 != 0, || {
        "not everybody can read the jar".to_owned()
    })?;
    let owner = fs::metadata(image.root.join("var/lib/freshet"))?.uid();
    ensure(owner == 185, || format!("the checkpoints' folder belongs to {owner}"))
}

/// The health check of the Spark image, of the job that runs here, and of one that does not.
fn the_job_is_healthy(stack: &TestStack) -> Outcome {
    let ask = |address: &str| {
        Command::new("java")
            .args(["-Xmx32m", "-cp", "build/libs/freshet-spark-all.jar"])
            .args(["io.freshet.spark.JobHealth", address])
            .current_dir(project())
            .output()
    };
    let running = ask(&stack.spark_page())?;
    ensure(running.status.success(), || format!("the job is not healthy: {}", text(&running)))?;
    let [nobody] = free_addresses()?;
    let away = ask(&format!("http://{nobody}"))?;
    ensure(away.status.code() == Some(1), || format!("nobody is healthy: {}", text(&away)))
}

/// A folder with the configuration of the stack, and a source that reads the lines of a file beside it.
fn configuration(stack: &TestStack) -> Result<TempDir, Failed> {
    let folder = tempfile::tempdir()?;
    let source = "\n[[source]]\nname = \"lines\"\nkind = \"file\"\nstream = \"known\"\n\
                  path = \"/etc/freshet/lines.jsonl\"\n";
    let text = fs::read_to_string(stack.config())? + source;
    fs::write(folder.path().join("freshet.toml"), text)?;
    fs::write(folder.path().join("lines.jsonl"), "")?;
    fs::create_dir(folder.path().join("spool"))?;
    // The programs run as another user.
    run(Command::new("chmod").args(["-R", "a+rX"]).arg(folder.path()))?;
    Ok(folder)
}

fn free_addresses<const N: usize>() -> Result<[String; N], Failed> {
    Ok(free_ports()?.map(|port| format!("127.0.0.1:{port}")))
}

/// Whether a file can hold the record as one of its lines.
pub(super) fn is_line(record: &[u8]) -> bool {
    std::str::from_utf8(record)
        .is_ok_and(|text| !text.trim().is_empty() && !text.contains(['\n', '\r']))
}

/// Whether the writer in its image has had its share.
fn has_written(address: &str) -> Outcome {
    let mut answer = ureq::get(format!("http://{address}/metrics")).call()?;
    let metrics = freshet_runtime::exposition::check(&answer.body_mut().read_to_string()?)?;
    let written = metrics.get("freshet_writer_windows_written_total").copied().unwrap_or_default();
    ensure(written > 0.0, || "it has written nothing".to_owned())
}

/// A program that runs in a container of its image, as the image says.
struct Container<'a> {
    buildah: &'a Buildah,
    mounted: Mounted<'a>,
    /// Options of `buildah run`: mounts and variables.
    options: Vec<String>,
    image: Value,
    process: Child,
}

impl<'a> Container<'a> {
    fn start(
        buildah: &'a Buildah,
        name: &str,
        folder: &TempDir,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Result<Self, Failed> {
        let mounted = buildah.mount(name)?;
        // The only folder that everybody may write to: with a read-only root, nobody may.
        fs::set_permissions(mounted.root.join("tmp"), Permissions::from_mode(0o555))?;
        let inspected = buildah.run(["inspect", "--type", "image", name])?;
        let image = serde_json::from_str::<Value>(&inspected)?["Docker"]["config"].clone();
        let user = image["User"].as_str().unwrap_or_default();
        ensure(user == "10001:10001", || format!("{name} runs as '{user}'"))?;
        let mut options =
            vec!["--volume".to_owned(), format!("{}:/etc/freshet:ro", folder.path().display())];
        options.extend(environment.iter().map(|(key, value)| format!("--env={key}={value}")));
        let mut command = words(&image["Entrypoint"]);
        command.extend(words(&image["Cmd"]));
        command.extend(arguments.iter().map(|&argument| argument.to_owned()));
        let results = project().join("test-results");
        fs::create_dir_all(&results)?;
        let log = fs::File::create(results.join(format!("{name}-in-image.log")))?;
        let process = in_container(buildah, &mounted, &options, &command)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        Ok(Self { buildah, mounted, options, image, process })
    }

    /// What the image's health check says.
    fn is_healthy(&self) -> Outcome {
        let check = words(&self.image["Healthcheck"]["Test"]);
        let (kind, command) = check.split_first().ok_or("the image has no health check")?;
        ensure(kind == "CMD", || format!("{kind}: the image has no shell"))?;
        let output = in_container(self.buildah, &self.mounted, &self.options, command).output()?;
        ensure(output.status.success(), || text(&output))
    }

    /// Tells the program to end.
    fn stop(self) -> Outcome {
        signal(leaf(self.process.id())?, Signal::SIGTERM)?;
        self.finish()
    }

    /// Waits for the end of the program, which has to be a good one, and looks at what it has left behind.
    fn finish(mut self) -> Outcome {
        let status =
            until(LIMIT, || self.process.try_wait()?.ok_or_else(|| "it has not ended".into()))?;
        ensure(status.success(), || format!("{}: {status}", self.image["Entrypoint"]))?;
        let left = owned_by(&self.mounted.root, 10_001)?;
        ensure(left.is_empty(), || format!("it has written {left:?}"))
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        if let (Ok(None), Ok(program)) = (self.process.try_wait(), leaf(self.process.id())) {
            drop(signal(program, Signal::SIGKILL));
        }
        drop(self.process.wait());
    }
}

fn in_container(
    buildah: &Buildah,
    mounted: &Mounted<'_>,
    options: &[String],
    command: &[String],
) -> Command {
    let mut run = buildah.command();
    run.arg("run").args(options).arg(&mounted.container).arg("--").args(command);
    run
}

fn words(list: &Value) -> Vec<String> {
    let words = list.as_array().into_iter().flatten().filter_map(Value::as_str);
    words.map(str::to_owned).collect()
}

/// The last of the processes that this one has started, each by the one before: the program itself.
fn leaf(pid: u32) -> Result<u32, Failed> {
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        let children = fs::read_to_string(thread?.path().join("children"))?;
        if let Some(child) = children.split_whitespace().last() {
            return leaf(child.parse()?);
        }
    }
    Ok(pid)
}

/// Files of this user below a folder, but for the place of the spool.
fn owned_by(folder: &Path, user: u32) -> Result<Vec<String>, Failed> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let metadata = fs::symlink_metadata(&path)?;
        if metadata.uid() == user && !path.ends_with("etc/freshet/spool") {
            found.push(path.display().to_string());
        }
        if metadata.is_dir() {
            found.extend(owned_by(&path, user)?);
        }
    }
    Ok(found)
}
