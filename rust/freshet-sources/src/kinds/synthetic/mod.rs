//! Records that exist in numbers only: a fleet of sensors, or as many records as a test needs.
//!
//! With `every` each sensor of the fleet reads once per tick. With `rate` or `unlimited` it is a load generator, whose
//! records may crowd on few series, be out of order, late or bad, all in the shares that are asked for.

mod bad;
mod draws;
mod fleet;
mod load;
mod records;
mod sensor;
mod settings;

use std::time::Duration;

use freshet_core::config::{Key, Kind, Presence};

use self::settings::Settings;
use super::{EVERY, SourceKind};

/// Event times are whole milliseconds, far from the ends of what a number holds.
const LONGEST: Duration = Duration::from_hours(366 * 24);
const SHARE: Kind = Kind::Number(0.0, 1.0);

/// The kind `synthetic`.
pub(super) const KIND: SourceKind = SourceKind {
    name: "synthetic",
    meaning: "a seeded fleet of sensors, or a load generator",
    keys: KEYS,
    read: |section| Ok(Box::new(Settings::read(section)?)),
};

const KEYS: &[Key] = &[
    Key {
        presence: Presence::Optional("`1s`, unless `rate` or `unlimited` is given"),
        meaning: "time between two readings of each sensor",
        ..EVERY
    },
    Key {
        name: "series",
        kind: Kind::Integer(1, 10_000_000),
        presence: Presence::Default("20"),
        meaning: "number of sensors",
        example: "1000",
        ..Key::NEW
    },
    Key {
        name: "seed",
        kind: Kind::Integer(0, i64::MAX),
        presence: Presence::Default("0"),
        meaning: "what makes it repeatable: the same seed gives the same readings at the same times, and with `rate` \
                  or `unlimited` the same records in the same order",
        example: "7",
        ..Key::NEW
    },
    Key {
        name: "rate",
        kind: Kind::Integer(1, 10_000_000),
        presence: Presence::Optional("none: each sensor reads once in `every`"),
        meaning: "records per second in all; what could not be sent in time is made up for",
        example: "1000",
        ..Key::NEW
    },
    Key {
        name: "unlimited",
        kind: Kind::Flag,
        presence: Presence::Default("false"),
        meaning: "records as fast as Kafka takes them",
        example: "true",
        ..Key::NEW
    },
    Key {
        name: "limit",
        kind: Kind::Integer(1, i64::MAX),
        presence: Presence::Optional("none"),
        meaning: "after so many records the source ends",
        example: "1000000",
        ..Key::NEW
    },
    Key {
        name: "skew",
        kind: Kind::Number(0.0, 10.0),
        presence: Presence::Optional("`0`: all alike"),
        meaning: "how much records crowd on few series: the exponent of Zipf's distribution",
        example: "1.1",
        ..Key::NEW
    },
    Key {
        name: "out_of_order",
        kind: SHARE,
        presence: Presence::Optional("`0`"),
        meaning: "share of the records that are up to `disorder` older than those around them",
        example: "0.1",
        ..Key::NEW
    },
    Key {
        name: "disorder",
        kind: Kind::Duration(LONGEST),
        presence: Presence::Optional("`5s`"),
        meaning: "how much older records out of order are at most",
        example: r#""2s""#,
        ..Key::NEW
    },
    Key {
        name: "late",
        kind: SHARE,
        presence: Presence::Optional("`0`"),
        meaning: "share of the records that are older than those around them by `late_by` to twice that",
        example: "0.01",
        ..Key::NEW
    },
    Key {
        name: "late_by",
        kind: Kind::Duration(LONGEST),
        presence: Presence::Optional("`1h`"),
        meaning: "how much older late records are at least",
        example: r#""10m""#,
        ..Key::NEW
    },
    Key {
        name: "bad",
        kind: SHARE,
        presence: Presence::Optional("`0`"),
        meaning: "share of the records that the parser rejects, for each of its reasons in turn",
        example: "0.001",
        ..Key::NEW
    },
];
