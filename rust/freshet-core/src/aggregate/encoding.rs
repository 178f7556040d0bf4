//! The bytes of panes, on their way through Spark and in its state.
//!
//! First the version of the layout ([`ENCODING_VERSION`], u8), then the panes, whose starts ascend, one after the other. All
//! numbers are little-endian:
//!
//! | type | content |
//! |---|---|
//! | u32 | bytes of the pane that follow |
//! | i64 | first instant of the pane, epoch microseconds |
//! | u64 | records that are counted here: see [`super::PartialAggregate::records`] |
//! | u64 | readings |
//! | f64 | sum |
//! | f64 | mean |
//! | f64 | sum of the squared distances from the mean |
//! | f64 | minimum |
//! | f64 | maximum |
//! | i64 | event time of the newest reading, epoch microseconds |
//! | u8 | 0: the readings themselves follow, f64 each; 1: their sketch follows, in the encoding of the `postcard` crate |
//!
//! No bytes at all are no panes.

use std::mem;

use thiserror::Error;

use super::panes::Pane;
use super::percentiles::Percentiles;
use super::stats::WindowStats;

/// Version of the layout; the first byte.
pub const ENCODING_VERSION: u8 = 2;

/// The bytes are not panes in this version's layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidPanes {
    /// Another version has written them.
    #[error(
        "the windows' state was not written by this version of Freshet; start from a new checkpoint location"
    )]
    Version,
    /// They end too early, or make no sense.
    #[error("the windows' state is damaged; start from a new checkpoint location")]
    Damaged,
}

const READINGS: u8 = 0;
const SKETCH: u8 = 1;

/// A pane as its bytes are found: only its start is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct EncodedPane<'a> {
    pub(super) start_us: i64,
    bytes: &'a [u8],
}

impl EncodedPane<'_> {
    /// Reads the rest of it.
    pub(super) fn decode(&self) -> Result<Pane, InvalidPanes> {
        let mut rest = self.bytes;
        let bytes = &mut rest;
        let start_us = i64::from_le_bytes(*take(bytes)?);
        let records = u64::from_le_bytes(*take(bytes)?);
        let stats = WindowStats {
            count: u64::from_le_bytes(*take(bytes)?),
            sum: f64::from_le_bytes(*take(bytes)?),
            mean: f64::from_le_bytes(*take(bytes)?),
            squared_distances: f64::from_le_bytes(*take(bytes)?),
            min: f64::from_le_bytes(*take(bytes)?),
            max: f64::from_le_bytes(*take(bytes)?),
            last_event_us: i64::from_le_bytes(*take(bytes)?),
            percentiles: match take(bytes)? {
                [READINGS] => Percentiles::Few(decode_readings(bytes)?),
                [SKETCH] => Percentiles::Many(
                    postcard::from_bytes(bytes).map_err(|_| InvalidPanes::Damaged)?,
                ),
                _ => return Err(InvalidPanes::Damaged),
            },
        };
        Ok(Pane { start_us, records, stats })
    }

    /// Appends it as it was found.
    pub(super) fn copy(&self, output: &mut Vec<u8>) {
        output.extend(length(self.bytes.len()).to_le_bytes());
        output.extend(self.bytes);
    }
}

fn decode_readings(bytes: &[u8]) -> Result<Vec<f64>, InvalidPanes> {
    let (readings, rest) = bytes.as_chunks();
    if rest.is_empty() {
        Ok(readings.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect())
    } else {
        Err(InvalidPanes::Damaged)
    }
}

/// Finds the panes in these bytes.
pub(super) fn panes(
    bytes: &[u8],
) -> Result<impl Iterator<Item = Result<EncodedPane<'_>, InvalidPanes>>, InvalidPanes> {
    let mut rest = match bytes.split_first() {
        None => bytes,
        Some((&ENCODING_VERSION, panes)) => panes,
        Some(_) => return Err(InvalidPanes::Version),
    };
    Ok(std::iter::from_fn(move || (!rest.is_empty()).then(|| split_first(&mut rest))))
}

fn split_first<'a>(bytes: &mut &'a [u8]) -> Result<EncodedPane<'a>, InvalidPanes> {
    let length = u32::from_le_bytes(*take(bytes)?);
    let length = usize::try_from(length).map_err(|_| InvalidPanes::Damaged)?;
    let (pane, rest) = bytes.split_at_checked(length).ok_or(InvalidPanes::Damaged)?;
    *bytes = rest;
    let start_us = i64::from_le_bytes(*take(&mut &*pane)?);
    Ok(EncodedPane { start_us, bytes: pane })
}

fn take<'a, const N: usize>(bytes: &mut &'a [u8]) -> Result<&'a [u8; N], InvalidPanes> {
    let (taken, rest) = bytes.split_first_chunk().ok_or(InvalidPanes::Damaged)?;
    *bytes = rest;
    Ok(taken)
}

/// Begins the bytes of panes.
pub(super) fn begin(output: &mut Vec<u8>) {
    output.push(ENCODING_VERSION);
}

/// Appends a pane.
pub(super) fn push(start_us: i64, records: u64, stats: &WindowStats, output: &mut Vec<u8>) {
    let begin = output.len();
    output.extend([0; 4]);
    output.extend(start_us.to_le_bytes());
    for number in [records, stats.count] {
        output.extend(number.to_le_bytes());
    }
    for number in [stats.sum, stats.mean, stats.squared_distances, stats.min, stats.max] {
        output.extend(number.to_le_bytes());
    }
    output.extend(stats.last_event_us.to_le_bytes());
    match &stats.percentiles {
        Percentiles::Few(readings) => {
            output.push(READINGS);
            output.extend(readings.iter().flat_map(|reading| reading.to_le_bytes()));
        }
        Percentiles::Many(sketch) => {
            output.push(SKETCH);
            *output = postcard::to_extend(sketch, mem::take(output))
                .unwrap_or_else(|error| unreachable!("numbers and lists of them: {error}"));
        }
    }
    let bytes = length(output.len() - begin - 4);
    output[begin..begin + 4].copy_from_slice(&bytes.to_le_bytes());
}

/// A pane has some kilobytes: its sketch has a fixed number of buckets at the most.
fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stats(readings: u32) -> WindowStats {
        let mut stats = WindowStats::default();
        for reading in 0..readings {
            stats.add(i64::from(reading), f64::from(reading) - 10.0);
        }
        stats
    }

    #[test]
    fn panes_come_back_as_they_were() {
        for readings in [0, 1, 2, 32, 33, 1_000] {
            let stats = stats(readings);
            let mut bytes = Vec::new();
            begin(&mut bytes);
            push(-5, 7, &stats, &mut bytes);
            push(5, 8, &stats, &mut bytes);
            let found: Result<Vec<_>, _> = panes(&bytes).unwrap().collect();
            let found = found.unwrap();
            assert_eq!((found[0].start_us, found[1].start_us), (-5, 5));
            let pane = found[0].decode().unwrap();
            assert_eq!((pane.start_us, pane.records), (-5, 7));
            assert_eq!(pane.stats.count(), u64::from(readings));
            assert_eq!(pane.stats.quantile(0.95), stats.quantile(0.95));
            // What comes back merges with what was never away.
            let mut merged = stats.clone();
            merged.merge(&pane.stats);
            assert_eq!(merged.quantile(0.0), stats.quantile(0.0));
            assert_eq!(merged.count(), 2 * u64::from(readings));

            let mut copied = Vec::new();
            begin(&mut copied);
            for pane in &found {
                pane.copy(&mut copied);
            }
            assert_eq!(copied, bytes);
        }
    }

    /// A change of these bytes, also one by a new version of a crate, needs a new version of the layout.
    #[test]
    fn the_layout_is_that_of_its_version() {
        let mut bytes = Vec::new();
        begin(&mut bytes);
        push(5, 1, &stats(2), &mut bytes);
        let i64_at = |at: usize| i64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        let f64_at = |at: usize| f64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        assert_eq!((bytes[0], bytes.len()), (2, 94));
        assert_eq!([5, 13, 21, 69].map(i64_at), [5, 1, 2, 1]);
        assert_eq!([29, 37, 45, 53, 61].map(f64_at), [-19.0, -9.5, 0.5, -10.0, -9.0]);
        assert_eq!(bytes[77], READINGS);
        assert_eq!([78, 86].map(f64_at), [-10.0, -9.0]);

        let mut many = Vec::new();
        push(5, 1, &stats(40), &mut many);
        assert_eq!((many.len(), many[76]), (535, SKETCH));
    }

    #[test]
    fn what_is_not_of_this_version_or_damaged_is_refused() {
        let mut bytes = Vec::new();
        begin(&mut bytes);
        push(5, 1, &stats(40), &mut bytes);
        assert_eq!(panes(&[]).unwrap().count(), 0);
        assert_eq!(panes(&[1, 0]).err(), Some(InvalidPanes::Version));
        for length in 2..bytes.len() {
            let found: Result<Vec<_>, _> = panes(&bytes[..length]).unwrap().collect();
            assert_eq!(found.err(), Some(InvalidPanes::Damaged), "{length}");
        }
        let cut_inside = [&[2, 30, 0, 0, 0][..], &[0; 30]].concat();
        let pane = panes(&cut_inside).unwrap().next().unwrap().unwrap();
        assert_eq!(pane.decode().err(), Some(InvalidPanes::Damaged));
    }
}
