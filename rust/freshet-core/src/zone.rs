//! Zones of local times.

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use thiserror::Error;

use crate::calendar::civil_time;
use crate::duration::greatest_common_divisor;

/// A zone of the IANA database, such as `Europe/Berlin`. The database is part of the program, so that a time is the
/// same on every machine.
#[derive(Debug, Clone)]
pub struct Zone(TimeZone);

/// Zones are told apart by their names: what one is called is part of the names of windows.
impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.0.iana_name() == other.0.iana_name()
    }
}

impl Eq for Zone {}

/// The text names no zone.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("'{0}' is no zone of the IANA database: write its name, such as 'Europe/Berlin'")]
pub struct InvalidZone(String);

const DAY_SECONDS: i64 = 86_400;

/// When the year 2040 begins, epoch seconds: what clocks show after that, they have shown before.
const REPEATS_SECONDS: i64 = 2_208_988_800;

/// Not that of the machine, which is `jiff`'s own choice.
static DATABASE: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// The names of all zones, in their order.
pub fn names() -> Vec<String> {
    let mut names: Vec<String> =
        DATABASE.available().map(|name| name.as_str().to_owned()).collect();
    names.sort_unstable();
    names
}

impl Zone {
    /// The epoch microseconds of a local time, which is given as if it were UTC. A time that is there twice, when
    /// clocks are set back, is the earlier one; a time that is not there, when they are set forward, is as much later
    /// as they were set (the rule "compatible" of RFC 5545 and `jiff`).
    pub(crate) fn to_utc(&self, local_us: i64) -> Option<i64> {
        let local = civil_time(local_us)?;
        let time = self.0.to_ambiguous_timestamp(local).compatible().ok()?;
        // The clocks of zones show whole seconds; the fraction is that of the local time.
        Some(time.as_second() * 1_000_000 + local_us.rem_euclid(1_000_000))
    }

    /// Whether its clocks have shown UTC from 1970 on, whatever it is called.
    pub fn is_like_utc(&self) -> bool {
        self.offsets().all(|seconds| seconds == 0)
    }

    /// How far its clocks are ahead of UTC at an instant, in microseconds. Where the calendar ends, they stay as they
    /// are then.
    pub(crate) fn offset_us(&self, instant_us: i64) -> i64 {
        let second = instant_us.div_euclid(1_000_000);
        let second = second.clamp(Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
        let instant = Timestamp::from_second(second).unwrap_or_default();
        i64::from(self.0.to_offset(instant).seconds()) * 1_000_000
    }

    /// The greatest number of seconds of which a day is a multiple, and all that its clocks were ahead of UTC from 1970
    /// on: what they show at a multiple of this is one in UTC, and so is the time by which a day begins that they do
    /// not show.
    pub(crate) fn granularity_seconds(&self) -> i64 {
        self.offsets().map(i64::abs).fold(DAY_SECONDS, greatest_common_divisor)
    }

    /// By how many seconds its clocks were ahead of UTC, from 1970 on.
    fn offsets(&self) -> impl Iterator<Item = i64> {
        let set = self.0.following(Timestamp::UNIX_EPOCH);
        let known = set.take_while(|set| set.timestamp().as_second() < REPEATS_SECONDS);
        let first = self.offset_us(0) / 1_000_000;
        std::iter::once(first).chain(known.map(|set| i64::from(set.offset().seconds())))
    }

    /// The zone of exactly that name: where it becomes part of one, in any case would be several.
    pub(crate) fn of_name(name: &str) -> Result<Self, InvalidZone> {
        let zone: Self = name.parse()?;
        if zone.0.iana_name() == Some(name) { Ok(zone) } else { Err(InvalidZone(name.to_owned())) }
    }
}

impl FromStr for Zone {
    type Err = InvalidZone;

    fn from_str(text: &str) -> Result<Self, InvalidZone> {
        let zone = DATABASE.get(text).map_err(|_| InvalidZone(text.to_owned()))?;
        if zone.iana_name().is_none() {
            return Err(InvalidZone(text.to_owned()));
        }
        Ok(Self(zone))
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.iana_name().unwrap_or("UTC"))
    }
}

crate::text::serde_as_text!(Zone);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_zones_are_utc_under_another_name() {
        let is_like_utc = |name: &str| name.parse::<Zone>().unwrap().is_like_utc();
        for name in ["UTC", "Etc/UTC", "Etc/GMT", "Zulu", "Africa/Abidjan"] {
            assert!(is_like_utc(name), "{name}");
        }
        // Its clocks were behind until 1972, and are ahead in summer.
        for name in ["Africa/Monrovia", "Europe/London"] {
            assert!(!is_like_utc(name), "{name}");
        }
        assert!(names().len() > 500);
    }

    #[test]
    fn the_granularity_of_a_zone_is_that_of_its_clocks() {
        for (zone, seconds) in [
            ("UTC", 86_400),
            ("Europe/Berlin", 3_600),
            ("Asia/Kolkata", 1_800),
            ("Asia/Kathmandu", 900),
            ("Australia/Lord_Howe", 1_800),
            ("America/St_Johns", 1_800),
            // Its clocks were 44.5 minutes behind UTC until 1972.
            ("Africa/Monrovia", 30),
        ] {
            assert_eq!(zone.parse::<Zone>().unwrap().granularity_seconds(), seconds, "{zone}");
        }
    }
}
