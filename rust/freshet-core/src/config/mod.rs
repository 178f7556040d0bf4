//! The configuration of the whole pipeline, `freshet.toml`: one file, one validator.
//!
//! Every key of a plain section can be overridden from the environment: `[kafka] bootstrap_servers` by
//! `FRESHET_KAFKA__BOOTSTRAP_SERVERS`, or by the content of a file named in `FRESHET_KAFKA__BOOTSTRAP_SERVERS_FILE`.

/// The names of all variants of an enum.
macro_rules! names {
    ($variants:expr) => {{
        let mut names = [""; $variants.len()];
        let mut index = 0;
        while index < names.len() {
            names[index] = $variants[index].name();
            index += 1;
        }
        names
    }};
}

mod alert;
mod cassandra;
mod chart;
mod dashboard;
mod dev;
mod endpoints;
mod environment;
mod error;
mod kafka;
mod key;
mod schema_registry;
mod section;
mod settings;
mod source;
mod spark;
mod specification;
mod stream;

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use serde::Serialize;
use toml::de::DeTable;

pub use crate::record::{Chart, CsvLayout, Format, SchemaRegistry, Stream, TimeField};
pub use crate::secret::Secret;
pub use alert::{Alert, AlertField, Severity, Threshold};
pub use cassandra::{Cassandra, Consistency};
pub use dashboard::Dashboard;
pub use dev::Dev;
pub use endpoints::{Producer, Writer, reachable, reachable_port};
pub use error::{ConfigError, Origin};
pub use kafka::{Kafka, SaslMechanism, Security, SecurityProtocol};
pub use key::{Key, Kind, Presence, Table};
pub use section::{Located, Section, TextOrTable, TextPairs};
pub use settings::{MASK, Setting, Source as SettingSource, Written};
pub use source::{SOURCE, Source};
pub use spark::{Spark, StateStore};

pub use section::MOST_EDITS;
pub use stream::MAX_METRIC_BYTES;

use environment::Environment;
use section::Document;

/// How the names of our variables begin.
const OUR_PREFIX: &str = "FRESHET_";

/// All tables with all keys, in the order of the documentation.
pub const TABLES: [&Table; 14] = [
    &kafka::TABLE,
    &kafka::SECURITY,
    &schema_registry::TABLE,
    &cassandra::TABLE,
    &dashboard::TABLE,
    &spark::TABLE,
    &endpoints::PRODUCER,
    &endpoints::WRITER,
    &dev::TABLE,
    &stream::TABLE,
    &stream::TIME,
    &chart::TABLE,
    &source::SOURCE,
    &alert::TABLE,
];

/// The validated configuration.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Config {
    /// The Kafka cluster.
    pub kafka: Kafka,
    /// Who knows the schemas of records by their ids; `None` where nobody is asked.
    pub schema_registry: Option<SchemaRegistry>,
    /// The Cassandra cluster.
    pub cassandra: Cassandra,
    /// The web server.
    pub dashboard: Dashboard,
    /// The streaming queries.
    pub spark: Spark,
    /// Where the producer tells how it is doing.
    pub producer: Producer,
    /// Where the Cassandra writer tells how it is doing, and who it is.
    pub writer: Writer,
    /// The embedded stack of `./freshet up`.
    pub dev: Dev,
    /// The streams, in the order of the file; names are unique and there is at least one.
    pub streams: Vec<Stream>,
    /// The live sources; each feeds one of `streams`.
    pub sources: Vec<Source>,
    /// What the dashboard tells people of, in the order of the file; names are unique.
    pub alerts: Vec<Alert>,
}

/// A configuration with the settings of its sources.
#[derive(Debug)]
pub struct Loaded<T> {
    /// All but those.
    pub config: Config,
    /// Of each source, what was read of it, in the order of the file.
    pub source_settings: Vec<T>,
    /// The value of every key that has one, and where it came from.
    pub settings: Vec<Setting>,
}

/// Reads what a source has beside what all have.
type SettingsReader<'r, T> = dyn Fn(&Source, &Section<'_>) -> Result<T, ConfigError> + 'r;

impl Config {
    /// Reads and validates the file, with overrides from this process's environment.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for the first thing that is wrong.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        Self::load_with(path, our_variables()?)
    }

    /// The same, with the value of every key and where it came from.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for the first thing that is wrong.
    pub fn load_with_settings(path: &Path) -> Result<Loaded<()>, ConfigError> {
        let variables = our_variables()?.into_iter().collect();
        Self::read_all(&read_file(path)?, path, variables, None)
    }

    /// The same, with the settings of each source, which `read` takes from its section after [`Section::declare`] said
    /// the keys of its kind. A key that it does not read is refused.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for the first thing that is wrong.
    pub fn load_with_sources<T>(
        path: &Path,
        read: impl Fn(&Source, &Section<'_>) -> Result<T, ConfigError>,
    ) -> Result<Loaded<T>, ConfigError> {
        let variables = our_variables()?.into_iter().collect();
        Self::parse_with_sources(&read_file(path)?, path, variables, read)
    }

    /// The same, from the text of a configuration; `path` only names it in errors, `variables` are those of an
    /// environment.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for the first thing that is wrong.
    pub fn parse_with_sources<T>(
        text: &str,
        path: &Path,
        variables: BTreeMap<String, String>,
        read: impl Fn(&Source, &Section<'_>) -> Result<T, ConfigError>,
    ) -> Result<Loaded<T>, ConfigError> {
        Self::read_all(text, path, variables, Some(&read))
    }

    /// Reads and validates the file, with overrides from these variables.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for the first thing that is wrong.
    pub fn load_with(
        path: &Path,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        Self::parse(&read_file(path)?, path, variables.into_iter().collect())
    }

    /// Validates the text of a configuration; `path` only names it in errors, `variables` are those of an environment.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for the first thing that is wrong.
    pub fn parse(
        text: &str,
        path: &Path,
        variables: BTreeMap<String, String>,
    ) -> Result<Self, ConfigError> {
        Ok(Self::read_all::<()>(text, path, variables, None)?.config)
    }

    fn read_all<T>(
        text: &str,
        path: &Path,
        variables: BTreeMap<String, String>,
        settings: Option<&SettingsReader<'_, T>>,
    ) -> Result<Loaded<T>, ConfigError> {
        let document = Document { path, text };
        let table = DeTable::parse(text).map_err(|error| {
            let span = error.span().unwrap_or(0..0);
            document.error_at(span, String::new(), error.message().to_owned())
        })?;
        let environment = Environment::new(variables);
        let root = Section::root(document, &environment, &table, &[]);
        let kafka = Kafka::read(&root.table(&kafka::TABLE)?)?;
        let schema_registry = schema_registry::read(&root.table(&schema_registry::TABLE)?)?;
        let streams = read_streams(&root, &kafka, schema_registry.as_ref())?;
        let (sources, source_settings) = source::read_all(&root, &environment, &streams, settings)?;
        let alerts = alert::read_all(&root, &streams)?;
        let config = Self {
            kafka,
            schema_registry,
            cassandra: Cassandra::read(&root.table(&cassandra::TABLE)?)?,
            dashboard: Dashboard::read(&root.table(&dashboard::TABLE)?)?,
            spark: Spark::read(&root.table(&spark::TABLE)?)?,
            producer: Producer::read(&root.table(&endpoints::PRODUCER)?)?,
            writer: Writer::read(&root.table(&endpoints::WRITER)?)?,
            dev: Dev::read(&root.table(&dev::TABLE)?)?,
            streams,
            sources,
            alerts,
        };
        root.finish()?;
        environment.finish()?;
        Ok(Loaded { config, source_settings, settings: environment.into_settings() })
    }

    /// The stream of that name.
    pub fn stream(&self, name: &str) -> Option<&Stream> {
        self.streams.iter().find(|stream| stream.name == name)
    }
}

fn read_streams(
    root: &Section<'_>,
    kafka: &Kafka,
    registry: Option<&SchemaRegistry>,
) -> Result<Vec<Stream>, ConfigError> {
    let sections = root.tables(&stream::TABLE)?;
    if sections.is_empty() {
        return Err(root.error("stream", "there is none: write at least one [[stream]]"));
    }
    let mut names = HashSet::new();
    let mut streams = Vec::with_capacity(sections.len());
    for section in &sections {
        let stream = Stream::read(section, registry)?;
        if !names.insert(stream.name.clone()) {
            let message =
                format!("two streams are called '{}'; give each its own name", stream.name);
            return Err(section.text("name")?.error(message));
        }
        // Kafka keeps its metrics under names in which both are one.
        let collides =
            |other: &&Stream| other.name.replace('.', "_") == stream.name.replace('.', "_");
        if let Some(other) = streams.iter().find(collides) {
            let message = format!(
                "Kafka takes no topics whose names differ in '.' and '_' only, such as those of '{}'; \
                 choose another name",
                other.name
            );
            return Err(section.text("name")?.error(message));
        }
        streams.push(stream);
    }
    for section in &sections {
        check_topics(section, &streams, kafka)?;
    }
    Ok(streams)
}

/// A topic that a stream names is read by no other stream, whose dead letters could not be told from its own, and is
/// none that the pipeline writes.
fn check_topics(
    section: &Section<'_>,
    streams: &[Stream],
    kafka: &Kafka,
) -> Result<(), ConfigError> {
    let Some(topics) = stream::read_topics(section)? else { return Ok(()) };
    for topic in &topics.value {
        let overlaps = |other: &String| crate::pattern::overlap(topic, other);
        let reads = |stream: &&Stream| kafka.raw_topics(stream).iter().any(overlaps);
        let mut readers = streams.iter().filter(reads).map(|stream| stream.name.as_str());
        if let (Some(one), Some(other)) = (readers.next(), readers.next()) {
            return Err(topics.error(format!(
                "'{topic}' would be read by '{one}' and '{other}': let one stream read it, with the metrics of both"
            )));
        }
        let mut written = streams.iter().map(|stream| kafka.windows_topic(&stream.name)).chain([
            kafka.dead_letters_topic(),
            kafka.health_topic(),
            kafka.cursors_topic(),
        ]);
        if let Some(name) = written.find(overlaps) {
            let written =
                if name == *topic { "" } else { &format!("also means '{name}', and that ") };
            let message = format!("'{topic}' {written}is what the pipeline itself writes");
            return Err(topics.error(message));
        }
    }
    Ok(())
}

fn read_file(path: &Path) -> Result<String, ConfigError> {
    read(path).map_err(|reason| ConfigError {
        origin: Origin::File(path.to_owned()),
        key: String::new(),
        message: format!("cannot read the file: {reason}"),
    })
}

fn read(path: &Path) -> Result<String, String> {
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    String::from_utf8(bytes)
        .map_err(|error| format!("byte {} is not UTF-8", error.utf8_error().valid_up_to() + 1))
}

/// The variables of this process that begin like ours; what other programs keep there may be no text at all.
fn our_variables() -> Result<Vec<(String, String)>, ConfigError> {
    let ours =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
    ours.filter(|(name, _)| name.starts_with(OUR_PREFIX))
        .map(|(name, value)| match value.into_string() {
            Ok(value) => Ok((name, value)),
            Err(_) => Err(ConfigError {
                origin: Origin::Environment(name),
                key: String::new(),
                message: "is not UTF-8".to_owned(),
            }),
        })
        .collect()
}

#[cfg(test)]
mod tests;
