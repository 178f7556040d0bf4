//! Why a stack did not start, for people.

use std::fmt;
use std::path::PathBuf;

use super::{Exit, last_lines, likely_cause};

const REPORTED_LINES: usize = 25;

/// Why the stack did not start.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The part that failed.
    pub(super) part: String,
    /// What it did.
    pub(super) what: String,
    /// How it ended, if it did.
    pub(super) exit: Option<Exit>,
    /// Where it has said more.
    pub(super) log: Option<PathBuf>,
    /// Whether only another configuration repairs it.
    pub(super) refused: bool,
}

impl Failure {
    /// Whether only another configuration repairs it.
    pub fn is_refusal(&self) -> bool {
        self.refused
    }

    /// A command that ended when it should not have, and what it has said.
    pub fn of(part: &str, exit: Exit, log: PathBuf) -> Self {
        Self {
            part: part.to_owned(),
            what: exit.to_string(),
            exit: Some(exit),
            log: Some(log),
            refused: false,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.part, self.what)?;
        let Some(log) = &self.log else { return Ok(()) };
        let lines = last_lines(log, REPORTED_LINES).unwrap_or_default();
        if !lines.is_empty() {
            write!(formatter, "\n\nthe last lines of {}:", log.display())?;
            lines.iter().try_for_each(|line| write!(formatter, "\n  {line}"))?;
        }
        if let Some(cause) = likely_cause(self.exit.as_ref(), &lines.join("\n")) {
            write!(formatter, "\n\nlikely cause: {cause}")?;
        }
        Ok(())
    }
}
