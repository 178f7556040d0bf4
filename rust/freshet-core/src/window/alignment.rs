//! Where windows begin: at even distances from the epoch, in UTC or on the clocks of a zone.

use super::DAY_US;
use crate::calendar::{EARLIEST_US, LATEST_US};
use crate::zone::Zone;

/// Where windows of a kind begin. The places of their starts on a line are multiples of the slide: in UTC a place is
/// the epoch time less the offset; in a zone it is what the zone's clocks show, as if that were UTC, less the offset.
/// There a place is always a whole number of days, each of which lasts as long as it does in that zone: 23 to 25 hours
/// mostly. All numbers are microseconds.
///
/// The database of zones vouches for what clocks showed from 1970 on. Before, days are those of the zone's clocks at
/// the beginning of 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Alignment {
    pub(super) offset_us: i64,
    pub(super) zone: Option<Zone>,
}

impl Alignment {
    /// At multiples of the slide since the epoch, in UTC.
    pub(crate) const EPOCH: Self = Self { offset_us: 0, zone: None };

    /// Whether days are those of a zone's clocks.
    pub(super) fn is_in_zone(&self) -> bool {
        self.zone.is_some()
    }

    /// How far instants may lie beside those that follow from lengths: clocks may be set by a day.
    pub(crate) fn tolerance_us(&self) -> i64 {
        if self.is_in_zone() { DAY_US } else { 0 }
    }

    /// The place of an instant, epoch microseconds; in a zone, that of the day that it lies in.
    #[inline]
    pub(crate) fn place(&self, instant_us: i64) -> i64 {
        match &self.zone {
            None => instant_us - self.offset_us,
            Some(zone) => self.day(zone, instant_us),
        }
    }

    /// The instant, epoch microseconds, that is at a place.
    #[inline]
    pub(crate) fn instant(&self, place_us: i64) -> i64 {
        match &self.zone {
            None => place_us + self.offset_us,
            Some(zone) => begin(zone, place_us + self.offset_us),
        }
    }

    /// The last day that begins by then: clocks may be set back over its beginning, so that its date does not say it.
    fn day(&self, zone: &Zone, instant_us: i64) -> i64 {
        let shown = instant_us + zone.offset_us(instant_us.max(0));
        let mut day = (shown - self.offset_us).div_euclid(DAY_US) * DAY_US;
        while self.instant(day) > instant_us {
            day -= DAY_US;
        }
        while self.instant(day + DAY_US) <= instant_us {
            day += DAY_US;
        }
        day
    }

    /// A length of which all instants at which days begin are multiples, but for the offset; `None` in UTC.
    pub(crate) fn granularity_us(&self) -> Option<i64> {
        Some(self.zone.as_ref()?.granularity_seconds() * 1_000_000)
    }
}

/// When the zone's clocks first show that time, or one that is not shown.
fn begin(zone: &Zone, shown_us: i64) -> i64 {
    let in_1970 = shown_us - zone.offset_us(0);
    if in_1970 < 0 {
        return in_1970;
    }
    let in_calendar = shown_us.clamp(EARLIEST_US, LATEST_US) == shown_us;
    let known = in_calendar.then(|| zone.to_utc(shown_us)).flatten();
    known.unwrap_or_else(|| shown_us - zone.offset_us(i64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn days(zone: &str, offset_us: i64) -> Alignment {
        Alignment { offset_us, zone: Some(zone.parse().unwrap()) }
    }

    fn us(time: &str) -> i64 {
        time.parse::<jiff::Timestamp>().unwrap().as_microsecond()
    }

    /// Of each day, by its date in that zone, the first instant.
    #[test]
    fn days_begin_when_the_clocks_of_the_zone_say_so() {
        for (zone, day, begins) in [
            ("Europe/Berlin", "2026-01-31", "2026-01-30T23:00:00Z"),
            // 23 and 25 hours.
            ("Europe/Berlin", "2026-03-29", "2026-03-28T23:00:00Z"),
            ("Europe/Berlin", "2026-03-30", "2026-03-29T22:00:00Z"),
            ("Europe/Berlin", "2026-10-25", "2026-10-24T22:00:00Z"),
            ("Europe/Berlin", "2026-10-26", "2026-10-25T23:00:00Z"),
            ("America/New_York", "2026-07-04", "2026-07-04T04:00:00Z"),
            ("Asia/Kathmandu", "2026-07-04", "2026-07-03T18:15:00Z"),
            // Clocks were set forward at midnight: the day began at one o'clock.
            ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00Z"),
            // They were set back at midnight: the day before had its last hour twice.
            ("America/Sao_Paulo", "2018-02-18", "2018-02-18T03:00:00Z"),
            // One minute after midnight they were set back into the day before: the next day began, once.
            ("America/St_Johns", "2010-11-07", "2010-11-07T02:30:00Z"),
            // A day that was left out begins, and ends, with the next one.
            ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00Z"),
            ("Pacific/Apia", "2011-12-31", "2011-12-30T10:00:00Z"),
            // Before 1970 the zone's clocks of 1970 count; in 1965 they were an hour ahead.
            ("Europe/Lisbon", "1965-06-01", "1965-05-31T23:00:00Z"),
            ("Africa/Monrovia", "1971-01-01", "1971-01-01T00:44:30Z"),
        ] {
            let (alignment, place) = (days(zone, 0), us(&format!("{day}T00:00:00Z")));
            assert_eq!(alignment.instant(place), us(begins), "{zone} {day}");
            let is_left_out = day == "2011-12-30";
            assert_eq!(alignment.place(us(begins)) == place, !is_left_out, "{zone} {day}");
            assert!(alignment.place(us(begins) - 1) < place, "{zone} {day}");
        }
    }

    #[test]
    fn days_may_begin_later_than_at_midnight() {
        let gas_days = days("Europe/Berlin", 6 * 3_600_000_000);
        let place = us("2026-03-29T00:00:00Z");
        // 23 hours, as clocks are set forward in the night that ends it.
        assert_eq!(gas_days.instant(place - DAY_US), us("2026-03-28T05:00:00Z"));
        assert_eq!(gas_days.instant(place), us("2026-03-29T04:00:00Z"));
        assert_eq!(gas_days.place(us("2026-03-29T03:59:59Z")), place - DAY_US);
    }

    const ZONES: [&str; 10] = [
        "Europe/Berlin",
        "America/Sao_Paulo",
        "America/St_Johns",
        "America/Havana",
        "Africa/Monrovia",
        "Africa/Casablanca",
        "Asia/Kathmandu",
        "Australia/Lord_Howe",
        "Pacific/Apia",
        "Asia/Gaza",
    ];

    proptest! {
        #[test]
        fn every_instant_lies_in_its_day_and_days_begin_at_whole_grains(
            zone in 0..ZONES.len(), hours in 0_i64..24, instant in -62_135_596_800_i64..253_402_300_800,
        ) {
            let alignment = days(ZONES[zone], hours * 3_600_000_000);
            let instant_us = instant * 1_000_000 + 999_999;
            let day = alignment.place(instant_us);
            let (begin, end) = (alignment.instant(day), alignment.instant(day + DAY_US));
            prop_assert!(begin <= instant_us && instant_us < end, "{begin} {instant_us} {end}");
            prop_assert_eq!(alignment.place(begin), day);
            prop_assert_eq!(alignment.place(end - 1), day);
            let grain = alignment.granularity_us().unwrap();
            let beyond = |instant: i64| (instant - alignment.offset_us).rem_euclid(grain);
            prop_assert_eq!((beyond(begin), beyond(end)), (0, 0));
        }

        /// The days around each time that clocks were set.
        #[test]
        fn days_follow_one_another(zone in 0..ZONES.len(), day in 0_i64..30_000, hours in 0_i64..24) {
            let alignment = days(ZONES[zone], hours * 3_600_000_000);
            let begin = alignment.instant(day * DAY_US);
            let end = alignment.instant((day + 1) * DAY_US);
            prop_assert!(begin <= end);
            prop_assert!(end - begin <= 2 * DAY_US);
            if begin < end {
                prop_assert_eq!(alignment.place(begin), day * DAY_US);
                prop_assert_eq!(alignment.place(end - 1), day * DAY_US);
            }
        }
    }
}
