//! `[[source]]`, as far as all sources have it: a name, a kind and a stream.
//!
//! What else a source may have depends on its kind, and only the producer needs to know: the crate `freshet-sources`
//! declares it beside the code of each kind. Other readers of the file pass over it.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::SettingsReader;
use super::environment::Environment;
use super::error::ConfigError;
use super::key::{Key, Kind, Presence, Table, variable_of};
use super::section::Section;
use crate::record::Stream;

/// The keys that all sources have.
pub const SOURCE: Table = Table {
    path: PATH,
    is_repeated: true,
    is_list: true,
    meaning: "what the producer reads from",
    keys: &[
        Key {
            name: "name",
            kind: Kind::Text(Some("^[a-z0-9][a-z0-9._-]{0,99}$")),
            presence: Presence::Optional("its kind"),
            meaning: "what it is called in health, metrics, variables and `--source`; unique. Where a source goes on \
                      after a restart is kept under it, so that another name begins anew",
            example: r#""station-7""#,
            form: "a name is up to 100 of the characters a-z, 0-9, '.', '_' and '-', a letter or digit first",
            ..Key::NEW
        },
        Key { name: "kind", meaning: "what it is", example: r#""host""#, ..Key::NEW },
        Key {
            name: "stream",
            meaning: "the stream that it feeds",
            example: r#""host""#,
            ..Key::NEW
        },
    ],
};

const PATH: &str = "source";

/// A live source that feeds one stream.
#[derive(Clone, PartialEq, Serialize)]
pub struct Source {
    /// What it is called; unique.
    pub name: String,
    /// What it is: a name that `freshet-sources` knows.
    pub kind: String,
    /// Name of the stream it feeds.
    pub stream: String,
    /// Everything that the file says of it, unchecked and with its secrets: to tell whether it has changed.
    #[serde(skip)]
    pub written: BTreeMap<String, Value>,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, kind, stream, .. } = self;
        write!(f, "Source {{ name: {name:?}, kind: {kind:?}, stream: {stream:?}, .. }}")
    }
}

impl Source {
    fn read(section: &Section<'_>, streams: &[Stream]) -> Result<Self, ConfigError> {
        let kind = section.text("kind")?;
        let name = section.optional_text("name")?;
        let name = name.map_or_else(|| kind.value.clone(), |name| name.value);
        let stream = section.text("stream")?;
        let Some(fed) = streams.iter().find(|known| known.name == stream.value) else {
            let names = streams.iter().map(|s| s.name.as_str()).collect::<Vec<_>>().join(", ");
            return Err(
                stream.error(format!("there is no stream '{}'; there are: {names}", stream.value))
            );
        };
        if let Some(topic) = fed.topics.first().filter(|topic| topic.contains('*')) {
            return Err(stream.error(format!(
                "the stream '{}' reads '{topic}', which is no topic to send to: name one first in its 'topics'",
                stream.value
            )));
        }
        let written = section.written_values();
        Ok(Self { name, kind: kind.value, stream: stream.value, written })
    }
}

/// Reads all sources. `settings` reads what else stands in each; without it, that is passed over.
pub(super) fn read_all<T>(
    root: &Section<'_>,
    environment: &Environment,
    streams: &[Stream],
    settings: Option<&SettingsReader<'_, T>>,
) -> Result<(Vec<Source>, Vec<T>), ConfigError> {
    let mut sources: Vec<Source> = Vec::new();
    let mut all_settings = Vec::new();
    for section in root.tables(&SOURCE)? {
        let source = Source::read(&section, streams)?;
        let variables = variables_of(&source.name);
        if let Some(other) = sources.iter().find(|other| variables_of(&other.name) == variables) {
            return Err(section.error(
                "name",
                format!(
                    "two sources are called '{}' and '{}'; give each a `name` that differs in more than '.', '_' and \
                     '-'",
                    other.name, source.name
                ),
            ));
        }
        section.override_by(variables);
        if let Some(read) = settings {
            all_settings.push(read(&source, &section)?);
            section.finish()?;
        }
        sources.push(source);
    }
    if settings.is_none() {
        environment.leave(&(variable_of(PATH) + "__"));
    }
    Ok((sources, all_settings))
}

/// What the variables that override the keys of a source are named after.
fn variables_of(name: &str) -> String {
    format!("{PATH}.{}", name.replace(['.', '-'], "_"))
}
