//! The one table of what a window has. A new aggregate is a row here, beside its arithmetic in [`WindowStats`]:
//! messages, columns in Spark and Cassandra, the interface of the dashboard and the documentation follow from it.

use std::borrow::Cow;

use crate::aggregate::{Window, WindowStats};

/// One field of a window.
#[derive(Debug)]
pub struct Field {
    /// Its name in messages, tables and interfaces.
    pub name: &'static str,
    /// What kind of values it has.
    pub kind: Kind,
    /// What the values count; empty for texts and flags.
    pub unit: &'static str,
    /// What it is, in one line.
    pub meaning: &'static str,
    /// How the values of two parts of a window's readings become that of all of them; empty where it is not of the
    /// readings.
    pub merged: &'static str,
    /// The version of this table since which there is such a field. One that came after [`FIRST_VERSION`] may be
    /// missing.
    pub since: u16,
    /// What it belongs to.
    pub part: Part,
    /// Whether it takes the times of readings, which `freshet_stats` may not know.
    pub needs_times: bool,
    /// Whether the table `windows` in Cassandra has it.
    pub in_table: bool,
    /// What it is in the primary key of that table; `None` of all that are no part of it.
    pub key: Option<Key>,
    /// Whether `Freshet.windows` in Spark has it as a column.
    pub in_columns: bool,
    value: for<'a> fn(&WindowVersion<'a>) -> Option<Value<'a>>,
}

/// The version of this table with which messages and tables began. Its fields are in every message.
pub const FIRST_VERSION: u16 = 1;

/// What kind of values a field has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A text.
    Text,
    /// An instant: epoch milliseconds in messages, a timestamp in tables.
    Time,
    /// A whole number from 0 on.
    Count,
    /// A floating-point number.
    Number,
    /// True or false; false where it is missing.
    Flag,
}

/// What a field is in the primary key of the table `windows`, in the order of [`FIELDS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// Rows that agree in all of these are in one partition.
    Partition,
    /// The order of rows in a partition, the latest first.
    Clustering,
}

/// What a field belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Which window it is.
    Identity,
    /// What is known of its readings.
    Statistic,
    /// Which version of the window it is, and of what worth.
    Version,
}

/// A value of a field.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// Of a [`Kind::Text`].
    Text(Cow<'a, str>),
    /// Of a [`Kind::Time`], epoch microseconds.
    Time(i64),
    /// Of a [`Kind::Count`].
    Count(u64),
    /// Of a [`Kind::Number`].
    Number(f64),
    /// Of a [`Kind::Flag`].
    Flag(bool),
}

/// A version of a window, and where it belongs.
pub struct WindowVersion<'a> {
    names: [&'a str; NAMES.len()],
    generation: u32,
    emitted_us: i64,
    window: Window<'a>,
    /// Of the shares of [`PERCENTILES`]: sorting the readings once is enough for all of them.
    percentiles: [f64; PERCENTILES.len()],
}

const PERCENTILES: [f64; 3] = [0.50, 0.95, 0.99];

/// The fields that name a window's series and kind: the first ones, in this order.
pub(super) const NAMES: [&str; 4] = ["stream", "series", "metric", "window"];

impl<'a> WindowVersion<'a> {
    /// A version that was computed at an instant, epoch microseconds.
    ///
    /// `names` are those of stream, series, metric and kind of window.
    pub fn new(names: [&'a str; 4], generation: u32, emitted_us: i64, window: Window<'a>) -> Self {
        let percentiles = window.stats.percentiles(PERCENTILES);
        Self { names, generation, emitted_us, window, percentiles }
    }

    /// The value of a field; `None` where it is not known.
    pub fn value(&self, field: &Field) -> Option<Value<'a>> {
        (field.value)(self)
    }

    /// What names the window in its stream: series, metric and kind.
    pub(super) fn names_in_stream(&self) -> [&'a str; 3] {
        let [_, in_stream @ ..] = self.names;
        in_stream
    }

    /// First instant of the window, epoch microseconds.
    pub(super) fn start_us(&self) -> i64 {
        self.window.start_us
    }

    /// One of the names, in the order of [`NAMES`].
    fn name(&self, index: usize) -> Value<'a> {
        Value::Text(Cow::Borrowed(self.names[index]))
    }

    /// Whether there are no readings.
    pub(super) fn is_empty(&self) -> bool {
        self.stats().count() == 0
    }

    fn stats(&self) -> &WindowStats {
        self.window.stats
    }
}

impl Kind {
    /// The type of a column in Cassandra, as `system_schema` spells it.
    pub fn cql_type(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Time => "timestamp",
            Self::Count => "bigint",
            Self::Number => "double",
            Self::Flag => "boolean",
        }
    }

    /// What stands in the place of a value that is not known.
    pub(super) fn zero(self) -> Value<'static> {
        match self {
            Self::Text => Value::Text(Cow::Borrowed("")),
            Self::Time => Value::Time(0),
            Self::Count => Value::Count(0),
            Self::Number => Value::Number(0.0),
            Self::Flag => Value::Flag(false),
        }
    }
}

impl Field {
    /// Whether the value may be missing or null: in messages and rows from before the field, and where it is unknown.
    pub fn is_nullable(&self) -> bool {
        self.since != FIRST_VERSION && self.kind != Kind::Flag
    }
}

const TEXT: Field = Field {
    name: "",
    kind: Kind::Text,
    unit: "",
    meaning: "",
    merged: "",
    since: FIRST_VERSION,
    part: Part::Identity,
    needs_times: false,
    in_table: true,
    key: None,
    in_columns: true,
    value: |_| None,
};

const TIME: Field = Field { kind: Kind::Time, unit: "ms since the epoch", ..TEXT };

const NUMBER: Field =
    Field { kind: Kind::Number, unit: "the metric's", part: Part::Statistic, ..TEXT };

const VERSION: Field = Field { kind: Kind::Count, part: Part::Version, ..TEXT };

/// The fields of a window, in the order of messages and tables.
pub const FIELDS: &[Field] = &[
    Field {
        name: "stream",
        meaning: "the stream",
        key: Some(Key::Partition),
        in_columns: false,
        value: |version| Some(version.name(0)),
        ..TEXT
    },
    Field {
        name: "series",
        meaning: "the series",
        key: Some(Key::Partition),
        value: |version| Some(version.name(1)),
        ..TEXT
    },
    Field {
        name: "metric",
        meaning: "the metric",
        key: Some(Key::Partition),
        value: |version| Some(version.name(2)),
        ..TEXT
    },
    Field {
        name: "window",
        meaning: "the kind of window, such as `10s` or `5m/1m`",
        key: Some(Key::Partition),
        value: |version| Some(version.name(3)),
        ..TEXT
    },
    Field {
        name: "start",
        meaning: "first instant of the window",
        key: Some(Key::Clustering),
        value: |version| Some(Value::Time(version.window.start_us)),
        ..TIME
    },
    Field {
        name: "end",
        meaning: "first instant after the window",
        value: |version| Some(Value::Time(version.window.end_us)),
        ..TIME
    },
    Field {
        name: "count",
        kind: Kind::Count,
        unit: "readings",
        meaning: "number of readings",
        merged: "added",
        value: |version| Some(Value::Count(version.stats().count())),
        ..NUMBER
    },
    Field {
        name: "sum",
        meaning: "sum of the readings",
        merged: "added",
        value: |version| Some(Value::Number(version.stats().sum())),
        ..NUMBER
    },
    Field {
        name: "avg",
        meaning: "mean of the readings",
        merged: "sum by count",
        value: |version| Some(Value::Number(version.stats().average())),
        ..NUMBER
    },
    Field {
        name: "min",
        meaning: "the least reading",
        merged: "the lesser one",
        value: |version| Some(Value::Number(version.stats().min())),
        ..NUMBER
    },
    Field {
        name: "max",
        meaning: "the greatest reading",
        merged: "the greater one",
        value: |version| Some(Value::Number(version.stats().max())),
        ..NUMBER
    },
    Field {
        name: "stddev",
        meaning: "population standard deviation",
        merged: "by the parts' means and squared distances (Chan, Golub and LeVeque 1979)",
        value: |version| Some(Value::Number(version.stats().stddev())),
        ..NUMBER
    },
    Field {
        name: "p50",
        meaning: "median: the reading of rank `ceil(0.5 * count)`, exact of at most 32 readings, else within 1 % of it",
        merged: "by the readings while they are few, by their sketches (DDSketch) from then on",
        value: |version| Some(Value::Number(version.percentiles[0])),
        ..NUMBER
    },
    Field {
        name: "p95",
        meaning: "95th percentile: the reading of rank `ceil(0.95 * count)`, exact of at most 32 readings, else \
                  within 1 % of it",
        merged: "likewise",
        value: |version| Some(Value::Number(version.percentiles[1])),
        ..NUMBER
    },
    Field {
        name: "p99",
        meaning: "99th percentile: the reading of rank `ceil(0.99 * count)`, exact of at most 32 readings, else \
                  within 1 % of it",
        merged: "likewise",
        value: |version| Some(Value::Number(version.percentiles[2])),
        ..NUMBER
    },
    Field {
        name: "last_event",
        meaning: "event time of the newest reading",
        merged: "the later one",
        part: Part::Statistic,
        needs_times: true,
        value: |version| Some(Value::Time(version.stats().last_event_us())),
        ..TIME
    },
    Field {
        name: "generation",
        unit: "generations",
        meaning: "the stream's generation when this version was computed",
        in_table: false,
        in_columns: false,
        value: |version| Some(Value::Count(version.generation.into())),
        ..VERSION
    },
    Field {
        name: "revision",
        unit: "readings",
        meaning: "version of the window within its generation: the number of readings, which only grows",
        value: |version| Some(Value::Count(version.stats().count())),
        ..VERSION
    },
    Field {
        name: "emitted",
        part: Part::Version,
        meaning: "when this version was computed",
        in_table: false,
        in_columns: false,
        value: |version| Some(Value::Time(version.emitted_us)),
        ..TIME
    },
    Field {
        name: "partial",
        kind: Kind::Flag,
        meaning: "whether the window is known to hold only a part of its readings, since its kind was added while it \
                  was open",
        since: 2,
        in_columns: false,
        value: |version| Some(Value::Flag(version.window.is_partial)),
        ..VERSION
    },
    Field {
        name: "first",
        meaning: "the reading of the earliest event time; of several, the least",
        merged: "that of the earlier event time",
        since: 3,
        needs_times: true,
        value: |version| version.stats().first().map(Value::Number),
        ..NUMBER
    },
    Field {
        name: "last",
        meaning: "the reading of the latest event time; of several, the greatest",
        merged: "that of the later event time",
        since: 3,
        needs_times: true,
        value: |version| version.stats().last().map(Value::Number),
        ..NUMBER
    },
];

/// Where a field stands in [`FIELDS`].
#[expect(clippy::panic, reason = "it is computed when this is compiled")]
pub(super) const fn index_of(name: &str) -> usize {
    let mut index = 0;
    while index < FIELDS.len() {
        if is_equal(FIELDS[index].name.as_bytes(), name.as_bytes()) {
            return index;
        }
        index += 1;
    }
    panic!("there is no such field")
}

const fn is_equal(one: &[u8], other: &[u8]) -> bool {
    let mut index = 0;
    while index < one.len() && index < other.len() {
        if one[index] != other[index] {
            return false;
        }
        index += 1;
    }
    one.len() == other.len()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_names_come_first_and_no_name_comes_twice() {
        let names: Vec<_> = FIELDS.iter().map(|field| field.name).collect();
        assert_eq!(names[..NAMES.len()], NAMES);
        assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len());
        assert!(names.iter().all(|name| {
            name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_' || b.is_ascii_digit())
        }));
    }

    #[test]
    fn a_statistic_says_how_it_is_merged() {
        for field in FIELDS {
            assert_eq!(field.merged.is_empty(), field.part != Part::Statistic, "{}", field.name);
            assert!(!field.meaning.is_empty(), "{}", field.name);
        }
    }
}
