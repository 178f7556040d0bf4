//! Event-time windows: half-open intervals `[start, end)`, aligned to the epoch in UTC or to the days of a zone, and
//! the panes that they share.

mod alignment;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

use crate::calendar::{EARLIEST_US, LATEST_US};
use crate::duration::{self, DAY_MS, greatest_common_divisor};
use crate::zone::{InvalidZone, Zone};

pub(crate) use alignment::Alignment;

/// A record may lie in this many windows of one kind at the most: each of them is a row of output.
pub const MOST_OVERLAPPING: i64 = 1_000;

/// A window may have this many panes at the most: each of them is kept in the state of every series.
pub const MOST_PANES: i64 = 10_000;

/// The longest window, in milliseconds: its readings are kept until it closes.
pub const LONGEST_MS: i64 = 366 * DAY_MS;

/// A day.
pub(crate) const DAY_US: i64 = DAY_MS * MICROSECONDS;

const MICROSECONDS: i64 = 1_000;

/// No pane with readings starts before: it is no longer than the longest window, which a zone may make a day longer.
pub(crate) const EARLIEST_PANE_US: i64 = EARLIEST_US - LONGEST_MS * MICROSECONDS - DAY_US;

/// Nor any window: the first pane may be the last one of it.
const EARLIEST_START_US: i64 = EARLIEST_PANE_US - LONGEST_MS * MICROSECONDS;

/// The days of the week, from that of the epoch on.
pub const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

/// A kind of window: tumbling (`10s`, slide = size) or sliding (`5m/1m`, size/slide).
///
/// Windows begin at multiples of the slide since the epoch, in UTC; or as much later as is said behind an `@`, a
/// duration, or for weeks a day (`1h@15m`, `7d@Mon`); or, if they are whole days, by the clocks of a zone
/// (`1d@Europe/Berlin`, `1d@6h@Europe/Berlin`, `7d@Mon@Europe/Berlin`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowSpec {
    size_ms: i64,
    slide_ms: i64,
    alignment: Alignment,
}

/// The text does not name a kind of window.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidWindow {
    /// Size, slide or offset is no duration.
    #[error(transparent)]
    Duration(#[from] duration::InvalidDuration),
    /// What may be a zone is none.
    #[error(transparent)]
    Zone(#[from] InvalidZone),
    /// Size or slide is zero, the slide is longer than the size, or one is out of range.
    #[error(
        "'{0}' is not a window: write a size such as '10s', or a size and a shorter slide such as '5m/1m', \
         of at most 366d and with at most {MOST_OVERLAPPING} slides in a size"
    )]
    Shape(String),
    /// Size and slide share no longer divisor.
    #[error(
        "'{0}' is not a window to work with: size and slide are multiples of {1} ms only, which is less than a \
         {MOST_PANES}th of the size; choose a slide of which the size is a multiple"
    )]
    Divisor(String, i64),
    /// The offset is as long as the slide, or longer; or a day of the week begins no whole weeks.
    #[error(
        "'{0}' is not a window: behind '@' stands how much later than the epoch windows begin, which is less than \
         their slide, such as '1h@15m'; for windows of whole weeks it may be a day, such as '7d@Mon'"
    )]
    Offset(String),
    /// Windows of a zone that are no whole days.
    #[error(
        "'{0}' is not a window: only windows of whole days, such as '1d' or '7d@Mon', are those of a zone"
    )]
    NotOfDays(String),
}

impl WindowSpec {
    /// Length of the window in milliseconds; of windows of a zone, without what its clocks are set meanwhile.
    pub fn size_ms(&self) -> i64 {
        self.size_ms
    }

    /// Distance between the starts of two successive windows in milliseconds, likewise; the size for tumbling windows.
    pub fn slide_ms(&self) -> i64 {
        self.slide_ms
    }

    /// Length in milliseconds, likewise, of the panes of this kind of window: the greatest length of which both size
    /// and slide are multiples, so that a pane lies either wholly inside or wholly outside each window.
    pub fn pane_ms(&self) -> i64 {
        greatest_common_divisor(self.size_ms, self.slide_ms)
    }

    /// The longest that a window of this kind can be, in milliseconds: in a zone a day may be left out, or be there
    /// twice.
    pub fn longest_ms(&self) -> i64 {
        self.size_ms + self.alignment.tolerance_us() / MICROSECONDS
    }

    /// Whether a window of this kind may start at that time, epoch milliseconds. Of those of a zone any time will do:
    /// who made the window may have had another database of zones.
    pub fn may_start(&self, time_ms: i64) -> bool {
        self.alignment.is_in_zone() || self.last_start_ms(time_ms) == Some(time_ms)
    }

    /// Whether a window of this kind may be so long, in milliseconds.
    pub fn may_last(&self, length_ms: i64) -> bool {
        let beside_us = self.alignment.tolerance_us().unsigned_abs();
        length_ms > 0 && length_ms.abs_diff(self.size_ms) <= beside_us / MICROSECONDS.unsigned_abs()
    }

    /// The last start of a window of this kind until that time, both in epoch milliseconds; `None` where there is no
    /// such time.
    pub fn last_start_ms(&self, time_ms: i64) -> Option<i64> {
        Some(self.alignment.instant(self.last_start(time_ms)?).div_euclid(MICROSECONDS))
    }

    /// The end of the window of this kind that starts at that time, both in epoch milliseconds; `None` where there is
    /// no such time.
    pub fn end_ms(&self, start_ms: i64) -> Option<i64> {
        let end = self.last_start(start_ms)? + self.size_ms * MICROSECONDS;
        Some(self.alignment.instant(end).div_euclid(MICROSECONDS))
    }

    /// The place of the last start until that time, epoch milliseconds.
    fn last_start(&self, time_ms: i64) -> Option<i64> {
        let slide = self.slide_ms * MICROSECONDS;
        let instant = time_ms.checked_mul(MICROSECONDS)?;
        (EARLIEST_START_US..=LATEST_US)
            .contains(&instant)
            .then(|| self.alignment.place(instant).div_euclid(slide) * slide)
    }

    /// Reads the name of a kind of window. Those of whole days that name no zone are those of `zone`.
    ///
    /// # Errors
    ///
    /// [`InvalidWindow`] when the text names no kind of window.
    pub fn read(text: &str, zone: Option<&Zone>) -> Result<Self, InvalidWindow> {
        let (spec, own) = Self::split(text)?;
        Ok(match own.as_ref().or(zone) {
            Some(zone) if spec.is_of_days() => spec.in_zone(zone),
            _ => spec,
        })
    }

    /// The kind among these that has that name; where the name has no zone, also the only one that has it but for its
    /// own.
    pub fn find<'a>(windows: &'a [Self], name: &str) -> Option<&'a Self> {
        let (spec, zone) = Self::split(name).ok()?;
        if let Some(zone) = zone {
            let spec = spec.in_zone(&zone);
            return windows.iter().find(|window| **window == spec);
        }
        let mut of_any_zone = windows.iter().filter(|window| window.without_zone() == spec);
        let only = of_any_zone.next().filter(|_| of_any_zone.next().is_none());
        windows.iter().find(|window| **window == spec).or(only)
    }

    fn in_zone(self, zone: &Zone) -> Self {
        let zone = Some(zone).filter(|zone| !zone.is_like_utc()).cloned();
        Self { alignment: Alignment { zone, ..self.alignment }, ..self }
    }

    fn without_zone(&self) -> Self {
        let alignment = Alignment { zone: None, ..self.alignment };
        Self { alignment, ..*self }
    }

    /// Whether windows of this kind are whole days, and each begins some days after the one before.
    pub fn is_of_days(&self) -> bool {
        self.pane_ms() % DAY_MS == 0
    }

    fn is_of_weeks(&self) -> bool {
        self.pane_ms() % (7 * DAY_MS) == 0
    }

    pub(crate) fn alignment(&self) -> &Alignment {
        &self.alignment
    }

    fn offset_ms(&self) -> i64 {
        self.alignment.offset_us / MICROSECONDS
    }

    /// The starts (epoch microseconds, ascending) of all windows of this kind that contain the instant.
    #[cfg(test)]
    pub(crate) fn starts_containing(&self, instant_us: i64) -> Vec<i64> {
        let (size, slide) = (self.size_ms * MICROSECONDS, self.slide_ms * MICROSECONDS);
        let place = self.alignment.place(instant_us);
        let last = place.div_euclid(slide) * slide;
        let places = (0..=size.div_euclid(slide)).rev().map(|back| last - back * slide);
        let containing = places.filter(|start| place < start + size);
        let mut starts: Vec<_> = containing.map(|start| self.alignment.instant(start)).collect();
        starts.dedup();
        starts
    }
}

impl FromStr for WindowSpec {
    type Err = InvalidWindow;

    fn from_str(text: &str) -> Result<Self, InvalidWindow> {
        Self::read(text, None)
    }
}

impl WindowSpec {
    /// The kind that a text names, in UTC, and the zone that stands behind it.
    fn split(text: &str) -> Result<(Self, Option<Zone>), InvalidWindow> {
        let mut parts = text.split('@');
        let lengths = parts.next().unwrap_or_default();
        let (size, slide) = lengths.split_once('/').unwrap_or((lengths, lengths));
        let (size_ms, slide_ms) = (milliseconds(size, text)?, milliseconds(slide, text)?);
        let fits = slide_ms > 0
            && slide_ms <= size_ms
            && size_ms / slide_ms <= MOST_OVERLAPPING
            && size_ms <= LONGEST_MS;
        if !fits {
            return Err(InvalidWindow::Shape(text.to_owned()));
        }
        let spec = Self { size_ms, slide_ms, alignment: Alignment::EPOCH };
        let pane_ms = spec.pane_ms();
        if size_ms / pane_ms > MOST_PANES {
            return Err(InvalidWindow::Divisor(text.to_owned(), pane_ms));
        }
        let (first, second) = (parts.next(), parts.next());
        let (offset, zone) = match (first, second) {
            (Some(only), None) if !begins_with_digit(only) && !WEEKDAYS.contains(&only) => {
                (None, first)
            }
            _ => (first, second),
        };
        if parts.next().is_some() {
            return Err(InvalidWindow::Offset(text.to_owned()));
        }
        let spec = match offset {
            Some(offset) => spec.offset_by(offset, text)?,
            None => spec,
        };
        if zone.is_some() && !spec.is_of_days() {
            return Err(InvalidWindow::NotOfDays(text.to_owned()));
        }
        Ok((spec, zone.map(Zone::of_name).transpose()?))
    }

    /// The same kind, which begins as much later as its name, `text`, says.
    fn offset_by(self, offset: &str, text: &str) -> Result<Self, InvalidWindow> {
        let offset_ms = match (0..).zip(WEEKDAYS).find(|(_, day)| *day == offset) {
            Some((days, _)) if self.is_of_weeks() => days * DAY_MS,
            Some(_) => return Err(InvalidWindow::Offset(text.to_owned())),
            None => milliseconds(offset, text)?,
        };
        if offset_ms >= self.slide_ms {
            return Err(InvalidWindow::Offset(text.to_owned()));
        }
        let alignment = Alignment { offset_us: offset_ms * MICROSECONDS, ..self.alignment };
        Ok(Self { alignment, ..self })
    }

    /// How an offset is written: as a day for whole weeks.
    fn offset_text(&self) -> String {
        let offset_ms = self.offset_ms();
        let day = usize::try_from(offset_ms / DAY_MS).ok().and_then(|days| WEEKDAYS.get(days));
        match day {
            Some(day) if offset_ms % DAY_MS == 0 && self.is_of_weeks() => (*day).to_owned(),
            _ => duration_text(offset_ms),
        }
    }
}

fn begins_with_digit(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit())
}

fn milliseconds(part: &str, window: &str) -> Result<i64, InvalidWindow> {
    let length = duration::parse(part)?.as_millis();
    i64::try_from(length).map_err(|_| InvalidWindow::Shape(window.to_owned()))
}

fn duration_text(milliseconds: i64) -> String {
    duration::format(Duration::from_millis(milliseconds.unsigned_abs()))
}

impl fmt::Display for WindowSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&duration_text(self.size_ms))?;
        if self.slide_ms != self.size_ms {
            write!(f, "/{}", duration_text(self.slide_ms))?;
        }
        if self.offset_ms() != 0 {
            write!(f, "@{}", self.offset_text())?;
        }
        if let Some(zone) = &self.alignment.zone {
            write!(f, "@{zone}")?;
        }
        Ok(())
    }
}

crate::text::serde_as_text!(WindowSpec);

/// The panes that kinds of windows share, in microseconds: they begin at multiples of the length, and the offset after
/// that, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SharedPanes {
    /// How long they are.
    pub length_us: i64,
    /// How much later than at a multiple of the length they begin.
    pub offset_us: i64,
}

impl SharedPanes {
    /// The longest ones that lie either wholly inside or wholly outside each window of these kinds: of their length are
    /// all sizes and slides multiples, what offsets differ by, and the instants at which days of zones begin. `None`
    /// without windows.
    pub fn of(windows: &[WindowSpec]) -> Option<Self> {
        let first_us = windows.first()?.alignment.offset_us;
        let lengths = |window: &WindowSpec| {
            let alignment = &window.alignment;
            let apart_us = (alignment.offset_us - first_us).abs();
            [Some(window.pane_ms() * MICROSECONDS), Some(apart_us), alignment.granularity_us()]
        };
        let lengths = windows.iter().flat_map(lengths).flatten();
        let length_us = lengths.reduce(greatest_common_divisor)?;
        Some(Self { length_us, offset_us: first_us % length_us })
    }

    /// The number of the pane that contains an instant, epoch microseconds.
    #[inline]
    pub fn number(&self, instant_us: i64) -> i64 {
        (instant_us - self.offset_us).div_euclid(self.length_us)
    }

    /// The first instant of a pane, epoch microseconds.
    pub fn start_us(&self, number: i64) -> i64 {
        number * self.length_us + self.offset_us
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spec(text: &str) -> WindowSpec {
        text.parse().unwrap()
    }

    #[test]
    fn one_kind_of_window_has_one_name() {
        for (text, name) in [
            ("60s", "1m"),
            ("10s", "10s"),
            ("300s/60s", "5m/1m"),
            ("10s/10s", "10s"),
            ("1d", "1d"),
            ("24h", "1d"),
            ("60m@900s", "1h@15m"),
            ("1h@0s", "1h"),
            ("7d@Thu", "7d"),
            ("7d@4d", "7d@Mon"),
            ("7d@96h", "7d@Mon"),
            ("7d@102h", "7d@102h"),
            ("14d/7d@Sun", "14d/7d@Sun"),
            ("14d@11d", "14d@11d"),
            ("1d@UTC", "1d"),
            ("7d@Mon@Etc/UTC", "7d@Mon"),
            ("1d@Africa/Abidjan", "1d"),
            ("1d@Europe/Berlin", "1d@Europe/Berlin"),
            ("24h@Europe/Berlin", "1d@Europe/Berlin"),
            ("1d@360m@Europe/Berlin", "1d@6h@Europe/Berlin"),
            ("30d/1d@America/Argentina/Ushuaia", "30d/1d@America/Argentina/Ushuaia"),
            ("7d@Mon@America/New_York", "7d@Mon@America/New_York"),
        ] {
            assert_eq!(spec(text).to_string(), name);
            assert_eq!(spec(name), spec(text));
        }
    }

    #[test]
    fn whole_days_that_name_no_zone_are_those_of_the_given_one() {
        let berlin = "Europe/Berlin".parse().unwrap();
        let utc = "Etc/UTC".parse().unwrap();
        for (text, name) in [
            ("1d", "1d@Europe/Berlin"),
            ("7d@Mon", "7d@Mon@Europe/Berlin"),
            ("7d/1d", "7d/1d@Europe/Berlin"),
            ("1d@Asia/Tokyo", "1d@Asia/Tokyo"),
            ("1d@UTC", "1d"),
            ("1d/12h", "1d/12h"),
            ("1h", "1h"),
        ] {
            assert_eq!(WindowSpec::read(text, Some(&berlin)).unwrap().to_string(), name);
            assert_eq!(WindowSpec::read(text, Some(&utc)), text.parse());
        }
    }

    #[test]
    fn a_kind_is_found_by_its_name_and_without_its_zone_where_it_is_the_only_one() {
        let windows = [
            "1h",
            "1d@Europe/Berlin",
            "7d@Mon@Europe/Berlin",
            "7d@Mon@Asia/Tokyo",
            "2d",
            "2d@Asia/Tokyo",
        ];
        let windows = windows.map(spec);
        for (name, found) in [
            ("60m", Some("1h")),
            ("24h", Some("1d@Europe/Berlin")),
            ("1d@Europe/Berlin", Some("1d@Europe/Berlin")),
            ("7d@Mon@Asia/Tokyo", Some("7d@Mon@Asia/Tokyo")),
            ("2d", Some("2d")),
            ("2d@UTC", Some("2d")),
            ("7d@Mon", None),
            ("7d", None),
            ("1d@UTC", None),
            ("1d@Asia/Tokyo", None),
            ("nonsense", None),
        ] {
            let found: Option<WindowSpec> = found.map(spec);
            assert_eq!(WindowSpec::find(&windows, name), found.as_ref(), "{name}");
        }
    }

    #[test]
    fn what_stands_behind_the_length_is_an_offset_or_a_zone() {
        for (text, error) in [
            ("1h@1h", "behind '@' stands how much later"),
            ("1h@Mon", "behind '@' stands how much later"),
            ("1d@Mon", "behind '@' stands how much later"),
            ("10d@Mon", "behind '@' stands how much later"),
            ("7d/1d@Mon", "behind '@' stands how much later"),
            ("1d@1h@UTC@UTC", "behind '@' stands how much later"),
            ("7d@mon", "'mon' is no zone"),
            ("1d@", "'' is no zone"),
            ("1d@europe/berlin", "'europe/berlin' is no zone"),
            ("1d@Mars/Olympus", "'Mars/Olympus' is no zone"),
            ("1d@Europe/Berlin@6h", "'Europe/Berlin' is not a duration"),
            ("1d@6", "'6' is not a duration"),
            ("6h@Europe/Berlin", "only windows of whole days"),
            ("1d/12h@Europe/Berlin", "only windows of whole days"),
        ] {
            let found = text.parse::<WindowSpec>().unwrap_err().to_string();
            assert!(found.contains(error), "{text}: {found}");
        }
    }

    #[test]
    fn windows_of_a_zone_last_as_long_as_its_days() {
        let ms = |time: &str| time.parse::<jiff::Timestamp>().unwrap().as_millisecond();
        for (window, start, end) in [
            ("1d@Europe/Berlin", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"),
            ("1d@Europe/Berlin", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"),
            ("1d@6h@Europe/Berlin", "2026-03-28T05:00:00Z", "2026-03-29T04:00:00Z"),
            ("7d@Mon@Europe/Berlin", "2026-03-22T23:00:00Z", "2026-03-29T22:00:00Z"),
            ("7d@Mon@America/New_York", "2026-10-26T04:00:00Z", "2026-11-02T05:00:00Z"),
            ("7d@Mon", "2026-10-26T00:00:00Z", "2026-11-02T00:00:00Z"),
            ("1h@15m", "2026-10-26T00:15:00Z", "2026-10-26T01:15:00Z"),
        ] {
            let (window, start) = (spec(window), ms(start));
            assert_eq!(window.last_start_ms(start), Some(start), "{window}");
            assert_eq!(window.last_start_ms(ms(end) - 1), Some(start), "{window}");
            assert_eq!(window.end_ms(start), Some(ms(end)), "{window}");
            assert!(window.may_start(start) && window.may_last(ms(end) - start), "{window}");
        }
    }

    #[test]
    fn refuses_shapes_that_are_no_window() {
        for text in ["", "0s", "10s/0s", "10s/20s", "10s/1s/1s", "1d/1s", "10", "367d"] {
            assert!(text.parse::<WindowSpec>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_window_of_too_many_panes_says_which_slide_would_do() {
        let error = "10s/9999ms".parse::<WindowSpec>();
        assert!(error.is_ok(), "10,000 panes are not too many");
        let error = "20s/19999ms".parse::<WindowSpec>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "'20s/19999ms' is not a window to work with: size and slide are multiples of 1 ms only, which is less than \
             a 10000th of the size; choose a slide of which the size is a multiple"
        );
    }

    #[test]
    fn windows_are_half_open_and_aligned_to_the_epoch() {
        let starts = |text, us| spec(text).starts_containing(us);
        assert_eq!(starts("10s", 9_999_999), [0]);
        assert_eq!(starts("10s", 10_000_000), [10_000_000]);
        assert_eq!(starts("10s", -1), [-10_000_000]);
        assert_eq!(starts("10s/5s", 12_000_000), [5_000_000, 10_000_000]);
        // A slide that does not divide the size: 10 s every 4 s.
        assert_eq!(starts("10s/4s", 9_000_000), [0, 4_000_000, 8_000_000]);
        assert_eq!(starts("10s/4s", 11_000_000), [4_000_000, 8_000_000]);
    }

    #[test]
    fn times_beyond_the_calendar_are_in_no_window() {
        for name in ["10s", "7d@Mon", "1d@Europe/Berlin"] {
            for time_ms in [i64::MIN, i64::MIN / 1_000, i64::MAX / 1_000, i64::MAX] {
                let found = (spec(name).last_start_ms(time_ms), spec(name).end_ms(time_ms));
                assert_eq!(found, (None, None), "{name} {time_ms}");
            }
        }
    }

    #[test]
    fn the_pane_is_the_greatest_common_divisor() {
        const SECOND: i64 = 1_000_000;
        let pane = |texts: &[&str]| {
            let windows: Vec<_> = texts.iter().map(|text| spec(text)).collect();
            SharedPanes::of(&windows)
                .map(|panes| (panes.length_us / SECOND, panes.offset_us / SECOND))
        };
        assert_eq!(pane(&["10s", "1m", "5m/1m"]), Some((10, 0)));
        assert_eq!(pane(&["10s/4s"]), Some((2, 0)));
        assert_eq!(pane(&["1d", "7d@Mon"]), Some((86_400, 0)));
        assert_eq!(pane(&["1h@15m"]), Some((3_600, 900)));
        assert_eq!(pane(&["1h@15m", "2h@75m"]), Some((3_600, 900)));
        assert_eq!(pane(&["1h", "1h@15m"]), Some((900, 0)));
        assert_eq!(pane(&["1d@Europe/Berlin"]), Some((3_600, 0)));
        assert_eq!(pane(&["1d@90m@Europe/Berlin"]), Some((3_600, 1_800)));
        assert_eq!(pane(&["1d@Asia/Kathmandu", "1m"]), Some((60, 0)));
        assert_eq!(pane(&[]), None);
    }

    const KINDS: [&str; 14] = [
        "10s",
        "10s/4s",
        "7s/5s",
        "1h@15m",
        "20h/10h@3h",
        "10s@3s",
        "7d@Mon",
        "1d@Europe/Berlin",
        "1d@6h@Europe/Berlin",
        "7d/1d@America/Sao_Paulo",
        "1d@America/St_Johns",
        "1d@90m@Asia/Kathmandu",
        "2d@Australia/Lord_Howe",
        "3d/1d@Pacific/Apia",
    ];

    proptest! {
        #[test]
        fn every_instant_of_a_pane_lies_in_the_same_windows(
            kinds in prop::collection::vec(0..KINDS.len(), 1..4),
            instant in 1_300_000_000_i64..1_900_000_000,
            within in 0_i64..86_400_000_000,
        ) {
            let windows: Vec<_> = kinds.into_iter().map(|kind| spec(KINDS[kind])).collect();
            let panes = SharedPanes::of(&windows).unwrap();
            let start_us = panes.start_us(panes.number(instant * 1_000_000));
            let inside = start_us + within % panes.length_us;
            for window in &windows {
                let (first, other) =
                    (window.starts_containing(start_us), window.starts_containing(inside));
                prop_assert_eq!(first, other, "{}", window);
            }
        }

        #[test]
        fn exactly_the_windows_that_contain_the_instant_are_named(
            size in 1_i64..50, slide in 1_i64..50, instant in -200_000_i64..200_000,
        ) {
            prop_assume!(slide <= size);
            let spec = spec(&format!("{size}ms/{slide}ms"));
            let all = (-300_i64..300).map(|i| i * slide * MICROSECONDS);
            let containing = all.filter(|s| *s <= instant && instant < s + size * MICROSECONDS);
            prop_assert_eq!(
                spec.starts_containing(instant),
                containing.collect::<Vec<_>>()
            );
        }
    }
}
