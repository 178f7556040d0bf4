//! Buildah, with a storage of its own below `target/`, and the images that stand in for the official ones: made with
//! debootstrap and of what registries have, and tagged with the official names, so that the Dockerfiles are built as
//! they are.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use libtest_mimic::Failed;

use crate::Outcome;
use crate::stack::{project, text};
use crate::waiting::ensure;

/// What the programs need to run and to be made smaller; the official images have more.
const PACKAGES: &str = "--include=binutils,ca-certificates,libssl3,zlib1g";

/// Where all of it is kept.
fn folder() -> PathBuf {
    project().join("target/images")
}

/// A storage of images, and the way to work on it.
pub(super) struct Buildah {
    versions: BTreeMap<String, String>,
    storage: PathBuf,
}

impl Buildah {
    /// The storage with all images that the Dockerfiles build on.
    pub(super) fn with_stand_ins() -> Result<Self, Failed> {
        let this = Self { versions: versions()?, storage: folder().join("storage") };
        let debian = this.debian()?;
        let node = this.node()?;
        let version = |name: &str| this.version(name);
        let release = version("DEBIAN_RELEASE");
        this.stand_in(
            &debian,
            None,
            &format!("library/debian:{}-slim", version("DEBIAN_VERSION")),
        )?;
        this.stand_in(
            &debian,
            None,
            &format!("library/rust:{}-{release}", version("RUST_VERSION")),
        )?;
        let name = format!("library/node:{}-{release}-slim", version("NODE_VERSION"));
        this.stand_in(&debian, Some((&node, "/usr/local/bin/node")), &name)?;
        let (spark, scala) = (version("SPARK_VERSION"), version("SCALA_VERSION"));
        let java = version("JAVA_VERSION");
        let name = format!("apache/spark:{spark}-scala{scala}-java{java}-ubuntu");
        this.stand_in(&debian, None, &name)?;
        Ok(this)
    }

    fn version(&self, name: &str) -> &str {
        self.versions.get(name).expect("docker/versions.env has every version that is asked for")
    }

    /// Runs a command on the storage; gives back what it prints.
    pub(super) fn run<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<String, Failed> {
        let output = self.command().args(arguments).output()?;
        ensure(output.status.success(), || format!("buildah: {}", text(&output)))?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// A command on the storage.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new("buildah");
        command.arg("--root").arg(&self.storage);
        command.arg("--runroot").arg(folder().join("run"));
        command.env("BUILDAH_ISOLATION", "chroot").current_dir(project());
        command
    }

    /// The files of an image, in a container of its own.
    pub(super) fn mount(&self, image: &str) -> Result<Mounted<'_>, Failed> {
        let container = self.run(["from", "--pull-never", image])?;
        let mut mounted = Mounted { buildah: self, container, root: PathBuf::new() };
        mounted.root = PathBuf::from(self.run(["mount", &mounted.container])?);
        Ok(mounted)
    }

    /// Gives the storage an image of this name: the files of a folder, and one more.
    fn stand_in(&self, files: &Path, more: Option<(&Path, &str)>, name: &str) -> Outcome {
        let name = format!("docker.io/{name}");
        if self.run(["inspect", "--type", "image", &name]).is_ok() {
            return Ok(());
        }
        let container = self.mount("scratch")?;
        copy(files, &container.root)?;
        if let Some((file, place)) = more {
            fs::copy(file, container.root.join(place.trim_start_matches('/')))?;
        }
        self.run(["commit", "--quiet", &container.container, &name])?;
        Ok(())
    }

    /// A small Debian, from its packages.
    fn debian(&self) -> Result<PathBuf, Failed> {
        let release = self.version("DEBIAN_RELEASE").to_owned();
        made(&format!("debian-{release}"), |folder| {
            run(Command::new("debootstrap")
                .args(["--variant=minbase", PACKAGES, &release])
                .arg(folder))
        })
    }

    /// The program of Node.js, which is on npm's registry as well.
    fn node(&self) -> Result<PathBuf, Failed> {
        let version = self.version("NODE_VERSION").to_owned();
        let machine = if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" };
        let package = format!("node-linux-{machine}");
        let made = made(&format!("node-{version}"), |folder| {
            let requirement = format!("{package}@{version}");
            let options = ["install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts"];
            run(Command::new("npm").args(options).arg("--prefix").arg(folder).arg(requirement))
        })?;
        Ok(made.join("node_modules").join(package).join("bin/node"))
    }
}

/// A container whose files can be looked at; it is gone with this.
pub(super) struct Mounted<'a> {
    buildah: &'a Buildah,
    pub(super) container: String,
    pub(super) root: PathBuf,
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        drop(self.buildah.run(["rm", &self.container]));
    }
}

/// What docker/versions.env says.
fn versions() -> Result<BTreeMap<String, String>, Failed> {
    let text = fs::read_to_string(project().join("docker/versions.env"))?;
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let lines = lines.filter_map(|line| line.split_once('='));
    Ok(lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

/// A folder that is made once; one that was not finished does not count.
fn made(name: &str, make: impl FnOnce(&Path) -> Outcome) -> Result<PathBuf, Failed> {
    let path = folder().join(name);
    if !path.exists() {
        let unfinished = folder().join(format!("unfinished-{name}"));
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished)?;
        }
        fs::create_dir_all(&unfinished)?;
        make(&unfinished)?;
        fs::rename(&unfinished, &path)?;
    }
    Ok(path)
}

/// Runs a command to its end.
pub(super) fn run(command: &mut Command) -> Outcome {
    let output = command
        .output()
        .map_err(|error| format!("{}: {error}", command.get_program().display()))?;
    ensure(output.status.success(), || {
        format!("{}: {}", command.get_program().display(), text(&output))
    })
}

/// Copies all that a folder holds, with owners and modes, but for packages that were installed already.
fn copy(from: &Path, to: &Path) -> Outcome {
    run(Command::new("cp").args(["--archive", "--no-target-directory"]).arg(from).arg(to))
}
