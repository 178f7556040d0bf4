//! The bytes of panes, on their way through Spark and in its state.
//!
//! First the layout ([`Layout`], u8), then the panes, whose starts ascend, one after the other. All numbers are
//! little-endian:
//!
//! | type | content |
//! |---|---|
//! | u32 | bytes of the pane that follow |
//! | i64 | first instant of the pane, epoch microseconds |
//! | u64 | records that are counted here: see [`super::PartialAggregate::records`] |
//! | … | what is known of its readings: see [`super::stats_encoding`] |
//!
//! No bytes at all are no panes.

use super::panes::{Pane, PaneGrid};
use super::stats::WindowStats;
use super::stats_encoding::{self, FIXED_BYTES, InvalidState, Layout, take_array};
use crate::calendar::LATEST_US;
use crate::window::EARLIEST_PANE_US;

/// Bytes of a pane before the additions to its statistics: the start, the number of records, and what never changes.
const BEFORE_ADDITIONS: usize = 8 + 8 + FIXED_BYTES;

/// A pane as its bytes are found: only its start is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct EncodedPane<'a> {
    /// The place of its start in the grid.
    pub(super) start: i64,
    /// Its readings are not before the first instant, and before the second; epoch microseconds.
    bounds_us: (i64, i64),
    layout: Layout,
    /// At least [`BEFORE_ADDITIONS`].
    bytes: &'a [u8],
}

impl EncodedPane<'_> {
    /// Reads the rest of it.
    pub(super) fn decode(&self) -> Result<Pane, InvalidState> {
        let mut rest = self.bytes;
        let bytes = &mut rest;
        let pane = Pane {
            start_us: i64::from_le_bytes(*take_array(bytes)?),
            records: u64::from_le_bytes(*take_array(bytes)?),
            stats: stats_encoding::take(bytes, self.layout)?,
        };
        let (from_us, to_us) = self.bounds_us;
        let is_inside = |time_us: i64| (from_us..to_us).contains(&time_us);
        let is_consistent = pane.records <= pane.stats.count
            && is_inside(pane.stats.last_event_us)
            && pane.stats.first_event_us().is_none_or(is_inside);
        if is_consistent { Ok(pane) } else { Err(InvalidState::Damaged) }
    }

    /// Appends it as it was found, but for what the current layout has more.
    pub(super) fn copy(&self, output: &mut Vec<u8>) {
        let no_additions: &[u8] = match self.layout {
            Layout::Current => &[],
            Layout::WithoutAdditions => &[0],
        };
        let (before, after) = self.bytes.split_at(BEFORE_ADDITIONS);
        output.extend(length(self.bytes.len() + no_additions.len()).to_le_bytes());
        for part in [before, no_additions, after] {
            output.extend(part);
        }
    }
}

/// Finds the panes in these bytes, which are those of a grid.
pub(super) fn panes<'a>(
    bytes: &'a [u8],
    grid: &PaneGrid,
) -> Result<impl Iterator<Item = Result<EncodedPane<'a>, InvalidState>>, InvalidState> {
    let (layout, mut rest) = match bytes.split_first() {
        None => (Layout::Current, bytes),
        Some((&first, panes)) => (Layout::of(first)?, panes),
    };
    let mut last = None;
    Ok(std::iter::from_fn(move || {
        (!rest.is_empty()).then(|| {
            let pane = split_first(&mut rest, layout, grid)?;
            let is_in_order = last.replace(pane.start).is_none_or(|last| last < pane.start);
            if is_in_order { Ok(pane) } else { Err(InvalidState::Damaged) }
        })
    }))
}

fn split_first<'a>(
    bytes: &mut &'a [u8],
    layout: Layout,
    grid: &PaneGrid,
) -> Result<EncodedPane<'a>, InvalidState> {
    let length = u32::from_le_bytes(*take_array(bytes)?);
    let length = usize::try_from(length).map_err(|_| InvalidState::Damaged)?;
    let (pane, rest) = bytes.split_at_checked(length).ok_or(InvalidState::Damaged)?;
    if length < BEFORE_ADDITIONS {
        return Err(InvalidState::Damaged);
    }
    *bytes = rest;
    let start_us = i64::from_le_bytes(*take_array(&mut &*pane)?);
    if !(EARLIEST_PANE_US..=LATEST_US).contains(&start_us) {
        return Err(InvalidState::Damaged);
    }
    let start = grid.pane_beginning(start_us).ok_or(InvalidState::Damaged)?;
    let bounds_us = (start_us - grid.tolerance(), start_us + grid.pane + grid.tolerance());
    Ok(EncodedPane { start, bounds_us, layout, bytes: pane })
}

/// Begins the bytes of panes.
pub(super) fn begin(output: &mut Vec<u8>) {
    Layout::begin(output);
}

/// Appends a pane.
pub(super) fn push(start_us: i64, records: u64, stats: &WindowStats, output: &mut Vec<u8>) {
    let begin = output.len();
    output.extend([0; 4]);
    output.extend(start_us.to_le_bytes());
    output.extend(records.to_le_bytes());
    stats_encoding::push(stats, output);
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
    use crate::aggregate::percentiles::Percentiles;
    use crate::calendar::EARLIEST_US;
    use crate::window::{Alignment, DAY_US};

    /// Panes of 5 µs.
    const GRID: PaneGrid = PaneGrid { pane: 5, size: 5, slide: 5, alignment: Alignment::EPOCH };

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
            let mut earlier = WindowStats::default();
            for reading in 0..readings {
                earlier.add(-5 + i64::from(reading % 5), f64::from(reading) - 10.0);
            }
            push(-5, 1, &earlier, &mut bytes);
            push(5, 0, &stats, &mut bytes);
            let found: Result<Vec<_>, _> = panes(&bytes, &GRID).unwrap().collect();
            let found = found.unwrap();
            assert_eq!((found[0].start, found[1].start), (-5, 5));
            let pane = found[0].decode().unwrap();
            assert_eq!((pane.start_us, pane.records), (-5, 1));
            assert_eq!(pane.stats.count(), u64::from(readings));
            assert_eq!(pane.stats.percentiles([0.95]), stats.percentiles([0.95]));
            assert_eq!(pane.stats.first(), earlier.first());
            assert_eq!(pane.stats.last(), earlier.last());
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
        assert_eq!((bytes[0], bytes.len()), (3, 119));
        assert_eq!([5, 13, 21, 69].map(i64_at), [5, 1, 2, 6]);
        assert_eq!([29, 37, 45, 53, 61].map(f64_at), [-19.0, -9.5, 0.5, -10.0, -9.0]);
        assert_eq!(bytes[77], 24, "bytes of additions");
        assert_eq!((i64_at(78), [86, 94].map(f64_at)), (5, [-10.0, -9.0]));
        assert_eq!(bytes[102], 0, "then the readings");
        assert_eq!([103, 111].map(f64_at), [-10.0, -9.0]);

        let mut many = Vec::new();
        push(5, 1, &stats(40), &mut many);
        assert_eq!((many.len(), many[76], many[101]), (560, 24, 1));
    }

    /// The bytes in the layout before there were additions.
    fn without_additions(bytes: &[u8]) -> Vec<u8> {
        let mut earlier = vec![2];
        let mut rest = &bytes[1..];
        while let Some((length, pane)) = rest.split_first_chunk() {
            let pane_bytes = usize::try_from(u32::from_le_bytes(*length)).unwrap();
            let (pane, after) = pane.split_at(pane_bytes);
            let additions = usize::from(pane[BEFORE_ADDITIONS]);
            let kept =
                [&pane[..BEFORE_ADDITIONS], &pane[BEFORE_ADDITIONS + 1 + additions..]].concat();
            earlier.extend(super::length(kept.len()).to_le_bytes());
            earlier.extend(kept);
            rest = after;
        }
        earlier
    }

    #[test]
    fn panes_in_the_layout_without_additions_are_read_and_copied_into_this_one() {
        let mut bytes = Vec::new();
        begin(&mut bytes);
        for (start_us, readings) in [(5, 3), (10, 40)] {
            let mut stats = WindowStats::default();
            for reading in 0..readings {
                stats.add(start_us + i64::from(reading % 5), f64::from(reading) - 10.0);
            }
            push(start_us, 1, &stats, &mut bytes);
        }
        let earlier = without_additions(&bytes);
        let mut copied = Vec::new();
        begin(&mut copied);
        for pane in panes(&earlier, &GRID).unwrap() {
            let pane = pane.unwrap();
            let stats = pane.decode().unwrap().stats;
            assert_eq!((stats.count(), stats.min()), (if pane.start == 5 { 3 } else { 40 }, -10.0));
            pane.copy(&mut copied);
        }
        assert_eq!(without_additions(&copied), earlier);
        assert_eq!(panes(&copied, &GRID).unwrap().flatten().count(), 2);
    }

    /// Additions of a later version are passed over.
    #[test]
    fn additions_that_are_not_known_are_passed_over() {
        let mut bytes = Vec::new();
        begin(&mut bytes);
        push(5, 1, &stats(3), &mut bytes);
        let at = 1 + 4 + BEFORE_ADDITIONS;
        let known = usize::from(bytes[at]);
        bytes[at] += 9;
        bytes.splice(at + 1 + known..at + 1 + known, [7; 9]);
        bytes[1] += 9;
        let pane = panes(&bytes, &GRID).unwrap().next().unwrap().unwrap();
        let stats = pane.decode().unwrap().stats;
        assert_eq!((stats.count(), stats.first()), (3, Some(-10.0)));
    }

    #[test]
    fn what_is_not_of_this_version_or_damaged_is_refused() {
        let mut bytes = Vec::new();
        begin(&mut bytes);
        push(5, 1, &stats(40), &mut bytes);
        assert_eq!(panes(&[], &GRID).unwrap().count(), 0);
        assert_eq!(panes(&[1, 0], &GRID).err(), Some(InvalidState::Version));
        for length in 2..bytes.len() {
            let found: Result<Vec<_>, _> = panes(&bytes[..length], &GRID).unwrap().collect();
            assert_eq!(found.err(), Some(InvalidState::Damaged), "{length}");
        }
        for length in [30, 71, 72, 73] {
            let cut_inside = [&[3, length, 0, 0, 0][..], &vec![0; usize::from(length)]].concat();
            let pane = panes(&cut_inside, &GRID).unwrap().next().unwrap();
            let decoded = pane.and_then(|pane| pane.decode());
            assert_eq!(decoded.err(), Some(InvalidState::Damaged), "{length}");
        }
    }

    fn decoded(bytes: &[u8]) -> Result<(), InvalidState> {
        for pane in panes(bytes, &GRID)? {
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
                (5, negative(EARLIEST_US - DAY_US * 367 - 1)),
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
                (78, 4),
                (78, 10),
                (86, not_a_number),
                (86, 1e3_f64.to_bits()),
                (94, not_a_number),
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
                    Err(InvalidState::Damaged),
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
            assert_eq!(decoded(&bytes), Err(InvalidState::Damaged));
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
        assert_eq!(decoded(&bytes), Err(InvalidState::Damaged));
    }
}
