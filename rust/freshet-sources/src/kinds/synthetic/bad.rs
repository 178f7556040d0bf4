//! Records that the parser rejects, one for each reason that it knows of a JSON stream.
//!
//! The reasons hold where the stream's `series` is `sensor`, its `time` is `time` in milliseconds, and its metric is
//! `temperature`.

use freshet_core::wire::ReasonCode;

/// The reasons, in the order in which they take turns.
const REASONS: [ReasonCode; 10] = [
    ReasonCode::InvalidJson,
    ReasonCode::MissingTime,
    ReasonCode::InvalidValue,
    ReasonCode::InvalidUtf8,
    ReasonCode::MissingSeries,
    ReasonCode::MissingValue,
    ReasonCode::InvalidTime,
    ReasonCode::TooLarge,
    ReasonCode::TooDeep,
    ReasonCode::InFuture,
];

/// Longer than a series id may be.
const LONG: usize = 1_025;
/// With the record itself one level more than may be.
const DEEP: usize = 64;
/// A byte that no text has.
const NO_UTF8: u8 = 0xff;
/// Further ahead than any `max_future` that is of use.
const YEARS_AHEAD_MS: i64 = 2 * 366 * 86_400_000;

/// The reason whose turn it is.
pub(super) fn reason(turn: u64) -> ReasonCode {
    let turn = usize::try_from(turn % REASONS.len() as u64);
    REASONS[turn.unwrap_or_default()]
}

/// Writes a record of that sensor and time that is rejected for that reason.
pub(super) fn write(reason: ReasonCode, sensor: &str, time: i64, into: &mut Vec<u8>) {
    let good = format!(r#""time":{time},"sensor":"{sensor}","temperature":21.35"#);
    let text = match reason {
        ReasonCode::MissingTime => format!(r#"{{"sensor":"{sensor}","temperature":21.35}}"#),
        ReasonCode::InvalidValue => {
            format!(r#"{{"time":{time},"sensor":"{sensor}","temperature":"warm"}}"#)
        }
        ReasonCode::MissingSeries => format!(r#"{{"time":{time},"temperature":21.35}}"#),
        ReasonCode::MissingValue => format!(r#"{{"time":{time},"sensor":"{sensor}"}}"#),
        ReasonCode::InvalidTime => {
            format!(r#"{{"time":"soon","sensor":"{sensor}","temperature":21.35}}"#)
        }
        ReasonCode::TooLarge => {
            let long = "x".repeat(LONG);
            format!(r#"{{"time":{time},"sensor":"{long}","temperature":21.35}}"#)
        }
        ReasonCode::TooDeep => {
            format!("{{{good},\"deep\":{}{}}}", "[".repeat(DEEP), "]".repeat(DEEP))
        }
        ReasonCode::InFuture => {
            let ahead = time + YEARS_AHEAD_MS;
            format!(r#"{{"time":{ahead},"sensor":"{sensor}","temperature":21.35}}"#)
        }
        ReasonCode::InvalidUtf8 => {
            into.push(NO_UTF8);
            format!("{{{good}}}")
        }
        // Cut off.
        _ => format!("{{{good}"),
    };
    into.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use freshet_core::config::Config;
    use freshet_core::record::{RawRecord, Readings, RecordParser};

    use super::*;

    const NOON: i64 = 1_700_049_600_000;
    const STREAM: &str = "[[stream]]\nname = \"sensors\"\nwindows = [\"10s\"]\nseries = [\"sensor\"]\n\
                          time = { field = \"time\", unit = \"ms\" }\nvalues = { t = \"temperature\" }\n";

    #[test]
    fn each_record_is_rejected_for_its_reason() {
        let config = Config::parse(STREAM, Path::new("test.toml"), BTreeMap::new()).unwrap();
        let mut parser = RecordParser::new(&config.streams[0]);
        for reason in REASONS {
            let mut value = Vec::new();
            write(reason, "sensor-01", NOON, &mut value);
            let record = RawRecord {
                key: None,
                value: Some(&value),
                timestamp_ms: Some(NOON),
                ..RawRecord::default()
            };
            let rejected = parser.parse(&record, &mut Readings::default()).unwrap_err().reason;
            assert_eq!(rejected, reason);
        }
    }

    #[test]
    fn a_reason_of_every_kind_has_its_turn() {
        let mut turns: Vec<&str> = (0..20).map(|turn| reason(turn).code()).collect();
        turns.sort_unstable();
        turns.dedup();
        assert_eq!(turns.len(), REASONS.len());
    }
}
