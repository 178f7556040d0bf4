//! What people see: progress while the stack starts, and tables.

mod news;
mod progress;
mod table;

pub use news::News;
pub use progress::Progress;
pub use table::{Table, clock, duration, grouped, memory};

use std::io::{self, Write};

/// Prints a line of a command's answer.
///
/// # Errors
/// When standard output is closed.
pub fn say(line: impl std::fmt::Display) -> io::Result<()> {
    let mut output = io::stdout().lock();
    writeln!(output, "{line}")?;
    output.flush()
}

/// Prints a line about what is going on, or wrong.
pub fn note(line: impl std::fmt::Display) {
    // With standard error closed there is nobody left to tell.
    drop(writeln!(io::stderr().lock(), "{line}"));
}
