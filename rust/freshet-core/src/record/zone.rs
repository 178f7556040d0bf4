//! Zones of local times.

use std::fmt;
use std::str::FromStr;

use jiff::tz::TimeZone;
use thiserror::Error;

use super::time::civil_time;

/// A zone of the IANA database, such as `Europe/Berlin`. The database is part of the program, so that a time is the
/// same on every machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone(TimeZone);

/// The text names no zone.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("'{0}' is no zone of the IANA database: write its name, such as 'Europe/Berlin'")]
pub struct InvalidZone(String);

impl Zone {
    /// The epoch microseconds of a local time, which is given as if it were UTC. A time that is there twice, when
    /// clocks are set back, is the earlier one; a time that is not there, when they are set forward, is as much later
    /// as they were set (the rule "compatible" of RFC 5545 and `jiff`).
    pub(super) fn to_utc(&self, local_us: i64) -> Option<i64> {
        let local = civil_time(local_us)?;
        let time = self.0.to_ambiguous_timestamp(local).compatible().ok()?;
        // The clocks of zones show whole seconds; the fraction is that of the local time.
        Some(time.as_second() * 1_000_000 + local_us.rem_euclid(1_000_000))
    }
}

impl FromStr for Zone {
    type Err = InvalidZone;

    fn from_str(text: &str) -> Result<Self, InvalidZone> {
        let zone = TimeZone::get(text).map_err(|_| InvalidZone(text.to_owned()))?;
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
