//! What travels between the parts: dead letters, health reports. Windows are in [`crate::window_version`].

mod component;
mod dead_letter;
mod error_kind;
pub mod health;
pub mod source_health;

pub use crate::text::UnknownName;
pub use component::Component;
pub use dead_letter::{
    Header, LetterRecord, MAX_DETAIL_BYTES, MAX_LETTER_BYTES, ReasonCode, Stage, cut_detail,
};
pub use error_kind::ErrorKind;
pub use health::{HealthReport, State};
pub use source_health::{Connection, SourceHealth};
