//! What travels between the parts: window messages, dead letters, health reports.

mod component;
mod dead_letter;
mod error_kind;
pub mod health;
mod window;

pub use crate::text::UnknownName;
pub use component::Component;
pub use dead_letter::{
    Header, LetterRecord, MAX_DETAIL_BYTES, MAX_LETTER_BYTES, ReasonCode, Stage, cut_detail,
};
pub use error_kind::ErrorKind;
pub use health::{HealthReport, State};
pub use window::{
    Columns, FIELDS, FIRST_VERSION, Field, InvalidWindowMessage, Kind, Part, Value, WindowMessage,
    WindowVersion, push_row, spark_schema, write_key, write_message,
};
