//! Reading one table of the configuration: typed access by key, and no key left unread.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use regex_lite::Regex;
use serde_json::Value;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::environment::Environment;
use super::error::{ConfigError, Origin};
use super::key::{Key, Kind, Table, variable_of};
use super::settings::{MASK, Setting, Source, items, value_in_file, value_of_text, whole_number};
use crate::duration;

/// The text of the file, to turn byte offsets into lines.
#[derive(Clone, Copy)]
pub(super) struct Document<'a> {
    pub(super) path: &'a Path,
    pub(super) text: &'a str,
}

impl Document<'_> {
    pub(super) fn error_at(&self, span: Range<usize>, key: String, message: String) -> ConfigError {
        let line = self.line(&span);
        ConfigError { origin: Origin::Line(self.path.to_owned(), line), key, message }
    }

    /// A text in three quotes may begin in the line after them.
    fn opening_lines(&self, span: &Range<usize>) -> usize {
        let text = self.text.get(span.clone()).unwrap_or_default();
        let inside = text.strip_prefix("\"\"\"").or_else(|| text.strip_prefix("'''"));
        usize::from(inside.is_some_and(|inside| inside.starts_with(['\n', '\r'])))
    }

    fn line(&self, span: &Range<usize>) -> usize {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        before.matches('\n').count() + 1
    }
}

/// A value and where it was written.
pub struct Located<T> {
    /// The value.
    pub value: T,
    error: ConfigError,
    /// How many lines of the file are between where it begins and the first character of a text.
    opening_lines: usize,
}

#[expect(clippy::missing_errors_doc, reason = "what the conversion reports, at this place")]
impl<T> Located<T> {
    /// An error at this value.
    pub fn error(&self, message: impl Into<String>) -> ConfigError {
        ConfigError { message: message.into(), ..self.error.clone() }
    }

    /// An error in a line, from 1, of a text of several lines.
    pub fn error_in_line(&self, line: usize, message: impl Into<String>) -> ConfigError {
        let mut error = self.error(message);
        if let Origin::Line(_, first) = &mut error.origin {
            *first += self.opening_lines + line.saturating_sub(1);
        }
        error
    }

    /// Converts the value; what the conversion reports becomes an error at this place.
    pub fn convert<U, E: ToString>(
        self,
        convert: impl FnOnce(T) -> Result<U, E>,
    ) -> Result<Located<U>, ConfigError> {
        let Self { value, error, opening_lines } = self;
        match convert(value) {
            Ok(value) => Ok(Located { value, error, opening_lines }),
            Err(reason) => Err(ConfigError { message: reason.to_string(), ..error }),
        }
    }
}

/// How one value is written: as TOML in the file, or as a text by an override or as a default.
enum Written<'a> {
    File(&'a DeValue<'a>),
    Text(String),
}

/// A value as it was found, and what to say where it is not what is expected.
struct Found<'a> {
    written: Written<'a>,
    source: Source,
    error: ConfigError,
    opening_lines: usize,
}

/// Keys and texts in the order of the file.
pub type TextPairs = Vec<(String, String)>;

/// Keys and any values in the order of the file.
pub(super) type ValuePairs = Vec<(String, Value)>;

/// What may be written either way.
pub enum TextOrTable {
    /// A text.
    Text(String),
    /// A table.
    Table(TextPairs),
}

fn text_pairs(table: &DeTable<'_>) -> Option<TextPairs> {
    let pair = |(key, value): (&Spanned<DeString<'_>>, &Spanned<DeValue<'_>>)| {
        Some((key.get_ref().to_string(), value.get_ref().as_str()?.to_owned()))
    };
    table.iter().map(pair).collect()
}

/// The table that a text has in TOML.
fn text_pairs_of(text: &str) -> Option<TextPairs> {
    let document = format!("table = {text}");
    let parsed = DeTable::parse(&document).ok()?;
    match parsed.get_ref().get("table")?.get_ref() {
        DeValue::Table(table) => text_pairs(table),
        _ => None,
    }
}

/// One table of the configuration. What is wrong in it is a [`ConfigError`] that names file, line and key.
pub struct Section<'a> {
    document: Document<'a>,
    environment: &'a Environment,
    name: String,
    /// The same for the effective values: which one of several tables it is.
    place: String,
    declared: RefCell<Vec<&'static [Key]>>,
    /// What the variables that override its keys are named after: its path, or that of one source by its name. Other
    /// repeated tables have no name that a variable could carry.
    variables: RefCell<Option<String>>,
    table: Option<&'a DeTable<'a>>,
    span: Range<usize>,
    known: RefCell<Vec<&'static str>>,
    /// Keys that have no effect beside the others.
    unused: RefCell<Vec<&'static str>>,
}

#[expect(clippy::missing_errors_doc, reason = "each is the one at the key: see the type")]
impl<'a> Section<'a> {
    /// The whole file.
    pub(super) fn root(
        document: Document<'a>,
        environment: &'a Environment,
        table: &'a Spanned<DeTable<'a>>,
        declared: &'static [Key],
    ) -> Self {
        Self {
            document,
            environment,
            name: String::new(),
            place: String::new(),
            declared: RefCell::new(vec![declared]),
            variables: RefCell::default(),
            table: Some(table.get_ref()),
            span: table.span(),
            known: RefCell::default(),
            unused: RefCell::default(),
        }
    }

    /// The table `[name]` with its overrides; an empty one where the file has none.
    pub(super) fn table(&self, declared: &'static Table) -> Result<Section<'a>, ConfigError> {
        let key = last_part(declared.path);
        let (table, span) = match self.written(key) {
            None => (None, self.span.clone()),
            Some(value) => match value.get_ref() {
                DeValue::Table(table) => (Some(table), value.span()),
                other => return Err(self.wrong_type(key, value.span(), "a table", other)),
            },
        };
        let place = below(&self.place, key);
        Ok(self.child(declared, place, table, span))
    }

    /// The tables `[[name]]` in the order of the file.
    pub(super) fn tables(&self, declared: &'static Table) -> Result<Vec<Section<'a>>, ConfigError> {
        let key = last_part(declared.path);
        let Some(value) = self.written(key) else {
            return Ok(Vec::new());
        };
        let DeValue::Array(items) = value.get_ref() else {
            let expected = format!("a list of tables, each headed [[{key}]]");
            return Err(self.wrong_type(key, value.span(), &expected, value.get_ref()));
        };
        let read = |(index, item): (usize, &'a Spanned<DeValue<'a>>)| match item.get_ref() {
            DeValue::Table(table) => {
                let place = below(&self.place, &format!("{key}[{index}]"));
                Ok(self.child(declared, place, Some(table), item.span()))
            }
            other => Err(self.wrong_type(key, item.span(), "a table", other)),
        };
        items.iter().enumerate().map(read).collect()
    }

    fn child(
        &self,
        declared: &'static Table,
        place: String,
        table: Option<&'a DeTable<'a>>,
        span: Range<usize>,
    ) -> Section<'a> {
        let name = self.path(last_part(declared.path));
        let variables = (!declared.is_repeated).then(|| name.clone());
        Section {
            document: self.document,
            environment: self.environment,
            name,
            place,
            declared: RefCell::new(vec![declared.keys]),
            variables: RefCell::new(variables),
            table,
            span,
            known: RefCell::default(),
            unused: RefCell::default(),
        }
    }

    /// A text that must be there.
    pub fn text(&self, key: &'static str) -> Result<Located<String>, ConfigError> {
        self.required(key, self.optional_text(key)?)
    }

    /// A text.
    pub fn optional_text(&self, key: &'static str) -> Result<Option<Located<String>>, ConfigError> {
        self.text_or(key, self.declaration(key).presence.default())
    }

    /// A text that has two defaults, of which the other one is meant.
    pub fn text_or_other(&self, key: &'static str) -> Result<Located<String>, ConfigError> {
        self.required(key, self.text_or(key, self.declaration(key).presence.other_default())?)
    }

    fn text_or(
        &self,
        key: &'static str,
        default: Option<&'static str>,
    ) -> Result<Option<Located<String>>, ConfigError> {
        let expected = match self.declaration(key).kind {
            Kind::Choice(names) => format!("one of \"{}\"", names.join("\", \"")),
            _ => "a string".to_owned(),
        };
        let found = self.read_or(key, default, &expected, |written| match written {
            Written::File(DeValue::String(text)) => Some(text.to_string()),
            Written::File(_) => None,
            Written::Text(text) => Some(text.clone()),
        })?;
        found.map(|found| in_form(self.declaration(key), found)).transpose()
    }

    /// A path that must be there; a relative one counts from the folder of the configuration file.
    pub fn file_path(&self, key: &'static str) -> Result<Located<PathBuf>, ConfigError> {
        self.required(key, self.optional_file_path(key)?)
    }

    /// The same, of a key that may be left out.
    pub fn optional_file_path(
        &self,
        key: &'static str,
    ) -> Result<Option<Located<PathBuf>>, ConfigError> {
        let Some(found) = self.optional_text(key)? else { return Ok(None) };
        let folder = self.document.path.parent().unwrap_or(Path::new(""));
        let resolved = found.convert(|text| match text.as_str() {
            "" => Err("is empty; write the path of a file"),
            text => Ok(folder.join(text)),
        });
        resolved.map(Some)
    }

    /// True or false.
    pub fn flag(&self, key: &'static str) -> Result<bool, ConfigError> {
        Ok(self.required(key, self.optional_flag(key)?)?.value)
    }

    /// The same, of a key that may be left out.
    pub fn optional_flag(&self, key: &'static str) -> Result<Option<Located<bool>>, ConfigError> {
        self.read(key, "true or false", |written| match written {
            Written::File(DeValue::Boolean(flag)) => Some(*flag),
            Written::File(_) => None,
            Written::Text(text) => text.parse().ok(),
        })
    }

    /// A whole number between the bounds that are declared.
    pub fn integer<N: TryFrom<i64>>(&self, key: &'static str) -> Result<N, ConfigError> {
        self.required(key, self.optional_integer(key)?)
    }

    /// The same, of a key that may be left out.
    pub fn optional_integer<N: TryFrom<i64>>(
        &self,
        key: &'static str,
    ) -> Result<Option<N>, ConfigError> {
        let found = self.read(key, "a whole number", |written| match written {
            Written::File(DeValue::Integer(number)) => whole_number(number),
            Written::File(_) => None,
            Written::Text(text) => text.parse().ok(),
        })?;
        let Some(found) = found else { return Ok(None) };
        let Kind::Integer(least, most) = self.declaration(key).kind else {
            unreachable!("'{key}' is not declared as a whole number");
        };
        let in_range = (least..=most).contains(&found.value).then_some(found.value);
        match in_range.and_then(|value| N::try_from(value).ok()) {
            Some(value) => Ok(Some(value)),
            None => Err(found.error(format!("{} is not between {least} and {most}", found.value))),
        }
    }

    /// A number, whole or not, between the bounds that are declared.
    pub fn number(&self, key: &'static str) -> Result<f64, ConfigError> {
        Ok(self.required(key, self.optional_number(key)?)?.value)
    }

    /// The same, of a key that may be left out.
    pub fn optional_number(&self, key: &'static str) -> Result<Option<Located<f64>>, ConfigError> {
        let found = self.read(key, "a number", |written| match written {
            Written::File(DeValue::Float(number)) => number.as_str().parse().ok(),
            Written::File(DeValue::Integer(number)) => whole_number(number).map(|n| n as f64),
            Written::File(_) => None,
            Written::Text(text) => text.parse().ok(),
        })?;
        let Some(found) = found else { return Ok(None) };
        let Kind::Number(least, most) = self.declaration(key).kind else {
            unreachable!("'{key}' is not declared as a number");
        };
        // Nothing is between them that is not a number.
        if (least..=most).contains(&found.value) {
            return Ok(Some(found));
        }
        Err(found.error(format!("{} is not between {least} and {most}", found.value)))
    }

    /// Which one it is of the names that are declared.
    pub fn choice(&self, key: &'static str) -> Result<usize, ConfigError> {
        self.required(key, self.optional_choice(key)?)
    }

    /// The same, of a key that may be left out.
    pub fn optional_choice(&self, key: &'static str) -> Result<Option<usize>, ConfigError> {
        let Some(found) = self.optional_text(key)? else { return Ok(None) };
        let Kind::Choice(names) = self.declaration(key).kind else {
            unreachable!("'{key}' is not declared as a choice");
        };
        let chosen = names.iter().position(|name| *name == found.value);
        chosen.map(Some).ok_or_else(|| {
            found.error(format!("'{}' is not one of: {}", found.value, names.join(", ")))
        })
    }

    /// A duration between the bounds that are declared.
    pub fn duration(&self, key: &'static str) -> Result<Located<Duration>, ConfigError> {
        let found = self.text(key)?.convert(|text| duration::parse(&text))?;
        let Kind::Duration(most) = self.declaration(key).kind else {
            unreachable!("'{key}' is not declared as a duration");
        };
        if found.value > most {
            return Err(found.error(format!("at most {} are possible", duration::format(most))));
        }
        if self.declaration(key).refuses_zero && found.value.is_zero() {
            return Err(found.error(NOT_ZERO));
        }
        Ok(found)
    }

    /// The same, and longer than zero.
    pub fn positive_duration(&self, key: &'static str) -> Result<Duration, ConfigError> {
        let found = self.duration(key)?;
        if found.value.is_zero() {
            return Err(found.error(NOT_ZERO));
        }
        Ok(found.value)
    }

    /// A list of strings; one string stands for a list of one, and an override separates its items with commas;
    /// an empty override is the empty list.
    pub fn texts(&self, key: &'static str) -> Result<Located<Vec<String>>, ConfigError> {
        self.required(key, self.optional_texts(key)?)
    }

    /// The same, of a key that may be left out.
    pub fn optional_texts(
        &self,
        key: &'static str,
    ) -> Result<Option<Located<Vec<String>>>, ConfigError> {
        self.read(key, "a list of strings", |written| match written {
            Written::File(DeValue::String(text)) => Some(vec![text.to_string()]),
            Written::File(DeValue::Array(items)) => {
                items.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect()
            }
            Written::File(_) => None,
            Written::Text(text) => Some(items(text)),
        })
    }

    /// A table of strings, such as `values = { cpu = "cpu" }`, in the order of the file.
    pub fn text_table(&self, key: &'static str) -> Result<Located<TextPairs>, ConfigError> {
        self.required(key, self.optional_text_table(key)?)
    }

    /// The same, of a key that may be left out. An override has it as TOML does: `{ cpu = "cpu" }`.
    pub fn optional_text_table(
        &self,
        key: &'static str,
    ) -> Result<Option<Located<TextPairs>>, ConfigError> {
        self.read(key, "a table of strings", |written| match written {
            Written::File(DeValue::Table(table)) => text_pairs(table),
            Written::File(_) => None,
            Written::Text(text) => text_pairs_of(text),
        })
    }

    /// A string, or a table of strings.
    pub fn text_or_table(
        &self,
        key: &'static str,
    ) -> Result<Option<Located<TextOrTable>>, ConfigError> {
        self.read(key, "a string or a table of strings", |written| match written {
            Written::File(DeValue::String(text)) => Some(TextOrTable::Text(text.to_string())),
            Written::File(DeValue::Table(table)) => text_pairs(table).map(TextOrTable::Table),
            Written::File(_) | Written::Text(_) => None,
        })
    }

    /// A table of anything, in the order of the file, that its reader tries: a value that is none of those expected is
    /// told in its own words.
    pub(super) fn optional_value_table(
        &self,
        key: &'static str,
    ) -> Result<Option<Located<ValuePairs>>, ConfigError> {
        self.read(key, "a table", |written| match written {
            Written::File(DeValue::Table(table)) => Some(
                (table.iter())
                    .map(|(key, value)| (key.get_ref().to_string(), value_in_file(value.get_ref())))
                    .collect(),
            ),
            Written::File(_) | Written::Text(_) => None,
        })
    }

    /// Whether somebody has given a value to the key.
    pub fn is_given(&self, key: &'static str) -> Result<bool, ConfigError> {
        Ok(self.find(key, None, "")?.is_some())
    }

    /// Refuses a key that has no effect beside the others: nobody may believe it had. Its default stands in for it, and
    /// is not among the effective values.
    pub fn refuse(&self, key: &'static str, why: &str) -> Result<(), ConfigError> {
        self.unused.borrow_mut().push(key);
        match self.find(key, None, "")? {
            None => Ok(()),
            Some(found) => Err(ConfigError { message: why.to_owned(), ..found.error }),
        }
    }

    /// Says more keys that it may have, beside those of its table.
    pub fn declare(&self, keys: &'static [Key]) {
        self.declared.borrow_mut().push(keys);
    }

    /// Lets variables override its keys that are read from now on.
    pub(super) fn override_by(&self, path: String) {
        *self.variables.borrow_mut() = Some(path);
    }

    /// Everything that the file says in this table, unchecked: to tell whether it has changed.
    pub(super) fn written_values(&self) -> BTreeMap<String, Value> {
        let entries = self.table.into_iter().flat_map(|table| table.iter());
        let entry = |(key, value): (&Spanned<DeString<'_>>, &Spanned<DeValue<'_>>)| {
            (key.get_ref().to_string(), value_in_file(value.get_ref()))
        };
        entries.map(entry).collect()
    }

    /// Refuses what nobody asked for. Call it when every key was.
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
    pub fn error(&self, key: &str, message: impl Into<String>) -> ConfigError {
        self.document.error_at(self.span.clone(), self.path(key), message.into())
    }

    pub(super) fn missing(&self, key: &str) -> ConfigError {
        let typed = self.table.into_iter().flat_map(DeTable::iter);
        let mut unknown =
            typed.filter(|(typed, _)| self.find_declaration(typed.get_ref()).is_none());
        match unknown.find(|(typed, _)| closest(typed.get_ref(), &[key]).is_some()) {
            Some((typed, _)) => {
                let name = typed.get_ref();
                let advice = format!("unknown key; did you mean '{key}', which is missing?");
                self.document.error_at(typed.span(), self.path(name), advice)
            }
            None => self.error(key, "is missing"),
        }
    }

    fn required<T>(&self, key: &str, found: Option<T>) -> Result<T, ConfigError> {
        found.ok_or_else(|| self.missing(key))
    }

    fn path(&self, key: &str) -> String {
        below(&self.name, key)
    }

    /// What is declared of a key: every one that is read is.
    fn declaration(&self, name: &str) -> &'static Key {
        let found = self.find_declaration(name);
        found.unwrap_or_else(|| unreachable!("'{}' is not declared", self.path(name)))
    }

    fn find_declaration(&self, name: &str) -> Option<&'static Key> {
        let declared = self.declared.borrow();
        declared.iter().flat_map(|keys| keys.iter()).find(|key| key.name == name)
    }

    fn written(&self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        let mut known = self.known.borrow_mut();
        if !known.contains(&key) {
            known.push(key);
        }
        self.table?.get(key)
    }

    fn read<T>(
        &self,
        key: &'static str,
        expected: &str,
        convert: impl FnOnce(&Written<'a>) -> Option<T>,
    ) -> Result<Option<Located<T>>, ConfigError> {
        self.read_or(key, self.declaration(key).presence.default(), expected, convert)
    }

    fn read_or<T>(
        &self,
        key: &'static str,
        default: Option<&'static str>,
        expected: &str,
        convert: impl FnOnce(&Written<'a>) -> Option<T>,
    ) -> Result<Option<Located<T>>, ConfigError> {
        let Some(found) = self.find(key, default, expected)? else { return Ok(None) };
        let Found { written, source, error, opening_lines } = found;
        if !self.unused.borrow().contains(&key) {
            let value = self.shown(key, &written);
            self.environment.note(Setting { key: below(&self.place, key), value, source });
        }
        match convert(&written) {
            Some(value) => Ok(Some(Located { value, error, opening_lines })),
            None => Err(error),
        }
    }

    /// What the environment, the file or the default gives, in this order.
    fn find(
        &self,
        key: &'static str,
        default: Option<&'static str>,
        expected: &str,
    ) -> Result<Option<Found<'a>>, ConfigError> {
        let in_file = self.written(key);
        let variable = self.variables.borrow().as_ref().map(|path| variable_of(&below(path, key)));
        let overriding = match &variable {
            Some(variable) => self.environment.take(variable)?,
            None => None,
        };
        Ok(match (overriding, in_file, default) {
            (Some((text, source)), _, _) => {
                let error = ConfigError {
                    origin: Origin::Environment(variable.unwrap_or_default()),
                    key: self.path(key),
                    message: format!("is not {expected}"),
                };
                if self.declaration(key).is_secret {
                    check_secret(&text).map_err(|reason| error.with_message(reason))?;
                }
                Some(Found { written: Written::Text(text), source, error, opening_lines: 0 })
            }
            (None, Some(value), _) => {
                let span = value.span();
                let line = self.document.line(&span);
                let error = self.wrong_type(key, span, expected, value.get_ref());
                let source = Source::File { path: self.document.path.to_owned(), line };
                let opening_lines = self.document.opening_lines(&value.span());
                let written = Written::File(value.get_ref());
                Some(Found { written, source, error, opening_lines })
            }
            (None, None, Some(text)) => {
                let error = self.error(key, "its default is wrong");
                Some(Found {
                    written: Written::Text(text.to_owned()),
                    source: Source::Default,
                    error,
                    opening_lines: 0,
                })
            }
            (None, None, None) => None,
        })
    }

    /// A value as people may see it.
    fn shown(&self, key: &str, written: &Written<'_>) -> Value {
        let declared = self.declaration(key);
        match written {
            _ if declared.is_secret => MASK.into(),
            Written::File(value) => value_in_file(value),
            Written::Text(text) => value_of_text(declared, text),
        }
    }

    fn wrong_type(
        &self,
        key: &str,
        span: Range<usize>,
        expected: &str,
        found: &DeValue<'_>,
    ) -> ConfigError {
        // What is declared as a table is no key.
        let is_list = self.find_declaration(key).is_some_and(|key| matches!(key.kind, Kind::Texts));
        let item_of_another_type = match found {
            DeValue::Array(items) if is_list => {
                items.iter().map(|item| item.get_ref().type_str()).find(|found| *found != "string")
            }
            _ => None,
        };
        let message = match item_of_another_type {
            Some(item) => format!("expected {expected}, found one with {item}"),
            None => format!("expected {expected}, found {}", found.type_str()),
        };
        self.document.error_at(span, self.path(key), message)
    }
}

const NOT_ZERO: &str = "must be longer than zero";

/// What comes with a secret that was cut out, or pasted with something else, nobody would see in the masked value.
fn check_secret(text: &str) -> Result<(), &'static str> {
    if text.is_empty() {
        return Err("is empty; write the secret, or leave it out");
    }
    if text.contains(['\r', '\n']) {
        return Err("has more than one line; a secret is one line");
    }
    Ok(())
}

/// A text, if it has the form that is declared of the key.
fn in_form(declared: &Key, found: Located<String>) -> Result<Located<String>, ConfigError> {
    let Kind::Text(Some(pattern)) = declared.kind else { return Ok(found) };
    let form = Regex::new(pattern)
        .unwrap_or_else(|error| unreachable!("the form of '{}': {error}", declared.name));
    if form.is_match(&found.value) { Ok(found) } else { Err(found.error(declared.form)) }
}

/// `username` of `kafka.security.username`.
fn last_part(path: &'static str) -> &'static str {
    path.rsplit_once('.').map_or(path, |(_, last)| last)
}

/// A key below a table, or at the top.
fn below(table: &str, key: &str) -> String {
    if table.is_empty() { key.to_owned() } else { format!("{table}.{key}") }
}

/// A key that differs by more edits is not taken for a typing mistake.
pub const MOST_EDITS: usize = 2;

/// The known key that a typing mistake most likely meant: the first in the alphabet of those that are equally close.
fn closest<'k>(typed: &str, known: &[&'k str]) -> Option<&'k str> {
    let distances = known.iter().map(|key| (strsim::levenshtein(typed, key), *key));
    distances.min().filter(|(distance, _)| *distance <= MOST_EDITS).map(|(_, key)| key)
}
