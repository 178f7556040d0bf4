//! The years that every part of the pipeline can show, and the civil time of an instant.

use jiff::SignedDuration;
use jiff::civil::DateTime;

/// The beginning of the year 1 in UTC, epoch microseconds.
pub(crate) const EARLIEST_US: i64 = -62_135_596_800_000_000;

/// The end of the year 9999 in UTC, epoch microseconds.
pub(crate) const LATEST_US: i64 = 253_402_300_799_999_999;

const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// Epoch microseconds of a time in UTC, rounded down. (`jiff::Timestamp` ends a day before the year 9999 does.)
pub(crate) fn microseconds(time: DateTime) -> i64 {
    let since = time.duration_since(EPOCH);
    since.as_secs() * 1_000_000 + i64::from(since.subsec_nanos()).div_euclid(1_000)
}

/// The time in UTC of epoch microseconds; `None` outside of the years −9999 to 9999.
pub(crate) fn civil_time(time_us: i64) -> Option<DateTime> {
    EPOCH.checked_add(SignedDuration::from_micros(time_us)).ok()
}
