//! `where`: which rows are the stream's.

use serde::{Deserialize, Serialize};

use super::Path;
use super::fields::Value;

/// What has to be so of one place of a row for the row to be the stream's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// The place.
    pub place: Path,
    /// What has to be there.
    pub test: Test,
}

/// What has to be in a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Test {
    /// A text, number, `true` or `false` that is written like one of these.
    OneOf(Vec<String>),
    /// A text, number, `true` or `false` that begins like that.
    Prefix(String),
    /// Anything but null, or else nothing at all.
    Exists(bool),
}

impl Test {
    /// Whether what stands in the place is as it has to be.
    pub(super) fn passes(&self, value: Value<'_>) -> bool {
        match self {
            Self::Exists(exists) => *exists != matches!(value, Value::Missing | Value::Null),
            Self::OneOf(texts) => {
                value.is_written(|written| texts.iter().any(|text| text == written))
            }
            Self::Prefix(prefix) => {
                value.is_written(|written| written.starts_with(prefix.as_str()))
            }
        }
    }
}
