//! A command as data: what a service or a build step wants to run.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// A program with its arguments, environment and working folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandLine {
    /// The program: a path, or a name to look up in `PATH`.
    pub program: OsString,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// What is added to the environment that the supervisor itself has.
    pub environment: Vec<(String, OsString)>,
    /// Where it runs.
    pub folder: PathBuf,
}

impl CommandLine {
    /// A program without arguments.
    pub fn new(program: impl Into<OsString>, folder: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            arguments: Vec::new(),
            environment: Vec::new(),
            folder: folder.into(),
        }
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Adds a variable to the environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// Adds variables to the environment.
    #[must_use]
    pub fn envs(mut self, variables: impl IntoIterator<Item = (String, OsString)>) -> Self {
        self.environment.extend(variables);
        self
    }

    /// The program's own name, for messages.
    pub fn name(&self) -> String {
        let path = Path::new(&self.program);
        path.file_name().unwrap_or(&self.program).to_string_lossy().into_owned()
    }
}
