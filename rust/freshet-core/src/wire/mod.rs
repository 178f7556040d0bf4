//! What travels between the parts: window messages, dead letters, health reports.

mod dead_letter;
mod health;
mod window;

pub use dead_letter::{LetterRecord, MAX_DETAIL_BYTES, ReasonCode, Stage, cut_detail, header};
pub use health::{HealthReport, State};
pub use window::{
    Columns, FIELDS, FIRST_VERSION, Field, InvalidWindowMessage, Kind, Part, Value, WindowMessage,
    WindowVersion, push_row, spark_schema, write_key, write_message,
};
