//! Where records come from: the live sources, without Kafka.
//!
//! - [`source`] is the contract: what a source yields, what it is told, and how it fails.
//! - [`kinds`] has one file for each kind: its settings, declared beside the code that uses them, and that code.
//! - [`record`] makes records of what a source sends.
//! - [`settings`] reads the `[[source]]` tables of `freshet.toml`.
//! - [`status`] is what is known of a source while it runs: its state, and a number for each kind of loss.
//!
//! A new kind is one file in [`kinds`], its test, and one line in `KINDS`.

pub mod kinds;
mod network;
pub mod record;
pub mod settings;
pub mod source;
pub mod status;

pub use record::{Record, Transform, TransformError};
pub use settings::{Delivery, SourceConfig, SpoolSettings, WhenFull, load, parse};
pub use source::{
    Acknowledge, Batch, Context, Cursor, Message, Open, Opened, Resume, Source, SourceError,
};
pub use status::SourceStatus;
