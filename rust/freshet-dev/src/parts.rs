//! What the stack is made of, as data: build steps and services that say what they need and how they are run. A new
//! one is one file under `build/` or `services/` and one line in that folder's list.

use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use freshet_core::config::Config;

use crate::build::Stamp;
use crate::probe::Readiness;
use crate::state::{Home, Topology};
use crate::supervise::{CommandLine, DiskUse};

/// What every plan is made from.
#[derive(Clone, Debug)]
pub struct Context {
    /// The project's folder.
    pub root: PathBuf,
    /// Where the stack's state lives.
    pub home: Home,
    /// The validated configuration.
    pub config: Config,
    /// The file it came from, absolute.
    pub config_file: PathBuf,
    /// Which services carry the topics.
    pub topology: Topology,
    /// Whether Prometheus watches the stack.
    pub observability: bool,
    /// The Java program.
    pub java: PathBuf,
    /// Where cargo puts what it builds.
    pub target: PathBuf,
}

impl Context {
    /// A program of ours.
    pub fn program(&self, name: &str) -> PathBuf {
        self.target.join("release").join(name)
    }

    /// The native library of the Spark job.
    pub fn native_library(&self) -> PathBuf {
        let extension = if cfg!(target_os = "macos") { "dylib" } else { "so" };
        self.program("libfreshet_jni").with_extension(extension)
    }

    /// The jar that Spark runs.
    pub fn spark_jar(&self) -> PathBuf {
        self.root.join("build/libs/freshet-spark-all.jar")
    }

    /// The file in which Gradle lists a service's jars.
    pub fn classpath_file(&self, service: &str) -> PathBuf {
        self.root.join("build/classpaths").join(format!("{service}.txt"))
    }
}

/// Why a plan could not be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing}: {source}")]
pub struct PlanError {
    doing: String,
    source: io::Error,
}

impl PlanError {
    /// An error while `doing` something to a file.
    pub fn at(doing: &str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let doing = format!("{doing} {}", path.display());
        move |source| Self { doing, source }
    }

    /// A plan that fails for a reason of its own.
    pub fn because(doing: &str, why: impl Display) -> Self {
        Self { doing: doing.to_owned(), source: io::Error::other(why.to_string()) }
    }
}

/// A part of the stack.
#[derive(Clone, Debug)]
pub struct Part {
    /// Its name, which is also the name of its log.
    pub name: &'static str,
    /// The parts that have to be ready first, and of a store all its nodes; what this stack lacks doesn't count.
    pub needs: &'static [&'static str],
    /// What it does.
    pub work: Work,
}

/// What a part does.
#[derive(Clone, Copy, Debug)]
pub enum Work {
    /// Something that ends, such as a build.
    Step(fn(&Context) -> Result<Step, PlanError>),
    /// A process that stays.
    Service {
        /// When it ends: tier 0 first. Sources go first and stores last, so that nothing in flight is lost.
        tier: u8,
        /// How long it may take to end by itself.
        grace: Duration,
        /// What it does to the disk.
        disk: DiskUse,
        /// How it is run; made anew for each start.
        plan: fn(&Context) -> Result<Plan, PlanError>,
    },
}

impl Part {
    /// Whether it is a process that stays.
    pub fn is_service(&self) -> bool {
        matches!(self.work, Work::Service { .. })
    }

    /// How long it may take to end: builds are killed rather than asked, they have nothing to save.
    pub fn grace(&self) -> Duration {
        const BUILD: Duration = Duration::from_secs(2);
        match self.work {
            Work::Step(_) => BUILD,
            Work::Service { grace, .. } => grace,
        }
    }

    /// What it does to the disk: a build has been given its room before it began.
    pub fn disk(&self) -> DiskUse {
        match self.work {
            Work::Step(_) => DiskUse::Spares,
            Work::Service { disk, .. } => disk,
        }
    }

    /// When it ends; builds go with the first.
    pub fn tier(&self) -> u8 {
        match self.work {
            Work::Step(_) => 0,
            Work::Service { tier, .. } => tier,
        }
    }
}

/// Commands to run to their end, one after the other; none when everything is up to date.
#[derive(Debug, Default)]
pub struct Step {
    /// The commands.
    pub commands: Vec<CommandLine>,
    /// Written when all have succeeded, so that the next time there is nothing to do.
    pub stamp: Option<Stamp>,
}

/// How a service is run.
#[derive(Debug)]
pub struct Plan {
    /// What has to run to its end before, such as formatting a new disk.
    pub before: Vec<CommandLine>,
    /// The service itself.
    pub command: CommandLine,
    /// How to see that it answers.
    pub readiness: Readiness,
    /// Where it answers, for people.
    pub address: Option<String>,
    /// The exit code by which it says that the configuration has to change first; starting it again would not help.
    pub refusal: Option<i32>,
    /// The exit code by which it says that there is nothing left to do; starting it again would be for nothing.
    pub done: Option<i32>,
    /// What making this plan has found, for people.
    pub notices: Vec<String>,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    const CONFIG: &str = r#"
        [[stream]]
        name = "host"
        format = "json"
        series = ["host"]
        values = { usage = "usage" }
        windows = ["10s"]

        [[source]]
        kind = "host"
        stream = "host"
    "#;

    /// A context with the default settings, for tests of plans.
    pub(crate) fn context() -> Context {
        let config =
            Config::parse(CONFIG, Path::new("freshet.toml"), std::collections::BTreeMap::new())
                .unwrap();
        Context {
            root: "/project".into(),
            home: Home::new("/project/.freshet"),
            config,
            config_file: "/project/freshet.toml".into(),
            topology: Topology::Kraft,
            observability: false,
            java: "java".into(),
            target: "/project/target".into(),
        }
    }
}
