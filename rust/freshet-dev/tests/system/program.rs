//! A producer or writer that a test has started in a folder of its own, where its configuration is.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::Duration;

use freshet_dev::benchmark::Usage;
use freshet_runtime::exposition;
use libtest_mimic::Failed;

use crate::Outcome;
use crate::stack::project;
use crate::waiting::{ensure, until};

/// Writes the configuration of a producer with one source, given by its own lines, for the stream `s`: records with a
/// series in `id` and a value in `v`. Its topics begin with the prefix.
pub(crate) fn configure(folder: &Path, servers: &str, prefix: &str, source: &str) -> Outcome {
    let configuration = format!(
        r#"
[kafka]
bootstrap_servers = "{servers}"
topic_prefix = "{prefix}."
partitions = 4

[producer]
metrics_address = ""

[[stream]]
name = "s"
series = ["id"]
values = {{ v = "v" }}
windows = ["10s"]

[[source]]
stream = "s"
{source}
"#
    );
    Ok(fs::write(folder.join("freshet.toml"), configuration)?)
}

/// The program; it ends with the test.
pub(crate) struct Program {
    process: Child,
    log: PathBuf,
}

impl Program {
    /// Starts a producer; what it says goes into a file of the folder.
    pub(crate) fn producer(folder: &Path, log: &str, arguments: &[&str]) -> Result<Self, Failed> {
        Self::start("freshet-producer", folder, log, arguments)
    }

    /// Starts a writer.
    pub(crate) fn writer(folder: &Path, log: &str) -> Result<Self, Failed> {
        Self::start("freshet-cassandra-writer", folder, log, &[])
    }

    fn start(name: &str, folder: &Path, log: &str, arguments: &[&str]) -> Result<Self, Failed> {
        let log = folder.join(log);
        let file = File::create(&log)?;
        let process = Command::new(project().join("target/release").join(name))
            .args(["-c", "freshet.toml"])
            .args(arguments)
            .current_dir(folder)
            .env("FRESHET_LOG_FORMAT", "json")
            .env_remove("RUST_LOG")
            .stdin(Stdio::piped())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()?;
        Ok(Self { process, log })
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// What it has said so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Its standard input, for whoever writes it; it ends when that is dropped.
    pub(crate) fn take_input(&mut self) -> Option<ChildStdin> {
        self.process.stdin.take()
    }

    pub(crate) fn kill(mut self) -> Outcome {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }

    /// Its status, once it has ended by itself.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>, Failed> {
        Ok(self.process.try_wait()?)
    }

    pub(crate) fn wait(&mut self, limit: Duration) -> Result<ExitStatus, Failed> {
        until(limit, || {
            self.ended()?.ok_or_else(|| format!("it has not ended: {}", self.log()).into())
        })
    }

    /// Waits until it has ended well.
    pub(crate) fn finish(&mut self, limit: Duration) -> Outcome {
        let status = self.wait(limit)?;
        ensure(status.success(), || format!("the program: {status}\n{}", self.log()))
    }

    /// Its metrics, by name and labels.
    pub(crate) fn metrics(&self) -> Result<BTreeMap<String, f64>, Failed> {
        let log = self.log();
        let (_, rest) = log.split_once(r#""address":""#).ok_or("it has not said its address")?;
        let address = rest.split('"').next().unwrap_or_default();
        let text =
            ureq::get(format!("http://{address}/metrics")).call()?.body_mut().read_to_string()?;
        Ok(exposition::check(&text)?)
    }

    /// One of a producer's metrics of a source.
    pub(crate) fn metric(&self, name: &str, source: &str) -> Result<u64, Failed> {
        let name = format!("freshet_producer_{name}{{source=\"{source}\"}}");
        let value = self.metrics()?.get(&name).copied();
        let value = value.ok_or_else(|| format!("there is no {name}"))?;
        // A counter, in the text as in the number.
        Ok(value.to_string().parse()?)
    }

    /// What it has held in memory at most so far, in bytes.
    pub(crate) fn peak_memory(&self) -> Result<u64, Failed> {
        let usage = Usage::of(self.id()).ok_or("it has no process")?;
        Ok(usage.peak_memory_bytes)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended long ago.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
