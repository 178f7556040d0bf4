//! `[[alert]]`: when the dashboard tells people that something is not as it should be.

use std::collections::HashSet;
use std::time::Duration;

use serde::Serialize;

use super::chart;
use super::error::ConfigError;
use super::key::{Key, Kind, Presence, Table};
use super::section::{Located, Section};
use crate::record::Stream;
use crate::window::WindowSpec;

/// Nobody waits longer for an alert.
const LONGEST: Duration = Duration::from_hours(30 * 24);

const ANY_NUMBER: Kind = Kind::Number(f64::MIN, f64::MAX);

/// `[[alert]]`.
pub(super) const TABLE: Table = Table {
    path: "alert",
    is_repeated: true,
    is_list: true,
    meaning: "when the dashboard tells people that something is not as it should be",
    keys: &[
        Key {
            name: "name",
            kind: Kind::Text(Some("^[a-zA-Z0-9][a-zA-Z0-9 ._-]{0,99}$")),
            meaning: "unique",
            example: r#""sensor too hot""#,
            form: "an alert's name is a letter or digit followed by up to 99 letters, digits, spaces, '.', '_' or '-'",
            ..Key::NEW
        },
        Key {
            name: "stream",
            meaning: "the stream that it watches",
            example: r#""host""#,
            ..Key::NEW
        },
        Key {
            name: "metric",
            presence: Presence::Default("*"),
            meaning: "the metrics that it watches, each by itself; `*` stands for any characters",
            example: r#""temp*""#,
            ..Key::NEW
        },
        Key {
            name: "series",
            presence: Presence::Default("*"),
            meaning: "the series that it watches, each by itself; `*` stands for any characters",
            example: r#""*/cpu""#,
            ..Key::NEW
        },
        Key {
            name: "window",
            presence: Presence::Optional("the first of the stream"),
            meaning: "the kind of window whose complete windows are compared",
            example: r#""10s""#,
            ..Key::NEW
        },
        Key {
            name: "field",
            kind: Kind::Choice(&AlertField::NAMES),
            presence: Presence::Default("avg"),
            meaning: "what of a window is compared; `age` is how long the newest event was ago, in seconds",
            example: r#""p95""#,
            ..Key::NEW
        },
        Key {
            name: "above",
            kind: ANY_NUMBER,
            presence: Presence::Optional("none"),
            meaning: "it rings when the field is greater; either this or `below`",
            example: "90",
            ..Key::NEW
        },
        Key {
            name: "below",
            kind: ANY_NUMBER,
            presence: Presence::Optional("none"),
            meaning: "it rings when the field is less",
            example: "-20.5",
            ..Key::NEW
        },
        Key {
            name: "for",
            kind: Kind::Duration(LONGEST),
            presence: Presence::Default("0s"),
            meaning: "for how long that has to be so before it rings",
            example: r#""5m""#,
            ..Key::NEW
        },
        Key {
            name: "severity",
            kind: Kind::Choice(&Severity::NAMES),
            presence: Presence::Default("warning"),
            meaning: "how bad it is",
            example: r#""critical""#,
            ..Key::NEW
        },
    ],
};

/// What of a window an alert compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertField {
    /// The mean.
    Avg,
    /// The least reading.
    Min,
    /// The greatest reading.
    Max,
    /// The number of readings.
    Count,
    /// The median.
    P50,
    /// The 95th percentile.
    P95,
    /// The 99th percentile.
    P99,
    /// How long the newest event was ago, in seconds.
    Age,
}

impl AlertField {
    const ALL: [Self; 8] =
        [Self::Avg, Self::Min, Self::Max, Self::Count, Self::P50, Self::P95, Self::P99, Self::Age];
    const NAMES: [&str; 8] = names!(Self::ALL);

    const fn name(self) -> &'static str {
        match self {
            Self::Avg => "avg",
            Self::Min => "min",
            Self::Max => "max",
            Self::Count => "count",
            Self::P50 => "p50",
            Self::P95 => "p95",
            Self::P99 => "p99",
            Self::Age => "age",
        }
    }
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Somebody should look at it.
    Warning,
    /// Somebody has to look at it now.
    Critical,
}

impl Severity {
    const ALL: [Self; 2] = [Self::Warning, Self::Critical];
    const NAMES: [&str; 2] = names!(Self::ALL);

    const fn name(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// What a field is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Threshold {
    /// It rings when the field is greater.
    Above(f64),
    /// It rings when the field is less.
    Below(f64),
}

/// When the dashboard tells people.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Alert {
    /// Unique.
    pub name: String,
    /// The stream that it watches.
    pub stream: String,
    /// The metrics, as a pattern.
    pub metric: String,
    /// The series, as a pattern.
    pub series: String,
    /// The kind of window.
    pub window: WindowSpec,
    /// What of a window is compared.
    pub field: AlertField,
    /// With what.
    pub threshold: Threshold,
    /// For how long that has to be so.
    pub lasting: Duration,
    /// How bad it is.
    pub severity: Severity,
}

/// Reads the alerts on these streams.
pub(super) fn read_all(root: &Section<'_>, streams: &[Stream]) -> Result<Vec<Alert>, ConfigError> {
    let mut names = HashSet::new();
    let mut alerts = Vec::new();
    for section in root.tables(&TABLE)? {
        let alert = read(&section, streams)?;
        if !names.insert(alert.name.clone()) {
            let message = format!("two alerts are called '{}'; give each its own name", alert.name);
            return Err(section.text("name")?.error(message));
        }
        alerts.push(alert);
    }
    Ok(alerts)
}

fn read(section: &Section<'_>, streams: &[Stream]) -> Result<Alert, ConfigError> {
    let name = section.text("name")?.value;
    let stream = read_stream(section, streams)?;
    let field = AlertField::ALL[section.choice("field")?];
    let alert = Alert {
        name,
        stream: stream.name.clone(),
        metric: read_metric(section, stream)?,
        series: read_series(section)?,
        window: read_window(section, stream)?,
        field,
        threshold: read_threshold(section, field)?,
        lasting: section.duration("for")?.value,
        severity: Severity::ALL[section.choice("severity")?],
    };
    section.finish()?;
    Ok(alert)
}

fn read_stream<'s>(
    section: &Section<'_>,
    streams: &'s [Stream],
) -> Result<&'s Stream, ConfigError> {
    let found = section.text("stream")?;
    streams.iter().find(|stream| stream.name == found.value).ok_or_else(|| {
        let known: Vec<&str> = streams.iter().map(|stream| stream.name.as_str()).collect();
        found.error(format!(
            "there is no stream '{}'; there are: {}",
            found.value,
            known.join(", ")
        ))
    })
}

fn read_metric(section: &Section<'_>, stream: &Stream) -> Result<String, ConfigError> {
    let found = section.text("metric")?.convert(|pattern| Ok::<_, String>(vec![pattern]))?;
    Ok(chart::metrics(found, &stream.values)?.remove(0))
}

fn read_series(section: &Section<'_>) -> Result<String, ConfigError> {
    let found = section.text("series")?;
    if found.value.is_empty() {
        return Err(found.error("has nothing in it; write what it means, or leave it out"));
    }
    Ok(found.value)
}

/// One kind of the stream's windows.
fn read_window(section: &Section<'_>, stream: &Stream) -> Result<WindowSpec, ConfigError> {
    let Some(found) = section.optional_text("window")? else {
        return Ok(stream.windows[0].clone());
    };
    WindowSpec::find(&stream.windows, &found.value).cloned().ok_or_else(|| {
        let known: Vec<String> = stream.windows.iter().map(ToString::to_string).collect();
        found.error(format!(
            "stream '{}' has no window '{}'; it has: {}",
            stream.name,
            found.value,
            known.join(", ")
        ))
    })
}

/// Refuses what is always so, or never.
fn read_threshold(section: &Section<'_>, field: AlertField) -> Result<Threshold, ConfigError> {
    let above = section.optional_number("above")?;
    let below = section.optional_number("below")?;
    match (above, below) {
        (Some(above), None) => above_in(field, &above),
        (None, Some(below)) => below_in(field, &below),
        (Some(_), Some(below)) => {
            Err(below.error("stands beside 'above': write two alerts, one for each"))
        }
        (None, None) => {
            Err(section.error("above", "is missing, and 'below' as well: write one of them"))
        }
    }
}

fn above_in(field: AlertField, found: &Located<f64>) -> Result<Threshold, ConfigError> {
    match field {
        AlertField::Age if found.value <= 0.0 => Err(found.error(
            "is always so: an age is greater than zero; write how many seconds are too many",
        )),
        AlertField::Count if found.value < 1.0 => {
            Err(found.error("is always so: a window has at least one reading; write 1 or more"))
        }
        _ => Ok(Threshold::Above(found.value)),
    }
}

fn below_in(field: AlertField, found: &Located<f64>) -> Result<Threshold, ConfigError> {
    match field {
        AlertField::Age => Err(found.error(
            "does not go with field = \"age\": what comes in is young; write 'above' with how many seconds are too \
             many",
        )),
        AlertField::Count if found.value <= 1.0 => Err(found.error(
            "is never so: a window has at least one reading; write more than 1, or watch the age for none at all",
        )),
        _ => Ok(Threshold::Below(found.value)),
    }
}
