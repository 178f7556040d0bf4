//! From a sample to a stream: a configuration that would take its records, with a comment on each guess.
//!
//! A sample is looked at as a table (`table`): rows, and the places in them with what stands there. `json`, `csv` and
//! `lines` make one of each format. What the places mean is guessed by names (`vocabulary`) and by what stands there:
//! the time (`times`), the metrics (`metrics`), whose they are (`series`). What a guess is worth says the parser of the
//! Spark job (`trial`): where there are several, such as lists that may have the rows, the one of which it takes
//! most is proposed. Nothing here does I/O.

mod binary;
mod csv;
mod draft;
mod json;
mod lines;
mod metrics;
mod node;
mod render;
mod sample;
mod series;
mod table;
mod times;
mod trial;
mod vocabulary;

use std::collections::BTreeMap;
use std::path::Path;

use thiserror::Error;

use crate::config::{Config, ConfigError, Origin};
use crate::record::Rows;
use draft::Draft;
use metrics::Writing;
use render::Alternative;
use table::Table;

pub use sample::{Sample, SampleRecord};
pub use trial::Share;

use sample::Content;

/// What a sample's stream could be.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// A complete configuration file with one stream.
    pub configuration: String,
    /// What it takes of the sample.
    pub share: Share,
    /// What could not be guessed, and what to do about it.
    pub remarks: Vec<String>,
    /// Whether the Kafka key names the series.
    pub needs_key: bool,
}

/// Why there is no proposal.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Unclear {
    /// The sample has no records.
    #[error("the sample is empty: give at least one record")]
    Empty,
    /// A record is larger than any that is read.
    #[error(
        "record {0} has more than 1 MiB, which every stream rejects: give smaller ones, or a part of the file"
    )]
    TooLarge(usize),
    /// The records are in a format that is not known, or in several.
    #[error("the records are neither JSON, CSV nor line protocol: {0}")]
    Format(String),
    /// What is compressed is no record: it is damaged or too large, or a file has several records.
    #[error(
        "what is compressed is no single record of at most 1 MiB: decompress the sample, for example zcat FILE | \
         ./freshet infer -"
    )]
    Compressed,
    /// Nothing in the records is a number that could be a metric.
    #[error(
        "nothing in the {records} records could be a metric: no number, no text that stands for one, no truth; {hint}"
    )]
    NoMetric {
        /// How many records there are.
        records: usize,
        /// What to do about it.
        hint: &'static str,
    },
}

const COLUMNWISE: &str =
    "lists of values that belong together become rows by a source's transform (docs/sources.md)";

/// Proposes a stream of that name for the records of a sample, by the clock of now (epoch milliseconds).
///
/// # Errors
///
/// [`Unclear`] when there is nothing to propose.
pub fn propose(name: &str, sample: &Sample, now_ms: i64) -> Result<Proposal, Unclear> {
    let trial = Trial { name, sample, now_ms };
    let mut tried: Vec<(Draft, Share)> =
        trial.drafts().into_iter().filter_map(|d| trial.best_of(d)).collect();
    let none = || Unclear::NoMetric { records: sample.records().len(), hint: COLUMNWISE };
    // Of two that are worth the same the first one: it steps into fewer lists.
    let best = (0..tried.len()).rev().max_by_key(|at| tried[*at].1.worth()).ok_or_else(none)?;
    let (draft, share) = tried.remove(best);
    if share.accepted == 0 {
        return Err(none());
    }
    let alternatives: Vec<Alternative> =
        tried.iter().filter_map(|(draft, share)| as_alternative(draft, share)).collect();
    let configuration =
        render::configuration((name, sample.topic()), &draft, Some(&share), &alternatives);
    Ok(Proposal {
        remarks: remarks(&draft, &share, sample),
        needs_key: draft.series.is_empty(),
        configuration,
        share,
    })
}

/// Whether a stream may be called so.
///
/// # Errors
///
/// What the configuration says of the name.
pub fn check_name(name: &str) -> Result<(), ConfigError> {
    let name = render::quoted(name);
    let smallest =
        format!("[[stream]]\nname = {name}\nwindows = [\"1m\"]\nvalues = {{ v = \"v\" }}\n");
    let read = Config::parse(&smallest, Path::new("--name"), BTreeMap::new());
    let of_option = |error| ConfigError { origin: Origin::File("--name".into()), ..error };
    read.map(drop).map_err(of_option)
}

fn as_alternative(draft: &Draft, share: &Share) -> Option<Alternative> {
    let rows = draft.rows.as_ref().filter(|rows| *rows != "*")?;
    let setting = format!("rows = {}", render::quoted(rows));
    (share.readings > 0).then(|| Alternative { setting, share: share.clone() })
}

/// What could not be guessed, and what to do about it.
fn remarks(draft: &Draft, share: &Share, sample: &Sample) -> Vec<String> {
    let mut remarks = Vec::new();
    if draft.time.is_none() {
        let what = "no field looks like a time, so Kafka's timestamp is taken; if one is, name it by 'time'";
        remarks.push(what.to_owned());
    }
    if draft.time.as_ref().is_some_and(|time| time.may_have_zone) {
        remarks.push(
            "the times have no zone and are taken for UTC; if they are local, add 'zone' to 'time'"
                .to_owned(),
        );
    }
    if draft.time.as_ref().is_some_and(|time| time.is_ambiguous) {
        remarks.push("the day may be the month in these times: look at the pattern".to_owned());
    }
    if draft.series.is_empty() {
        remarks.push(
            "no field says whose the readings are, so the Kafka key names the series; if one does, name it by 'series'"
                .to_owned(),
        );
    }
    if let Some(why) = &share.first_rejection {
        remarks.push(format!(
            "{} of {} records are rejected, the first for {why}",
            share.rejected, share.records
        ));
    }
    if sample.is_cut() {
        remarks.push("only the beginning of the sample was looked at".to_owned());
    }
    remarks
}

/// A sample that mappings are tried on.
struct Trial<'a> {
    name: &'a str,
    sample: &'a Sample,
    now_ms: i64,
}

impl Trial<'_> {
    /// The mappings that are possible.
    fn drafts(&self) -> Vec<Draft> {
        let as_usual = Writing { is_text: false, decimal_comma: false };
        let count = self.sample.records().len();
        match self.sample.content() {
            Content::Json(records) => {
                let about = || {
                    vec![
                        format!("# {} of {count} records are JSON", records.len()),
                        "format = \"json\"".to_owned(),
                    ]
                };
                let of_layout = |rows: Option<Rows>| {
                    let table = json::table(records, rows.as_ref());
                    self.draft(&table, as_usual, about(), rows.as_ref().map(written))
                };
                json::layouts(records).into_iter().filter_map(of_layout).collect()
            }
            Content::Binary(binary, records) => {
                let name = binary.name();
                let about = vec![
                    format!("# {} of {count} records are {name}", records.len()),
                    format!("format = \"{name}\""),
                ];
                let table = json::table(records, None);
                self.draft(&table, as_usual, about, None).into_iter().collect()
            }
            Content::Csv(csv) => {
                self.draft(&csv.table(), csv.writing(), csv.settings(), None).into_iter().collect()
            }
            Content::Lines(text) => {
                let about = vec![
                    "# the records are line protocol".to_owned(),
                    "format = \"influx\"".to_owned(),
                ];
                let table = lines::table(std::iter::once(text.as_str()));
                self.draft(&table, as_usual, about, None).into_iter().collect()
            }
        }
    }

    fn draft(
        &self,
        table: &Table,
        writing: Writing,
        mut format: Vec<String>,
        rows: Option<String>,
    ) -> Option<Draft> {
        if self.sample.is_compressed() {
            format.push("# values are compressed by their senders".to_owned());
            format.push("compression = \"auto\"".to_owned());
        }
        Draft::of(table, writing, format, rows, self.now_ms.saturating_mul(1_000))
    }

    /// The best of a mapping and its variants, with what it takes; `None` for one that the configuration refuses.
    fn best_of(&self, draft: Draft) -> Option<(Draft, Share)> {
        let variants: [fn(&mut Draft, &Share) -> bool; 3] = [
            |draft, share| {
                draft.is_ahead = share.in_future > 0;
                draft.is_ahead
            },
            |draft, share| {
                draft.has_where = draft.other_rows.is_some() && share.rejected > 0;
                draft.has_where
            },
            |draft, share| {
                draft.skips_bad = share.rejected > 0;
                draft.skips_bad
            },
        ];
        let share = self.share(&draft)?;
        let mut best = (draft, share);
        for change in variants {
            let mut variant = best.0.clone();
            if change(&mut variant, &best.1)
                && let Some(share) = self.share(&variant)
                && share.worth() > best.1.worth()
            {
                best = (variant, share);
            }
        }
        Some(best)
    }

    fn share(&self, draft: &Draft) -> Option<Share> {
        let configuration = render::configuration((self.name, None), draft, None, &[]);
        Share::of(&configuration, self.sample.records(), self.now_ms).ok()
    }
}

/// `a.*.b` and `a.*.b.*` are the same rows.
fn written(rows: &Rows) -> String {
    let text = rows.to_string();
    text.strip_suffix(".*").map_or_else(|| text.clone(), str::to_owned)
}

#[cfg(test)]
mod tests;
