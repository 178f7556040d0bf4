//! Where the project and its state are.

use std::env;
use std::path::{self, Path, PathBuf};

use anyhow::Context as _;

use crate::cli::StackArgs;
use crate::parts::Context;
use crate::preflight::{java_program, refuse_shared_ports};
use crate::state::Home;

/// The project's folder and everything that hangs on it.
#[derive(Debug)]
pub(super) struct Project {
    pub(super) root: PathBuf,
    pub(super) home: Home,
    pub(super) target: PathBuf,
}

impl Project {
    /// The project that the script `./freshet` named, or the one around the current folder.
    pub(super) fn find() -> anyhow::Result<Self> {
        let root = match env::var_os("FRESHET_ROOT") {
            Some(root) => PathBuf::from(root),
            None => around(&env::current_dir()?)?,
        };
        let home = folder_from("FRESHET_HOME")?.unwrap_or_else(|| root.join(".freshet"));
        let target = folder_from("CARGO_TARGET_DIR")?.unwrap_or_else(|| root.join("target"));
        Ok(Self { root, home: Home::new(home), target })
    }

    /// What the plans of a stack are made from; refuses a wrong configuration.
    pub(super) fn context(&self, arguments: &StackArgs) -> anyhow::Result<Context> {
        let file = self.config_file(arguments.config.as_ref())?;
        let context = Context {
            root: self.root.clone(),
            home: self.home.clone(),
            config: freshet_sources::load(&file)?.config,
            config_file: path::absolute(&file)?,
            topology: arguments.topology(),
            observability: arguments.observability,
            java: java_program(),
            target: self.target.clone(),
        };
        refuse_shared_ports(&context)?;
        Ok(context)
    }

    /// The configuration that was named, or the project's own.
    pub(super) fn config_file(&self, named: Option<&PathBuf>) -> anyhow::Result<PathBuf> {
        named.map_or_else(|| near(self.root.join("freshet.toml")), |file| Ok(file.clone()))
    }
}

/// The configuration that was named, or the project's.
pub(super) fn config_file(named: Option<&PathBuf>) -> anyhow::Result<PathBuf> {
    match named {
        Some(file) => Ok(file.clone()),
        None => Project::find()?.config_file(None),
    }
}

/// A path as people would type it here: errors that name it are shorter to read.
fn near(file: PathBuf) -> anyhow::Result<PathBuf> {
    let here = env::current_dir()?;
    Ok(file.strip_prefix(here).map(Path::to_owned).unwrap_or(file))
}

fn folder_from(variable: &str) -> anyhow::Result<Option<PathBuf>> {
    let folder = env::var_os(variable).filter(|folder| !folder.is_empty());
    folder.map(|folder| path::absolute(folder).context(variable.to_owned())).transpose()
}

fn around(folder: &Path) -> anyhow::Result<PathBuf> {
    let found = folder.ancestors().find(|folder| folder.join("build.gradle").exists());
    found
        .map(Path::to_owned)
        .context("this is not inside the project's folder; run the script ./freshet there")
}
