//! Keeping processes: started in order, watched, restarted, ended in order, and never left behind.

mod board;
mod command_line;
mod diagnosis;
mod failure;
mod floor;
pub mod guard;
mod guarded;
mod log_file;
mod runner;
mod stack;

pub use board::Board;
pub use command_line::CommandLine;
pub use diagnosis::{last_lines, likely_cause, refusal};
pub use failure::Failure;
pub use floor::{DiskUse, Floor, Room};
pub use guarded::{Exit, Guarded, GuardedError, Guards};
pub use stack::{FIRST_WINDOW, Stack};
