//! What a mapping takes of a sample: the parser itself says it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path as FilePath;

use super::SampleRecord;
use crate::config::{Config, ConfigError};
use crate::record::{Parsed, RawRecord, Readings, RecordParser};
use crate::wire::ReasonCode;

/// What a mapping takes of a sample.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Share {
    /// How many records there are.
    pub records: usize,
    /// How many of them have readings.
    pub accepted: usize,
    /// How many are passed over, as the stream's `where` says.
    pub skipped: usize,
    /// How many are rejected.
    pub rejected: usize,
    /// The readings of the accepted ones.
    pub readings: usize,
    /// How many values and rows are left out of accepted records.
    pub left_out: usize,
    /// Why the first of the rejected ones is.
    pub first_rejection: Option<String>,
    /// How many are rejected for a time that is ahead of now.
    pub(super) in_future: usize,
}

impl Share {
    /// What the first stream of a configuration takes of the records, at that time (epoch milliseconds).
    ///
    /// # Errors
    ///
    /// What is wrong with the configuration.
    pub fn of(
        configuration: &str,
        records: &[SampleRecord],
        now_ms: i64,
    ) -> Result<Self, ConfigError> {
        let config = Config::parse(configuration, FilePath::new("proposal"), BTreeMap::new())?;
        let mut share = Self { records: records.len(), ..Self::default() };
        let Some(stream) = config.streams.first() else { return Ok(share) };
        let mut parser = RecordParser::new(stream);
        parser.set_now(now_ms);
        let mut readings = Readings::default();
        for record in records {
            let raw = RawRecord {
                key: record.key.as_deref(),
                value: record.value.as_deref(),
                timestamp_ms: Some(record.timestamp_ms.unwrap_or(now_ms)),
                ..RawRecord::default()
            };
            match parser.parse(&raw, &mut readings) {
                Ok(Parsed::Accepted) => {
                    share.accepted += 1;
                    share.readings += readings.iter().count();
                    let left_out = readings.left_out();
                    share.left_out += left_out.values.len() + left_out.rows.len();
                }
                Ok(Parsed::Skipped) => share.skipped += 1,
                // A proposal has no registry.
                Ok(Parsed::NeedsSchema(_)) => {}
                Err(rejection) => {
                    share.rejected += 1;
                    share.in_future += usize::from(rejection.reason == ReasonCode::InFuture);
                    let why = || format!("{}: {}", rejection.reason.code(), rejection.detail);
                    share.first_rejection.get_or_insert_with(why);
                }
            }
        }
        Ok(share)
    }

    /// How good it is, beside that of another mapping of the same sample: readings, as far as no record is lost.
    pub(super) fn worth(&self) -> (u128, usize) {
        let taken = self.accepted + self.skipped;
        (self.readings as u128 * taken as u128, self.accepted)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { records, accepted, skipped, rejected, readings, left_out, .. } = self;
        let percent = accepted * 100 / (*records).max(1);
        let are = if *readings == 1 { "reading" } else { "readings" };
        write!(f, "takes {accepted} of {records} records ({percent} %), {readings} {are}")?;
        for (count, what) in [(skipped, "skips"), (rejected, "rejects")] {
            if *count > 0 {
                write!(f, ", {what} {count}")?;
            }
        }
        if *left_out > 0 {
            write!(f, ", leaves out {left_out} of the values and rows")?;
        }
        Ok(())
    }
}
