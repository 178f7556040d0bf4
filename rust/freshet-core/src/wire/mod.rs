//! What travels between the parts: window messages, dead letters, health reports.

mod dead_letter;
mod health;
mod window;

pub use dead_letter::{ReasonCode, Stage, header};
pub use health::HealthReport;
pub use window::{InvalidWindowMessage, WindowMessage};
