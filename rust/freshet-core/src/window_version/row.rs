//! Windows as rows for Spark.
//!
//! They cross to Java in a layout of our own and not over Arrow: every series, metric and kind of window gives the few
//! windows that a micro-batch has changed, which travel inside one value of a row of Spark's. Each such value as a
//! batch of Arrow would carry a schema and buffers several times as long as what is in them.
//!
//! A row is the set of the columns that are null (u64, the first column is the lowest bit), and then the values of all
//! columns: i64 for instants (epoch microseconds), counts and flags (0 or 1), f64, and texts as their length in bytes
//! (i32) and their UTF-8. A null takes the place of a 0, or of an empty text.

use serde::Serialize;

use super::fields::{FIELDS, Field, Kind, Part, Value, WindowVersion};

/// Which fields are columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Columns {
    /// Those of `Freshet.windows`.
    Windows,
    /// Those of `freshet_stats`, without those that take the times of readings.
    Stats,
    /// Those of `freshet_stats` with times.
    StatsWithTimes,
}

impl Columns {
    /// The fields, in the order of the columns.
    pub fn fields(self) -> impl Iterator<Item = &'static Field> {
        FIELDS.iter().filter(move |field| match self {
            Self::Windows => field.in_columns,
            Self::Stats => field.part == Part::Statistic && !field.needs_times,
            Self::StatsWithTimes => field.part == Part::Statistic,
        })
    }

    /// Whether a column may be null: of no readings, `freshet_stats` knows only their number.
    fn is_nullable(self, field: &Field) -> bool {
        field.is_nullable() || (self != Self::Windows && field.kind != Kind::Count)
    }
}

/// The columns as Spark's `StructType` in JSON.
pub fn spark_schema(columns: Columns) -> String {
    let fields = columns.fields().map(|field| SparkField {
        name: field.name,
        spark_type: match field.kind {
            Kind::Text => "string",
            Kind::Time => "timestamp",
            Kind::Count => "long",
            Kind::Number => "double",
            Kind::Flag => "boolean",
        },
        nullable: columns.is_nullable(field),
        metadata: Metadata {},
    });
    let schema = SparkSchema { schema_type: "struct", fields: fields.collect() };
    serde_json::to_string(&schema).unwrap_or_else(|error| unreachable!("texts and flags: {error}"))
}

#[derive(Serialize)]
struct SparkSchema {
    #[serde(rename = "type")]
    schema_type: &'static str,
    fields: Vec<SparkField>,
}

#[derive(Serialize)]
struct SparkField {
    name: &'static str,
    #[serde(rename = "type")]
    spark_type: &'static str,
    nullable: bool,
    metadata: Metadata,
}

#[derive(Serialize)]
struct Metadata {}

/// Appends a row.
pub fn push_row(columns: Columns, version: &WindowVersion<'_>, output: &mut Vec<u8>) {
    let begin = output.len();
    output.extend([0; 8]);
    let mut nulls = 0_u64;
    let is_empty = version.is_empty();
    for (index, field) in columns.fields().enumerate() {
        let value = version.value(field).filter(|_| !is_empty || field.kind == Kind::Count);
        if value.is_none() {
            nulls |= 1 << index;
        }
        push_value(value.unwrap_or(field.kind.zero()), output);
    }
    output[begin..begin + 8].copy_from_slice(&nulls.to_le_bytes());
}

fn push_value(value: Value<'_>, output: &mut Vec<u8>) {
    match value {
        Value::Text(text) => {
            output.extend(i32::try_from(text.len()).unwrap_or(i32::MAX).to_le_bytes());
            output.extend(text.as_bytes());
        }
        Value::Time(micros) => output.extend(micros.to_le_bytes()),
        Value::Count(count) => output.extend(count.to_le_bytes()),
        Value::Number(number) => output.extend(number.to_le_bytes()),
        Value::Flag(flag) => output.extend(i64::from(flag).to_le_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::{Window, WindowStats};

    fn row(columns: Columns, stats: &WindowStats) -> Vec<u8> {
        let window = Window { start_us: 10, end_us: 20, stats, is_partial: false };
        let mut bytes = Vec::new();
        push_row(columns, &WindowVersion::new(["s", "é", "m", "10us"], 0, 0, window), &mut bytes);
        bytes
    }

    #[test]
    fn a_row_has_its_columns_in_their_order() {
        let mut stats = WindowStats::default();
        stats.add(12, 2.5);
        let bytes = row(Columns::Windows, &stats);
        let expected: [&[u8]; 6] = [
            &0_u64.to_le_bytes(),
            &[2, 0, 0, 0, 0xc3, 0xa9],
            &[1, 0, 0, 0, b'm'],
            &[4, 0, 0, 0, b'1', b'0', b'u', b's'],
            &10_i64.to_le_bytes(),
            &20_i64.to_le_bytes(),
        ];
        assert!(bytes.starts_with(&expected.concat()));
        let values = Columns::Windows.fields().skip(3).count();
        assert_eq!(bytes.len(), expected[..4].concat().len() + 8 * values);
    }

    #[test]
    fn of_no_readings_only_their_number_is_known() {
        let bytes = row(Columns::Stats, &WindowStats::default());
        let columns = Columns::Stats.fields().count();
        assert_eq!(bytes.len(), 8 + 8 * columns);
        assert_eq!(bytes[..8], ((1_u64 << columns) - 2).to_le_bytes());
        assert!(bytes[8..].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn the_columns_fit_into_the_set_of_nulls() {
        for columns in [Columns::Windows, Columns::Stats, Columns::StatsWithTimes] {
            assert!(columns.fields().count() <= 64);
        }
    }

    #[test]
    fn the_schema_is_sparks() {
        let schema = spark_schema(Columns::Stats);
        let begin = r#"{"type":"struct","fields":[{"name":"count","type":"long","nullable":false,"metadata":{}},"#;
        assert!(schema.starts_with(begin), "{schema}");
        let sum = r#"{"name":"sum","type":"double","nullable":true,"metadata":{}}"#;
        assert!(schema.contains(sum), "{schema}");
        let windows = spark_schema(Columns::Windows);
        let avg = r#"{"name":"avg","type":"double","nullable":false,"metadata":{}}"#;
        assert!(windows.contains(avg), "{windows}");
    }
}
