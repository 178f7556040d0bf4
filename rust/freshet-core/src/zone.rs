//! Zones of local times.

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use thiserror::Error;

use crate::calendar::civil_time;

/// A zone of the IANA database, such as `Europe/Berlin`. The database is part of the program, so that a time is the
/// same on every machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone(TimeZone);

/// The text names no zone.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("'{0}' is no zone of the IANA database: write its name, such as 'Europe/Berlin'")]
pub struct InvalidZone(String);

const DAY_SECONDS: i64 = 86_400;

/// From this year on, epoch seconds, no country's rules are known to change: those of the year before repeat.
const RULES_REPEAT_SECONDS: i64 = 2_208_988_800;

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

    /// Whether it is UTC, by a name that says so.
    pub(crate) fn is_utc(&self) -> bool {
        matches!(self.0.iana_name(), Some("UTC" | "Etc/UTC"))
    }

    /// How far its clocks are ahead of UTC at an instant, in microseconds. Where the calendar ends, they stay as they
    /// are then.
    pub(crate) fn offset_us(&self, instant_us: i64) -> i64 {
        let second = instant_us.div_euclid(1_000_000);
        let second = second.clamp(Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
        let instant = Timestamp::from_second(second).unwrap_or_default();
        i64::from(self.0.to_offset(instant).seconds()) * 1_000_000
    }

    /// The greatest number of seconds that is a divisor of a day, of all that its clocks were ahead of UTC from 1970
    /// on, and of the epoch seconds at which they were set: whatever its clocks show at the full hour, or at another
    /// multiple of this, begins at a multiple of this in UTC.
    pub(crate) fn granularity_seconds(&self) -> i64 {
        let divisor = |divisor, seconds: i64| greatest_common_divisor(divisor, seconds.abs());
        let first = divisor(DAY_SECONDS, self.offset_us(0) / 1_000_000);
        self.0
            .following(Timestamp::UNIX_EPOCH)
            .take_while(|set| set.timestamp().as_second() < RULES_REPEAT_SECONDS)
            .flat_map(|set| [i64::from(set.offset().seconds()), set.timestamp().as_second()])
            .fold(first, divisor)
    }
}

/// The greatest number of which both are multiples.
pub(crate) fn greatest_common_divisor(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

impl Zone {
    /// The zone of exactly that name: where it becomes part of one, in any case would be several.
    pub(crate) fn of_name(name: &str) -> Result<Self, InvalidZone> {
        let zone: Self = name.parse()?;
        if zone.0.iana_name() == Some(name) { Ok(zone) } else { Err(InvalidZone(name.to_owned())) }
    }
}

impl FromStr for Zone {
    type Err = InvalidZone;

    fn from_str(text: &str) -> Result<Self, InvalidZone> {
        // Not that of the machine, which `TimeZone::get` would take.
        static DATABASE: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);
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
    fn the_granularity_of_a_zone_is_that_of_its_clocks() {
        for (zone, seconds) in [
            ("UTC", 86_400),
            ("Europe/Berlin", 3_600),
            ("Asia/Kolkata", 1_800),
            ("Asia/Kathmandu", 900),
            ("Australia/Lord_Howe", 1_800),
            // Its clocks were set one minute after midnight.
            ("America/St_Johns", 60),
            // Its clocks were 44.5 minutes behind UTC until 1972.
            ("Africa/Monrovia", 30),
        ] {
            assert_eq!(zone.parse::<Zone>().unwrap().granularity_seconds(), seconds, "{zone}");
        }
    }
}
