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
use super::percentiles::{FEW, Percentiles};
use super::sketch;
use super::stats::WindowStats;
use crate::record::{EARLIEST_US, LATEST_US, MAX_MAGNITUDE};
use crate::window::LONGEST_MS;

/// Version of the layout; the first byte.
const ENCODING_VERSION: u8 = 2;

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

/// A pane that says it has more is damaged: no series gets nine million readings a second for a year. Sums of such numbers
/// fit into 64 bits.
pub(super) const MOST_READINGS: u64 = 1 << 48;

/// No pane is longer than the longest window.
const LONGEST_US: i64 = LONGEST_MS * 1_000;

const READINGS: u8 = 0;
const SKETCH: u8 = 1;

/// A pane as its bytes are found: only its start is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct EncodedPane<'a> {
    pub(super) start_us: i64,
    length_us: i64,
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
                [SKETCH] => {
                    let sketch = sketch::decode(bytes).ok_or(InvalidPanes::Damaged)?;
                    Percentiles::Many(Box::new(sketch))
                }
                _ => return Err(InvalidPanes::Damaged),
            },
        };
        let pane = Pane { start_us, records, stats };
        if is_consistent(&pane, self.length_us) { Ok(pane) } else { Err(InvalidPanes::Damaged) }
    }

    /// Appends it as it was found.
    pub(super) fn copy(&self, output: &mut Vec<u8>) {
        output.extend(length(self.bytes.len()).to_le_bytes());
        output.extend(self.bytes);
    }
}

/// Whether the numbers of a pane can belong together, as far as that is quickly seen.
fn is_consistent(pane: &Pane, length_us: i64) -> bool {
    let stats = &pane.stats;
    let last_us = stats.last_event_us.saturating_sub(pane.start_us);
    // Twice the magnitude leaves room for rounding.
    let greatest = 2.0 * MAX_MAGNITUDE;
    (1..=MOST_READINGS).contains(&stats.count)
        && pane.records <= stats.count
        && stats.min <= stats.max
        && stats.min.abs().max(stats.max.abs()) <= MAX_MAGNITUDE
        && stats.sum.abs() <= greatest * stats.count as f64
        && stats.mean.abs() <= greatest
        // The squares of very great readings may add up to infinity.
        && stats.squared_distances > f64::NEG_INFINITY
        && stats.last_event_us <= LATEST_US
        && (0..length_us).contains(&last_us)
        && has_percentiles_of(stats)
}

/// Whether the percentiles are of as many readings as the other numbers, and between the same extremes.
fn has_percentiles_of(stats: &WindowStats) -> bool {
    let (min, max) = (stats.min, stats.max);
    match &stats.percentiles {
        Percentiles::Few(readings) => {
            readings.len() <= FEW
                && readings.len() as u64 == stats.count
                && readings.iter().all(|reading| (min..=max).contains(reading))
        }
        Percentiles::Many(sketch) => {
            sketch.count() as u64 == stats.count
                && sketch.min() == Some(min)
                && sketch.max() == Some(max)
        }
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

/// Finds the panes in these bytes, which are of that length.
pub(super) fn panes(
    bytes: &[u8],
    pane_us: i64,
) -> Result<impl Iterator<Item = Result<EncodedPane<'_>, InvalidPanes>>, InvalidPanes> {
    let mut rest = match bytes.split_first() {
        None => bytes,
        Some((&ENCODING_VERSION, panes)) => panes,
        Some(_) => return Err(InvalidPanes::Version),
    };
    let mut earliest = EARLIEST_US - LONGEST_US;
    Ok(std::iter::from_fn(move || {
        (!rest.is_empty()).then(|| {
            let pane = split_first(&mut rest, pane_us)?;
            let is_in_place = (earliest..=LATEST_US).contains(&pane.start_us)
                && pane.start_us.rem_euclid(pane_us) == 0;
            earliest = pane.start_us.saturating_add(1);
            if is_in_place { Ok(pane) } else { Err(InvalidPanes::Damaged) }
        })
    }))
}

fn split_first<'a>(bytes: &mut &'a [u8], length_us: i64) -> Result<EncodedPane<'a>, InvalidPanes> {
    let length = u32::from_le_bytes(*take(bytes)?);
    let length = usize::try_from(length).map_err(|_| InvalidPanes::Damaged)?;
    let (pane, rest) = bytes.split_at_checked(length).ok_or(InvalidPanes::Damaged)?;
    *bytes = rest;
    let start_us = i64::from_le_bytes(*take(&mut &*pane)?);
    Ok(EncodedPane { start_us, length_us, bytes: pane })
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
    use sketches_ddsketch::{Config, DDSketch};

    use super::*;

    /// The pane from 5 to 10 µs.
    fn stats(readings: u32) -> WindowStats {
        let mut stats = WindowStats::default();
        for reading in 0..readings {
            stats.add(5 + i64::from(reading % 5), f64::from(reading) - 10.0);
        }
        stats
    }

    #[test]
    fn panes_come_back_as_they_were() {
        for readings in [1, 2, 32, 33, 1_000] {
            let stats = stats(readings);
            let mut bytes = Vec::new();
            begin(&mut bytes);
            push(-5, 1, &WindowStats { last_event_us: -1, ..stats.clone() }, &mut bytes);
            push(5, 0, &stats, &mut bytes);
            let found: Result<Vec<_>, _> = panes(&bytes, 5).unwrap().collect();
            let found = found.unwrap();
            assert_eq!((found[0].start_us, found[1].start_us), (-5, 5));
            let pane = found[0].decode().unwrap();
            assert_eq!((pane.start_us, pane.records), (-5, 1));
            assert_eq!(pane.stats.count(), u64::from(readings));
            assert_eq!(pane.stats.percentiles([0.95]), stats.percentiles([0.95]));
            // What comes back merges with what was never away.
            let mut merged = stats.clone();
            merged.merge(&pane.stats);
            assert_eq!(merged.percentiles([0.0]), stats.percentiles([0.0]));
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
        assert_eq!([5, 13, 21, 69].map(i64_at), [5, 1, 2, 6]);
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
        assert_eq!(panes(&[], 5).unwrap().count(), 0);
        assert_eq!(panes(&[1, 0], 5).err(), Some(InvalidPanes::Version));
        for length in 2..bytes.len() {
            let found: Result<Vec<_>, _> = panes(&bytes[..length], 5).unwrap().collect();
            assert_eq!(found.err(), Some(InvalidPanes::Damaged), "{length}");
        }
        let cut_inside = [&[2, 30, 0, 0, 0][..], &[0; 30]].concat();
        let pane = panes(&cut_inside, 5).unwrap().next().unwrap().unwrap();
        assert_eq!(pane.decode().err(), Some(InvalidPanes::Damaged));
    }

    fn decoded(bytes: &[u8]) -> Result<(), InvalidPanes> {
        for pane in panes(bytes, 5)? {
            pane?.decode()?;
        }
        Ok(())
    }

    #[test]
    fn panes_whose_numbers_do_not_belong_together_are_refused() {
        let not_a_number = f64::NAN.to_bits();
        let too_great = 1e152_f64.to_bits();
        let negative = |number: i64| number.cast_unsigned();
        for readings in [2, 40] {
            let mut bytes = Vec::new();
            begin(&mut bytes);
            push(5, 1, &stats(readings), &mut bytes);
            assert_eq!(decoded(&bytes), Ok(()));
            for (at, number) in [
                (5, negative(i64::MIN)),
                (5, negative(EARLIEST_US - LONGEST_US - 1)),
                (5, negative(i64::MAX)),
                (5, 50),
                (13, u64::from(readings) + 1),
                (13, u64::MAX),
                (21, 0),
                (21, u64::from(readings) + 1),
                (21, u64::MAX),
                (29, not_a_number),
                (29, too_great),
                (37, f64::INFINITY.to_bits()),
                (45, not_a_number),
                (45, f64::NEG_INFINITY.to_bits()),
                (53, not_a_number),
                (53, 1e3_f64.to_bits()),
                (53, 11_f64.to_bits()),
                (61, not_a_number),
                (61, too_great),
                (69, 4),
                (69, 10),
                (69, negative(i64::MAX)),
                (69, negative(i64::MIN)),
            ] {
                let mut damaged = bytes.clone();
                damaged[at..at + 8].copy_from_slice(&number.to_le_bytes());
                let found = decoded(&damaged);
                assert_eq!(
                    found,
                    Err(InvalidPanes::Damaged),
                    "{readings} readings, {number} at {at}"
                );
            }
        }
    }

    #[test]
    fn panes_that_do_not_ascend_or_lie_between_others_are_refused() {
        for (first, second) in [(5, 5), (5, 0), (0, 4)] {
            let mut bytes = Vec::new();
            begin(&mut bytes);
            push(first, 1, &stats(1), &mut bytes);
            push(second, 1, &stats(1), &mut bytes);
            assert_eq!(decoded(&bytes), Err(InvalidPanes::Damaged));
        }
    }

    /// It would not merge with ours, and its readings would be missing.
    #[test]
    fn a_pane_with_a_sketch_of_another_configuration_is_refused() {
        let mut other = DDSketch::new(Config::new(0.02, 2_048, 1e-300));
        let stats = stats(40);
        for reading in 0..40 {
            other.add(f64::from(reading) - 10.0);
        }
        let mut bytes = Vec::new();
        begin(&mut bytes);
        push(
            5,
            1,
            &WindowStats { percentiles: Percentiles::Many(Box::new(other)), ..stats },
            &mut bytes,
        );
        assert_eq!(decoded(&bytes), Err(InvalidPanes::Damaged));
    }
}
