//! The effective values, and where each of them came from: what `./freshet config` shows.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};
use serde_json::Value;
use toml::de::{DeInteger, DeValue};

use super::error::{ConfigError, Origin};
use super::key::{Key, Kind};

/// The value of one key.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Setting {
    /// Its path, such as `kafka.partitions`, or `stream[0].lateness`.
    pub key: String,
    /// The value; of a secret, [`MASK`].
    pub value: Value,
    /// Where it came from.
    pub source: Source,
}

/// Where a value came from. As JSON it is an object with its `kind`, in snake case, and the fields of that kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Source {
    /// Nobody has said anything else.
    Default,
    /// The configuration file.
    File {
        /// The file, as it was named.
        #[serde(serialize_with = "as_shown")]
        path: PathBuf,
        /// The line of the value, from 1.
        line: usize,
    },
    /// An environment variable.
    Environment {
        /// Its name.
        variable: String,
    },
    /// The file that an environment variable names.
    EnvironmentFile {
        /// Name of the variable.
        variable: String,
        /// The file, as the variable names it.
        #[serde(serialize_with = "as_shown")]
        path: PathBuf,
    },
}

/// A path need not be UTF-8, as JSON is.
fn as_shown<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}

/// In the place of a secret, however long it is.
pub const MASK: &str = "***";

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Environment { variable } => f.write_str(variable),
            Self::EnvironmentFile { variable, .. } => {
                write!(f, "the file that {variable} names")
            }
        }
    }
}

/// Where the values of a configuration were written, for what turns out to be wrong only when they are used.
#[derive(Debug, Clone)]
pub struct Written {
    file: PathBuf,
    settings: Vec<Setting>,
}

impl Written {
    /// The settings that were read from this file and the environment.
    pub fn new(file: impl Into<PathBuf>, settings: Vec<Setting>) -> Self {
        Self { file: file.into(), settings }
    }

    /// An error at the value of a key, such as `kafka.security.password`; at the file, where nobody has given one.
    pub fn error(&self, key: &str, message: &impl ToString) -> ConfigError {
        let found = self.settings.iter().find(|setting| setting.key == key);
        let origin = match found.map(|setting| &setting.source) {
            Some(Source::File { path, line }) => Origin::Line(path.clone(), *line),
            Some(Source::Environment { variable } | Source::EnvironmentFile { variable, .. }) => {
                Origin::Environment(variable.clone())
            }
            Some(Source::Default) | None => Origin::File(self.file.clone()),
        };
        ConfigError { origin, key: key.to_owned(), message: message.to_string() }
    }
}

/// A value of the file. The reader has checked that it is of the key's kind.
pub(super) fn value_in_file(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::from(text.as_ref()),
        DeValue::Integer(number) => whole_number(number).map_or(Value::Null, Value::from),
        DeValue::Boolean(flag) => Value::from(*flag),
        DeValue::Array(items) => items.iter().map(|item| value_in_file(item.get_ref())).collect(),
        DeValue::Table(table) => Value::Object(
            (table.iter())
                .map(|(key, value)| (key.get_ref().to_string(), value_in_file(value.get_ref())))
                .collect(),
        ),
        DeValue::Float(number) => number.as_str().parse::<f64>().map_or(Value::Null, Value::from),
        // No key is of this kind.
        DeValue::Datetime(_) => Value::Null,
    }
}

/// A whole number, in whatever base it is written.
pub(super) fn whole_number(number: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

/// A value of the environment, or a default, which is written in the same way.
pub(super) fn value_of_text(key: &Key, text: &str) -> Value {
    match key.kind {
        Kind::Integer(..) => text.parse::<i64>().map_or(Value::Null, Value::from),
        Kind::Number(..) => text.parse::<f64>().map_or(Value::Null, Value::from),
        Kind::Flag => text.parse::<bool>().map_or(Value::Null, Value::from),
        Kind::Texts => items(text).into_iter().collect(),
        Kind::Text(_)
        | Kind::Duration(_)
        | Kind::Choice(_)
        | Kind::Path
        | Kind::TextTable
        | Kind::TextOrTable
        | Kind::NumberTable
        | Kind::Conditions => Value::from(text),
    }
}

/// The items of a list in one text, which separates them with commas; nothing is the empty list.
pub(super) fn items(text: &str) -> Vec<String> {
    if text.trim().is_empty() {
        return Vec::new();
    }
    text.split(',').map(|item| item.trim().to_owned()).collect()
}

impl Key {
    /// The value that it has when it is left out, as JSON; the usual one of two; `None` without one.
    pub fn default_value(&self) -> Option<Value> {
        self.presence.default().map(|text| value_of_text(self, text))
    }
}
