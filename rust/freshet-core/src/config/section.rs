//! Reading one table of the configuration: typed access by key, environment overrides, and no key left unread.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::error::{ConfigError, Origin};
use crate::duration;

/// What overrides look like: other variables of ours, such as `FRESHET_HOME`, have no double underscore.
const OVERRIDE_PREFIX: &str = "FRESHET_";
/// What a variable has at its end that names a file with the value.
const FILE_SUFFIX: &str = "_FILE";

/// Overrides by variable name (`FRESHET_KAFKA__BOOTSTRAP_SERVERS`), and which of them were used.
pub(super) struct Environment {
    variables: BTreeMap<String, String>,
    used: RefCell<BTreeSet<String>>,
}

impl Environment {
    pub(super) fn new(variables: BTreeMap<String, String>) -> Self {
        let is_ours = |name: &String| name.starts_with(OVERRIDE_PREFIX) && name.contains("__");
        let variables = variables.into_iter().filter(|(name, _)| is_ours(name)).collect();
        Self { variables, used: RefCell::default() }
    }

    /// The value of a variable, or the content of the file that the variable beside it names.
    fn take(&self, variable: &str) -> Result<Option<String>, ConfigError> {
        let naming = format!("{variable}{FILE_SUFFIX}");
        self.used.borrow_mut().extend([variable.to_owned(), naming.clone()]);
        let error = |name: &str, message: String| ConfigError {
            origin: Origin::Environment(name.to_owned()),
            key: String::new(),
            message,
        };
        match (self.variables.get(variable), self.variables.get(&naming)) {
            // Nobody could tell which of them was meant.
            (Some(_), Some(_)) => {
                Err(error(variable, format!("{naming} is set as well; unset one of them")))
            }
            (value, None) => Ok(value.cloned()),
            (None, Some(file)) => match super::read(Path::new(file)) {
                Ok(content) => Ok(Some(content.trim_end_matches(['\r', '\n']).to_owned())),
                Err(reason) => Err(error(&naming, format!("cannot read {file}: {reason}"))),
            },
        }
    }

    /// Refuses variables that no section asked for: a misspelt override must not pass in silence.
    pub(super) fn finish(&self) -> Result<(), ConfigError> {
        let used = self.used.borrow();
        match self.variables.keys().find(|variable| !used.contains(*variable)) {
            None => Ok(()),
            Some(variable) => Err(ConfigError {
                origin: Origin::Environment(variable.clone()),
                key: String::new(),
                message: "overrides no known key: its form is FRESHET_<SECTION>__<KEY>, such as \
                          FRESHET_KAFKA__BOOTSTRAP_SERVERS"
                    .to_owned(),
            }),
        }
    }
}

/// The text of the file, to turn byte offsets into lines.
#[derive(Clone, Copy)]
pub(super) struct Document<'a> {
    pub(super) path: &'a Path,
    pub(super) text: &'a str,
}

impl Document<'_> {
    pub(super) fn error_at(&self, span: Range<usize>, key: String, message: String) -> ConfigError {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        ConfigError { origin: Origin::Line(self.path.to_owned(), line), key, message }
    }
}

/// A value and where it was written.
pub(super) struct Located<T> {
    pub(super) value: T,
    error: ConfigError,
}

impl<T> Located<T> {
    /// An error at this value.
    pub(super) fn error(&self, message: impl Into<String>) -> ConfigError {
        ConfigError { message: message.into(), ..self.error.clone() }
    }

    /// Converts the value; what the conversion reports becomes an error at this place.
    pub(super) fn convert<U, E: ToString>(
        self,
        convert: impl FnOnce(T) -> Result<U, E>,
    ) -> Result<Located<U>, ConfigError> {
        let Self { value, error } = self;
        match convert(value) {
            Ok(value) => Ok(Located { value, error }),
            Err(reason) => Err(ConfigError { message: reason.to_string(), ..error }),
        }
    }
}

/// Where one value comes from: the file, or an override.
enum Written<'a> {
    File(&'a DeValue<'a>),
    Override(String),
}

/// Keys and texts in the order of the file.
pub(super) type TextPairs = Vec<(String, String)>;

/// What may be written either way.
pub(super) enum TextOrTable {
    Text(String),
    Table(TextPairs),
}

fn text_pairs(table: &DeTable<'_>) -> Option<TextPairs> {
    let pair = |(key, value): (&Spanned<DeString<'_>>, &Spanned<DeValue<'_>>)| {
        Some((key.get_ref().to_string(), value.get_ref().as_str()?.to_owned()))
    };
    table.iter().map(pair).collect()
}

/// One table of the configuration.
pub(super) struct Section<'a> {
    document: Document<'a>,
    environment: &'a Environment,
    name: String,
    /// Overrides reach the plain sections only; repeated tables have no name that a variable could carry.
    overridable: bool,
    table: Option<&'a DeTable<'a>>,
    span: Range<usize>,
    known: RefCell<Vec<&'static str>>,
}

impl<'a> Section<'a> {
    /// The whole file.
    pub(super) fn root(
        document: Document<'a>,
        environment: &'a Environment,
        table: &'a Spanned<DeTable<'a>>,
    ) -> Self {
        Self {
            document,
            environment,
            name: String::new(),
            overridable: false,
            table: Some(table.get_ref()),
            span: table.span(),
            known: RefCell::default(),
        }
    }

    /// The table `[name]` with its overrides; an empty one where the file has none.
    pub(super) fn table(&self, key: &'static str) -> Result<Section<'a>, ConfigError> {
        let (table, span) = match self.written(key) {
            None => (None, self.span.clone()),
            Some(value) => match value.get_ref() {
                DeValue::Table(table) => (Some(table), value.span()),
                other => return Err(self.wrong_type(key, value.span(), "a table", other)),
            },
        };
        Ok(self.child(key, table, span, self.name.is_empty() || self.overridable))
    }

    /// The tables `[[name]]` in the order of the file.
    pub(super) fn tables(&self, key: &'static str) -> Result<Vec<Section<'a>>, ConfigError> {
        let Some(value) = self.written(key) else {
            return Ok(Vec::new());
        };
        let DeValue::Array(items) = value.get_ref() else {
            let expected = format!("a list of tables, each headed [[{key}]]");
            return Err(self.wrong_type(key, value.span(), &expected, value.get_ref()));
        };
        items
            .iter()
            .map(|item| match item.get_ref() {
                DeValue::Table(table) => Ok(self.child(key, Some(table), item.span(), false)),
                other => Err(self.wrong_type(key, item.span(), "a table", other)),
            })
            .collect()
    }

    fn child(
        &self,
        key: &'static str,
        table: Option<&'a DeTable<'a>>,
        span: Range<usize>,
        overridable: bool,
    ) -> Section<'a> {
        Section {
            document: self.document,
            environment: self.environment,
            name: self.path(key),
            overridable,
            table,
            span,
            known: RefCell::default(),
        }
    }

    pub(super) fn text(&self, key: &'static str) -> Result<Option<Located<String>>, ConfigError> {
        self.read(key, "a string", |written| match written {
            Written::File(DeValue::String(text)) => Some(text.to_string()),
            Written::File(_) => None,
            Written::Override(text) => Some(text.clone()),
        })
    }

    pub(super) fn required_text(&self, key: &'static str) -> Result<Located<String>, ConfigError> {
        self.text(key)?.ok_or_else(|| self.missing(key))
    }

    pub(super) fn flag(&self, key: &'static str) -> Result<Option<Located<bool>>, ConfigError> {
        self.read(key, "true or false", |written| match written {
            Written::File(DeValue::Boolean(flag)) => Some(*flag),
            Written::File(_) => None,
            Written::Override(text) => text.parse().ok(),
        })
    }

    pub(super) fn integer(&self, key: &'static str) -> Result<Option<Located<i64>>, ConfigError> {
        self.read(key, "a whole number", |written| match written {
            Written::File(DeValue::Integer(number)) => {
                i64::from_str_radix(number.as_str(), number.radix()).ok()
            }
            Written::File(_) => None,
            Written::Override(text) => text.parse().ok(),
        })
    }

    /// A whole number between `least` and `most`, both included.
    pub(super) fn integer_within<N: TryFrom<i64>>(
        &self,
        key: &'static str,
        (least, most): (i64, i64),
    ) -> Result<Option<N>, ConfigError> {
        let Some(found) = self.integer(key)? else {
            return Ok(None);
        };
        let in_range = (least..=most).contains(&found.value).then_some(found.value);
        match in_range.and_then(|value| N::try_from(value).ok()) {
            Some(value) => Ok(Some(value)),
            None => Err(found.error(format!("{} is not between {least} and {most}", found.value))),
        }
    }

    /// One of a fixed set of names.
    pub(super) fn choice<T: Copy>(
        &self,
        key: &'static str,
        variants: &[T],
        name: impl Fn(T) -> &'static str,
    ) -> Result<Option<T>, ConfigError> {
        let Some(found) = self.text(key)? else { return Ok(None) };
        let chosen = variants.iter().copied().find(|variant| name(*variant) == found.value);
        chosen.map(Some).ok_or_else(|| {
            let names: Vec<_> = variants.iter().map(|variant| name(*variant)).collect();
            found.error(format!("'{}' is not one of: {}", found.value, names.join(", ")))
        })
    }

    pub(super) fn duration(
        &self,
        key: &'static str,
    ) -> Result<Option<Located<Duration>>, ConfigError> {
        self.text(key)?.map(|text| text.convert(|text| duration::parse(&text))).transpose()
    }

    /// A duration of no more than that.
    pub(super) fn duration_up_to(
        &self,
        key: &'static str,
        most: Duration,
    ) -> Result<Option<Located<Duration>>, ConfigError> {
        match self.duration(key)? {
            Some(found) if found.value > most => {
                Err(found.error(format!("at most {} are possible", duration::format(most))))
            }
            found => Ok(found),
        }
    }

    /// A list of strings; one string stands for a list of one, and an override separates its items with commas;
    /// an empty override is the empty list.
    pub(super) fn texts(
        &self,
        key: &'static str,
    ) -> Result<Option<Located<Vec<String>>>, ConfigError> {
        self.read(key, "a list of strings", |written| match written {
            Written::File(DeValue::String(text)) => Some(vec![text.to_string()]),
            Written::File(DeValue::Array(items)) => {
                items.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect()
            }
            Written::File(_) => None,
            Written::Override(text) if text.trim().is_empty() => Some(Vec::new()),
            Written::Override(text) => {
                Some(text.split(',').map(|item| item.trim().to_owned()).collect())
            }
        })
    }

    /// A table of strings, such as `values = { cpu = "cpu" }`, in the order of the file.
    pub(super) fn text_table(
        &self,
        key: &'static str,
    ) -> Result<Option<Located<TextPairs>>, ConfigError> {
        self.read(key, "a table of strings", |written| match written {
            Written::File(DeValue::Table(table)) => text_pairs(table),
            Written::File(_) | Written::Override(_) => None,
        })
    }

    /// A string, or a table of strings.
    pub(super) fn text_or_table(
        &self,
        key: &'static str,
    ) -> Result<Option<Located<TextOrTable>>, ConfigError> {
        self.read(key, "a string or a table of strings", |written| match written {
            Written::File(DeValue::String(text)) => Some(TextOrTable::Text(text.to_string())),
            Written::File(DeValue::Table(table)) => text_pairs(table).map(TextOrTable::Table),
            Written::File(_) | Written::Override(_) => None,
        })
    }

    /// Refuses what nobody read. Call it last.
    pub(super) fn finish(&self) -> Result<(), ConfigError> {
        let known = self.known.borrow();
        let unknown = self
            .table
            .into_iter()
            .flat_map(DeTable::keys)
            .find(|key| !known.contains(&key.get_ref().as_ref()));
        let Some(key) = unknown else { return Ok(()) };
        let name = key.get_ref();
        let advice = match closest(name, &known) {
            Some(close) => format!("unknown key; did you mean '{close}'?"),
            None => format!("unknown key; known here: {}", known.join(", ")),
        };
        Err(self.document.error_at(key.span(), self.path(name), advice))
    }

    /// An error at the section itself.
    pub(super) fn error(&self, key: &str, message: impl Into<String>) -> ConfigError {
        self.document.error_at(self.span.clone(), self.path(key), message.into())
    }

    pub(super) fn missing(&self, key: &str) -> ConfigError {
        self.error(key, "is missing")
    }

    fn path(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }

    fn written(&self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.known.borrow_mut().push(key);
        self.table?.get(key)
    }

    fn read<T>(
        &self,
        key: &'static str,
        expected: &str,
        convert: impl FnOnce(&Written<'a>) -> Option<T>,
    ) -> Result<Option<Located<T>>, ConfigError> {
        let in_file = self.written(key);
        let variable = variable_name(&self.path(key));
        let overriding = if self.overridable { self.environment.take(&variable)? } else { None };
        let (written, error) = match (overriding, in_file) {
            (Some(text), _) => {
                let error = ConfigError {
                    origin: Origin::Environment(variable),
                    key: self.path(key),
                    message: format!("is not {expected}"),
                };
                (Written::Override(text), error)
            }
            (None, Some(value)) => {
                let error = self.wrong_type(key, value.span(), expected, value.get_ref());
                (Written::File(value.get_ref()), error)
            }
            (None, None) => return Ok(None),
        };
        match convert(&written) {
            Some(value) => Ok(Some(Located { value, error })),
            None => Err(error),
        }
    }

    fn wrong_type(
        &self,
        key: &str,
        span: Range<usize>,
        expected: &str,
        found: &DeValue<'_>,
    ) -> ConfigError {
        let message = format!("expected {expected}, found {}", found.type_str());
        self.document.error_at(span, self.path(key), message)
    }
}

/// `kafka.security.username` → `FRESHET_KAFKA__SECURITY__USERNAME`.
fn variable_name(path: &str) -> String {
    format!("FRESHET_{}", path.replace('.', "__").to_uppercase())
}

/// The known key that a typing mistake most likely meant.
fn closest<'k>(typed: &str, known: &[&'k str]) -> Option<&'k str> {
    let distance = |key: &&&str| strsim::levenshtein(typed, key);
    known.iter().min_by_key(distance).filter(|key| strsim::levenshtein(typed, key) <= 2).copied()
}
