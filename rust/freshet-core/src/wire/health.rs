//! Health reports: who is alive since when, and what it has done.
//!
//! [`HealthReport`] and [`FIELDS`] are one declaration: every field of a report, whoever tells it. From it come the
//! type in TypeScript, the schema in `/openapi.json` and the table in `docs/topics.md`; the Spark job's reports are
//! held to it by [`check`].

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use super::source_health::SourceHealth;
use super::{Component, ErrorKind};
use crate::text::{declare_names, serde_as_text};

/// How often each component reports.
pub const INTERVAL: Duration = Duration::from_secs(1);

/// A component that has been silent for longer is down, stuck or cut off.
pub const STALE_AFTER: Duration = Duration::from_secs(5);

/// The most notices of a report: more is not read by anybody; the oldest ones go first.
pub const MAX_NOTICES: usize = 20;

declare_names! {
    /// What a component is doing. Readers show a state that they do not know as it is.
    pub enum State as "state" {
        /// It is not at work yet.
        Starting = "starting",
        /// It is at work.
        Running = "running",
        /// It has failed, and is about to start again.
        Restarting = "restarting",
        /// It is alive, but waits for something outside, which `waiting_for` names.
        Waiting = "waiting",
        /// It has done all that there was to do, and ends: that it says nothing more is as it should be.
        Ended = "ended",
    }
}

serde_as_text!(State);

/// What kind of value a field has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A text in one line.
    Text,
    /// A whole number.
    Integer,
    /// An object with a whole number for each of its keys.
    Counts,
    /// A list of texts, each in one line.
    Lines,
    /// An object with what is known of each source, by its name:
    /// [`SOURCE_FIELDS`](super::source_health::SOURCE_FIELDS).
    Sources,
}

/// Whether a report has to tell a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It is never missing, and never null.
    Required,
    /// Null where it is not known or has no meaning; reports of ours have it always.
    Nullable,
    /// Not there, or null, where it is not known or has no meaning.
    Optional,
}

/// A field of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// Its values.
    pub kind: Kind,
    /// What a number counts; empty where there is nothing to count.
    pub unit: &'static str,
    /// Whether it may be missing.
    pub presence: Presence,
    /// Who tells it.
    pub told_by: &'static [Component],
    /// What it says, in one sentence.
    pub meaning: &'static str,
}

/// A type of a field.
pub(super) trait FieldType {
    /// The kind of its values.
    const KIND: Kind;
}

impl FieldType for String {
    const KIND: Kind = Kind::Text;
}

impl FieldType for Component {
    const KIND: Kind = Kind::Text;
}

impl FieldType for State {
    const KIND: Kind = Kind::Text;
}

impl FieldType for i64 {
    const KIND: Kind = Kind::Integer;
}

impl FieldType for u64 {
    const KIND: Kind = Kind::Integer;
}

impl FieldType for BTreeMap<String, u64> {
    const KIND: Kind = Kind::Counts;
}

impl FieldType for BTreeMap<String, SourceHealth> {
    const KIND: Kind = Kind::Sources;
}

impl FieldType for Vec<String> {
    const KIND: Kind = Kind::Lines;
}

/// Makes [`HealthReport`] and [`FIELDS`] of one list. What is in `identity` and `counters` is always told; the others
/// are `Option`s: null in every report of ours where they are `nullable`, left out where they are `optional`. Reading
/// takes both.
macro_rules! health_report {
    (
        identity {
            $(
                $(#[doc = $identity_meaning:literal])+
                $identity:ident: $identity_type:ty, $identity_unit:literal, $identity_by:expr;
            )+
        }
        counters {
            $(
                $(#[doc = $counters_meaning:literal])+
                $counters:ident: $counters_type:ty, $counters_unit:literal, $counters_by:expr;
            )+
        }
        nullable {
            $(
                $(#[doc = $nullable_meaning:literal])+
                $nullable:ident: $nullable_type:ty, $nullable_unit:literal, $nullable_by:expr;
            )+
        }
        optional {
            $(
                $(#[doc = $optional_meaning:literal])+
                $optional:ident: $optional_type:ty, $optional_unit:literal, $optional_by:expr;
            )+
        }
    ) => {
        /// What a component says of itself every [`INTERVAL`]. Counters are totals since `since`.
        ///
        /// A field that is absent or null says nothing: a number that is not known is not zero. Fields that are not
        /// known are passed over.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        pub struct HealthReport {
            $($(#[doc = $identity_meaning])+ pub $identity: $identity_type,)+
            $($(#[doc = $counters_meaning])+ pub $counters: $counters_type,)+
            $($(#[doc = $nullable_meaning])+ pub $nullable: Option<$nullable_type>,)+
            $(
                $(#[doc = $optional_meaning])+
                #[serde(skip_serializing_if = "Option::is_none")]
                pub $optional: Option<$optional_type>,
            )+
        }

        impl HealthReport {
            /// A report that says who speaks since when, and nothing else: all counters are at zero.
            pub fn new($($identity: $identity_type),+) -> Self {
                Self {
                    $($identity,)+
                    $($counters: 0,)+
                    $($nullable: None,)+
                    $($optional: None,)+
                }
            }
        }

        /// All fields of [`HealthReport`].
        pub const FIELDS: &[Field] = &[
            $(Field {
                name: stringify!($identity),
                kind: <$identity_type as FieldType>::KIND,
                unit: $identity_unit,
                presence: Presence::Required,
                told_by: $identity_by,
                meaning: concat!($($identity_meaning),+).trim_ascii(),
            },)+
            $(Field {
                name: stringify!($counters),
                kind: <$counters_type as FieldType>::KIND,
                unit: $counters_unit,
                presence: Presence::Required,
                told_by: $counters_by,
                meaning: concat!($($counters_meaning),+).trim_ascii(),
            },)+
            $(Field {
                name: stringify!($nullable),
                kind: <$nullable_type as FieldType>::KIND,
                unit: $nullable_unit,
                presence: Presence::Nullable,
                told_by: $nullable_by,
                meaning: concat!($($nullable_meaning),+).trim_ascii(),
            },)+
            $(Field {
                name: stringify!($optional),
                kind: <$optional_type as FieldType>::KIND,
                unit: $optional_unit,
                presence: Presence::Optional,
                told_by: $optional_by,
                meaning: concat!($($optional_meaning),+).trim_ascii(),
            },)+
        ];
    };
}

pub(super) const PRODUCER: &[Component] = &[Component::Producer];
const EVERYBODY: &[Component] = Component::ALL;
const SPARK_JOB: &[Component] = &[Component::SparkJob];
const WRITER_AND_SPARK_JOB: &[Component] = &[Component::CassandraWriter, Component::SparkJob];
/// Those that say what they are doing.
const WITH_STATE: &[Component] = EVERYBODY;
/// Those that tell more than counters.
const WITH_NOTICES: &[Component] =
    &[Component::Producer, Component::SparkJob, Component::CassandraWriter, Component::Stack];

health_report! {
    identity {
        /// The kind of component.
        component: Component, "", EVERYBODY;
        /// Which one of its kind: `host:pid`.
        instance: String, "", EVERYBODY;
        /// When it started.
        since: i64, "epoch milliseconds", EVERYBODY;
        /// When it said this.
        time: i64, "epoch milliseconds", EVERYBODY;
    }
    counters {
        /// Records taken in, since the start.
        records_in: u64, "records", EVERYBODY;
        /// Records handed on, since the start.
        records_out: u64, "records", EVERYBODY;
        /// Bytes taken in, since the start.
        bytes_in: u64, "bytes", EVERYBODY;
        /// Bytes handed on, since the start.
        bytes_out: u64, "bytes", EVERYBODY;
    }
    nullable {
        /// The stream that it speaks of, where it reports each stream by itself.
        stream: String, "", EVERYBODY;
        /// How often what went wrong, by kind, since the start.
        errors: BTreeMap<String, u64>, "errors", EVERYBODY;
        /// Records that it still has to catch up with; null where that means nothing or is not known, as of a component
        /// that is silent.
        lag: u64, "records", EVERYBODY;
    }
    optional {
        /// What it is doing: `starting`, `running`, `restarting` (it has failed and is started again), `waiting` (it is
        /// alive, but waits for something outside), `ended` (there is nothing left to do), or what a newer component
        /// calls it.
        state: State, "", WITH_STATE;
        /// What outside of it has to come back before it can go on, in one line.
        waiting_for: String, "", WITH_STATE;
        /// What went wrong last, in one line and without secrets; it stays after recovery.
        last_error: String, "", WITH_STATE;
        /// When the last error happened.
        last_error_time: i64, "epoch milliseconds", WITH_STATE;
        /// The version of its build.
        version: String, "", EVERYBODY;
        /// How often the query has failed and was started again, since the start of the job.
        restarts: u64, "restarts", SPARK_JOB;
        /// When the query last finished a micro-batch, or found that there was nothing to do, which it says every 10 s:
        /// an older one of a query that runs says that it is stuck.
        last_progress_time: i64, "epoch milliseconds", SPARK_JOB;
        /// Number of the newest micro-batch.
        batch_id: i64, "", SPARK_JOB;
        /// How long the newest micro-batch took; null before the first one.
        batch_duration_ms: u64, "milliseconds", SPARK_JOB;
        /// Event time up to which windows are final; null before the first micro-batch.
        watermark: i64, "epoch milliseconds", SPARK_JOB;
        /// Rows in the query's state: one for each series, metric and kind of window.
        state_rows: u64, "rows", SPARK_JOB;
        /// Memory that the state takes.
        state_bytes: u64, "bytes", SPARK_JOB;
        /// Offsets that held no record when they were read, since the start: those of `deleted_offsets`, and the gaps
        /// that transactions and compaction leave, which are no loss.
        skipped_offsets: u64, "offsets", SPARK_JOB;
        /// Offsets that Kafka had deleted before they were read, by retention or by hand, since the start: a loss; null
        /// where the reader does not tell.
        deleted_offsets: u64, "offsets", SPARK_JOB;
        /// Offsets of a topic that was deleted, which were never read, since the start: a loss.
        lost_offsets: u64, "offsets", WRITER_AND_SPARK_JOB;
        /// Records that were counted into windows, since the start: of several kinds of windows, as many as the one
        /// that counted the fewest.
        counted: u64, "records", SPARK_JOB;
        /// Records that were rejected, since the start.
        rejected: u64, "records", SPARK_JOB;
        /// Records that are none of the stream's, which says so by `where`, since the start.
        skipped: u64, "records", SPARK_JOB;
        /// Bad rows of records that were counted, since the start: each is a dead letter (`on_bad_row`).
        rejected_rows: u64, "rows", SPARK_JOB;
        /// By metric, values that are no numbers and were left out, since the start (`on_bad_value`).
        skipped_values: BTreeMap<String, u64>, "values", SPARK_JOB;
        /// Records that came too late, since the start: the largest number of `late_by_window`.
        late: u64, "records", SPARK_JOB;
        /// By kind of window, records that came too late for it, since the start.
        late_by_window: BTreeMap<String, u64>, "records", SPARK_JOB;
        /// What people should know, one line each.
        notices: Vec<String>, "", WITH_NOTICES;
        /// What is known of each of its sources, by name.
        sources: BTreeMap<String, SourceHealth>, "", PRODUCER;
    }
}

impl HealthReport {
    /// The key of the report in the topic: all reports of one component, or of one of its streams, have the same.
    pub fn key(&self) -> String {
        key(self.component, self.stream.as_deref())
    }
}

/// The key of the reports that a component makes of a stream, or of itself.
pub fn key(component: Component, stream: Option<&str>) -> String {
    stream.map_or_else(|| component.to_string(), |stream| format!("{component}/{stream}"))
}

/// What a component has handed in is no report of its own.
#[derive(Debug, Error)]
pub enum InvalidReport {
    /// No JSON of the right shape, or a field that is not what it should be.
    #[error("not a health report: {0}")]
    Shape(#[from] serde_json::Error),
    /// A field that is not declared.
    #[error("a health report has no field '{0}'; declare it in freshet-core's wire/health.rs")]
    UnknownField(String),
    /// A field that is declared for others.
    #[error(
        "{component} does not tell '{field}'; say that it does in freshet-core's wire/health.rs"
    )]
    NotToldBy {
        /// Who has told it.
        component: Component,
        /// The field.
        field: &'static str,
    },
    /// A kind of error that the component does not count.
    #[error(
        "{component} counts no errors of the kind '{kind}'; declare it in freshet-core's wire/error_kind.rs"
    )]
    UnknownError {
        /// Who has counted it.
        component: Component,
        /// The kind.
        kind: String,
    },
}

/// The report of a component, from the JSON object of its fields, without its name: nothing in it is undeclared, and
/// everything is of the declared type.
///
/// # Errors
///
/// [`InvalidReport`] when something in it is not as it is declared.
pub fn check(component: Component, fields: &[u8]) -> Result<Vec<u8>, InvalidReport> {
    let mut fields: serde_json::Map<String, Value> = serde_json::from_slice(fields)?;
    fields.insert("component".to_owned(), component.name().into());
    for name in fields.keys() {
        let declared = FIELDS.iter().find(|field| field.name == name);
        let field = declared.ok_or_else(|| InvalidReport::UnknownField(name.clone()))?;
        if !field.told_by.contains(&component) {
            return Err(InvalidReport::NotToldBy { component, field: field.name });
        }
    }
    let fields = Value::Object(fields);
    let report = HealthReport::deserialize(&fields)?;
    let counted = ErrorKind::ALL.iter().filter(|kind| kind.component() == component);
    let counted: Vec<&str> = counted.map(|kind| kind.name()).collect();
    if let Some(kind) =
        report.errors.iter().flat_map(BTreeMap::keys).find(|kind| !counted.contains(&kind.as_str()))
    {
        return Err(InvalidReport::UnknownError { component, kind: kind.clone() });
    }
    Ok(serde_json::to_vec(&fields)?)
}

#[cfg(test)]
#[path = "health_tests.rs"]
mod tests;
