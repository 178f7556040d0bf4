//! The bytes of what is known of a set of readings: a part of every pane, and the state of `freshet_stats` in SQL.
//!
//! | type | content | since layout |
//! |---|---|---|
//! | u64 | readings | 2 |
//! | f64 | sum | 2 |
//! | f64 | mean | 2 |
//! | f64 | sum of the squared distances from the mean | 2 |
//! | f64 | minimum | 2 |
//! | f64 | maximum | 2 |
//! | i64 | event time of the newest reading, epoch microseconds | 2 |
//! | u8 | bytes of the additions that follow | 3 |
//! | … | additions, see below | 3 |
//! | u8 | 0: the readings follow, f64 each; 1: their sketch follows, in the encoding of the `postcard` crate | 2 |
//!
//! **Additions** are what later versions of Freshet know of a set of readings, appended in the order in which they were
//! introduced. A reader passes over those that it does not know, and what is not there is unknown: so an addition needs
//! no new layout. One that is unknown while a later one is known keeps its place: all its bytes are 255, which those of
//! a known one never are, since each has a number that is not NaN.
//!
//! | type | content |
//! |---|---|
//! | i64 | event time of the earliest reading, epoch microseconds |
//! | f64 | that reading: see [`Ends`] |
//! | f64 | the reading of the newest event time |

use std::mem;

use thiserror::Error;

use super::percentiles::{EXACT_PERCENTILES, Percentiles};
use super::sketch;
use super::stats::{Ends, WindowStats};
use crate::calendar::LATEST_US;
use crate::record::MAX_MAGNITUDE;

/// The layout that is written; the first byte of panes and of statistics.
const LAYOUT: u8 = 3;

/// The layout of a time without additions; still read.
const LAYOUT_WITHOUT_ADDITIONS: u8 = 2;

/// Bytes before the additions.
pub(super) const FIXED_BYTES: usize = 7 * 8;

/// A set that says it has more is damaged: no series gets nine million readings a second for a year. Sums of such
/// numbers fit into 64 bits.
pub(super) const MOST_READINGS: u64 = 1 << 48;

const READINGS: u8 = 0;
const SKETCH: u8 = 1;

/// The bytes are not in a layout that this version reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidState {
    /// A version that is too old, or newer than this one, has written them.
    #[error(
        "the state was written in a layout that this version of Freshet does not read; run the version that wrote it, \
         or start from a new checkpoint location"
    )]
    Version,
    /// They end too early, or make no sense.
    #[error("the state is damaged; start from a new checkpoint location")]
    Damaged,
}

/// In which layout bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    WithoutAdditions,
    Current,
}

impl Layout {
    /// That of which bytes say that they are, by the first of them.
    pub(super) fn of(first: u8) -> Result<Self, InvalidState> {
        match first {
            LAYOUT => Ok(Self::Current),
            LAYOUT_WITHOUT_ADDITIONS => Ok(Self::WithoutAdditions),
            _ => Err(InvalidState::Version),
        }
    }

    /// Begins bytes in the current layout.
    pub(super) fn begin(output: &mut Vec<u8>) {
        output.push(LAYOUT);
    }
}

impl WindowStats {
    /// The bytes of these statistics by themselves; no bytes without readings.
    pub fn encode(&self) -> Vec<u8> {
        let mut output = Vec::new();
        if self.count > 0 {
            Layout::begin(&mut output);
            push(self, &mut output);
        }
        output
    }

    /// Reads what [`Self::encode`] has written.
    ///
    /// # Errors
    ///
    /// [`InvalidState`] when the bytes are in no layout that is read, or damaged.
    pub fn decode(bytes: &[u8]) -> Result<Self, InvalidState> {
        let Some((&first, mut rest)) = bytes.split_first() else {
            return Ok(Self::default());
        };
        take(&mut rest, Layout::of(first)?)
    }
}

/// Appends statistics in the current layout.
pub(super) fn push(stats: &WindowStats, output: &mut Vec<u8>) {
    output.extend(stats.count.to_le_bytes());
    for number in [stats.sum, stats.mean, stats.squared_distances, stats.min, stats.max] {
        output.extend(number.to_le_bytes());
    }
    output.extend(stats.last_event_us.to_le_bytes());
    push_additions(stats, output);
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
}

/// A number of an addition.
type Word = [u8; 8];

/// How many numbers each addition has, in their order.
const ADDITION_WORDS: [usize; 1] = [3];

/// Every byte of an addition that is not known.
const NOT_KNOWN: u8 = 255;

fn push_additions(stats: &WindowStats, output: &mut Vec<u8>) {
    match stats.ends {
        Ends::Known { first_event_us, first, last } => {
            let ends = [first_event_us.to_le_bytes(), first.to_le_bytes(), last.to_le_bytes()];
            push_words([Some(&ends)], ADDITION_WORDS, output);
        }
        Ends::None | Ends::Unknown => push_words([None], ADDITION_WORDS, output),
    }
}

/// Appends the length of the additions up to the last one that is known, and these.
fn push_words<const N: usize>(
    additions: [Option<&[Word]>; N],
    widths: [usize; N],
    output: &mut Vec<u8>,
) {
    let written = additions.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
    let length = widths[..written].iter().sum::<usize>() * size_of::<Word>();
    output.push(
        u8::try_from(length)
            .unwrap_or_else(|error| unreachable!("additions are a few numbers: {error}")),
    );
    for (addition, width) in additions.iter().zip(widths).take(written) {
        match addition {
            Some(words) => output.extend(words.as_flattened()),
            None => output.resize(output.len() + width * size_of::<Word>(), NOT_KNOWN),
        }
    }
}

/// Reads statistics, which the rest of the bytes are.
pub(super) fn take(bytes: &mut &[u8], layout: Layout) -> Result<WindowStats, InvalidState> {
    let mut stats = WindowStats {
        count: u64::from_le_bytes(*take_array(bytes)?),
        sum: f64::from_le_bytes(*take_array(bytes)?),
        mean: f64::from_le_bytes(*take_array(bytes)?),
        squared_distances: f64::from_le_bytes(*take_array(bytes)?),
        min: f64::from_le_bytes(*take_array(bytes)?),
        max: f64::from_le_bytes(*take_array(bytes)?),
        last_event_us: i64::from_le_bytes(*take_array(bytes)?),
        ends: Ends::Unknown,
        ..WindowStats::default()
    };
    if layout == Layout::Current {
        take_additions(bytes, &mut stats)?;
    }
    stats.percentiles = match take_array(bytes)? {
        [READINGS] => Percentiles::Few(take_readings(bytes)?),
        [SKETCH] => {
            Percentiles::Many(Box::new(sketch::decode(bytes).ok_or(InvalidState::Damaged)?))
        }
        _ => return Err(InvalidState::Damaged),
    };
    if is_consistent(&stats) { Ok(stats) } else { Err(InvalidState::Damaged) }
}

fn take_additions(bytes: &mut &[u8], stats: &mut WindowStats) -> Result<(), InvalidState> {
    let [length] = *take_array(bytes)?;
    let (mut additions, rest) =
        bytes.split_at_checked(length.into()).ok_or(InvalidState::Damaged)?;
    *bytes = rest;
    let [ends] = take_words(&mut additions, ADDITION_WORDS)?;
    if let Some(mut ends) = ends {
        stats.ends = Ends::Known {
            first_event_us: i64::from_le_bytes(*take_array(&mut ends)?),
            first: f64::from_le_bytes(*take_array(&mut ends)?),
            last: f64::from_le_bytes(*take_array(&mut ends)?),
        };
    }
    Ok(())
}

/// The bytes of each addition that is known, as [`push_words`] has written them.
fn take_words<'a, const N: usize>(
    bytes: &mut &'a [u8],
    widths: [usize; N],
) -> Result<[Option<&'a [u8]>; N], InvalidState> {
    let mut additions = [None; N];
    for (addition, width) in additions.iter_mut().zip(widths) {
        if bytes.is_empty() {
            break;
        }
        let (taken, rest) =
            bytes.split_at_checked(width * size_of::<Word>()).ok_or(InvalidState::Damaged)?;
        *addition = taken.iter().any(|byte| *byte != NOT_KNOWN).then_some(taken);
        *bytes = rest;
    }
    Ok(additions)
}

fn take_readings(bytes: &[u8]) -> Result<Vec<f64>, InvalidState> {
    let (readings, rest) = bytes.as_chunks();
    if rest.is_empty() {
        Ok(readings.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect())
    } else {
        Err(InvalidState::Damaged)
    }
}

/// Takes a fixed number of bytes.
pub(super) fn take_array<'a, const N: usize>(
    bytes: &mut &'a [u8],
) -> Result<&'a [u8; N], InvalidState> {
    let (taken, rest) = bytes.split_first_chunk().ok_or(InvalidState::Damaged)?;
    *bytes = rest;
    Ok(taken)
}

/// Whether the numbers can belong together, as far as that is quickly seen.
fn is_consistent(stats: &WindowStats) -> bool {
    // Twice the magnitude leaves room for rounding.
    let greatest = 2.0 * MAX_MAGNITUDE;
    (1..=MOST_READINGS).contains(&stats.count)
        && stats.min <= stats.max
        && stats.min.abs().max(stats.max.abs()) <= MAX_MAGNITUDE
        && stats.sum.abs() <= greatest * stats.count as f64
        && stats.mean.abs() <= greatest
        // The squares of very great readings may add up to infinity.
        && stats.squared_distances > f64::NEG_INFINITY
        && stats.last_event_us <= LATEST_US
        && has_ends_of(stats)
        && has_percentiles_of(stats)
}

/// Whether the earliest and the latest reading are between the extremes, and in their order.
fn has_ends_of(stats: &WindowStats) -> bool {
    match stats.ends {
        Ends::None => false,
        Ends::Unknown => true,
        Ends::Known { first_event_us, first, last } => {
            first_event_us <= stats.last_event_us
                && [first, last].iter().all(|reading| (stats.min..=stats.max).contains(reading))
        }
    }
}

/// Whether the percentiles are of as many readings as the other numbers, and between the same extremes.
fn has_percentiles_of(stats: &WindowStats) -> bool {
    let (min, max) = (stats.min, stats.max);
    match &stats.percentiles {
        Percentiles::Few(readings) => {
            readings.len() <= EXACT_PERCENTILES
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

#[cfg(test)]
mod tests {
    use super::*;

    /// An addition that the next version may bring: whatever is known of the two, each is read as it was, also by a
    /// reader that does not know the second.
    #[test]
    fn a_second_addition_needs_no_new_layout() {
        let first = [7_i64.to_le_bytes(), 1.5_f64.to_le_bytes(), 2.5_f64.to_le_bytes()];
        let second = [0.25_f64.to_le_bytes()];
        let firsts: [Option<&[Word]>; 2] = [None, Some(&first)];
        let seconds: [Option<&[Word]>; 2] = [None, Some(&second)];
        for (first, second) in firsts.into_iter().flat_map(|one| seconds.map(|two| (one, two))) {
            let mut bytes = Vec::new();
            push_words([first, second], [3, 1], &mut bytes);
            let (&length, additions) = bytes.split_first().unwrap();
            assert_eq!(usize::from(length), additions.len());
            let read = |mut bytes| take_words(&mut bytes, [3, 1]).unwrap();
            let expected = [first, second].map(|words| words.map(<[Word]>::as_flattened));
            assert_eq!(read(additions), expected);
            let [earlier] = take_words(&mut &*additions, ADDITION_WORDS).unwrap();
            assert_eq!(earlier, expected[0]);
        }
        assert_eq!(take_words(&mut &[0; 23][..], ADDITION_WORDS), Err(InvalidState::Damaged));
    }
}
