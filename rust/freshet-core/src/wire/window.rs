//! Window messages: one version of one window, in the `windows.<stream>` topic.

use serde::{Deserialize, Deserializer, Serialize};
use thiserror::Error;

use crate::window::WindowSpec;

/// One version of one window of one series. Times are epoch milliseconds. Fields that it does not know are ignored, so
/// that a newer job can add some.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WindowMessage {
    /// The stream.
    pub stream: String,
    /// The series id.
    pub series: String,
    /// The metric.
    pub metric: String,
    /// The kind of window, such as `10s` or `5m/1m`.
    pub window: String,
    /// First instant of the window.
    pub start: i64,
    /// First instant after the window.
    pub end: i64,
    /// Number of readings.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// Their mean.
    pub avg: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
    /// Population standard deviation.
    pub stddev: f64,
    /// Median: the reading of rank `ceil(0.5 * count)`, exact while a window holds at most 32, else within 1 % of it.
    pub p50: f64,
    /// 95th percentile, likewise.
    pub p95: f64,
    /// 99th percentile, likewise.
    pub p99: f64,
    /// Event time of the newest reading.
    pub last_event: i64,
    /// The stream's generation when this was computed.
    pub generation: u32,
    /// Version of the window within its generation: the number of readings, which only grows.
    pub revision: u64,
    /// When this version was computed.
    pub emitted: i64,
    /// Whether the window is known to hold only a part of its readings, since its kind was added while it was open.
    #[serde(default, deserialize_with = "null_is_false", skip_serializing_if = "is_false")]
    pub partial: bool,
}

/// The bytes are not a window message that can be stored.
#[derive(Debug, Error)]
pub enum InvalidWindowMessage {
    /// No JSON of the right shape.
    #[error("not a window message: {0}")]
    Shape(#[from] serde_json::Error),
    /// Fields that contradict each other.
    #[error("not a window: {0}")]
    Content(String),
}

fn null_is_false<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(false))
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// Bits of the write timestamp below the generation: more readings than a window of one series holds.
const REVISION_BITS: u32 = 30;

impl WindowMessage {
    /// Reads a message and checks that its fields agree.
    ///
    /// # Errors
    ///
    /// [`InvalidWindowMessage`] when it cannot be a version of a window.
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidWindowMessage> {
        let message: Self = serde_json::from_slice(bytes)?;
        message.check().map_err(InvalidWindowMessage::Content)?;
        Ok(message)
    }

    fn check(&self) -> Result<(), String> {
        let spec: WindowSpec =
            self.window.parse().map_err(|error: crate::window::InvalidWindow| error.to_string())?;
        if self.end.checked_sub(self.start) != Some(spec.size_ms()) {
            return Err(format!("{}..{} is not {} long", self.start, self.end, self.window));
        }
        if self.start.rem_euclid(spec.slide_ms()) != 0 {
            return Err(format!("{} is not aligned to {}", self.start, self.window));
        }
        if self.count == 0 || self.revision == 0 {
            return Err("it has no readings".to_owned());
        }
        for (name, part) in
            [("stream", &self.stream), ("series", &self.series), ("metric", &self.metric)]
        {
            if part.is_empty() {
                return Err(format!("'{name}' is empty"));
            }
        }
        Ok(())
    }

    /// The Kafka key: all versions of a window share it.
    pub fn key(&self) -> String {
        format!("{}|{}|{}|{}", self.series, self.metric, self.window, self.start)
    }

    /// The Cassandra write timestamp, in microseconds: near the end of the window, so that time-window compaction sees
    /// real times, and greater for every newer version, so that an older one never overwrites it.
    pub fn write_timestamp_micros(&self) -> i64 {
        let revision = i64::try_from(self.revision).unwrap_or(i64::MAX);
        self.end
            .saturating_mul(1_000)
            .saturating_add(i64::from(self.generation) << REVISION_BITS)
            .saturating_add(revision)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> WindowMessage {
        WindowMessage {
            stream: "host".into(),
            series: "laptop/cpu".into(),
            metric: "usage".into(),
            window: "10s".into(),
            start: 1_700_000_000_000,
            end: 1_700_000_010_000,
            count: 10,
            sum: 100.0,
            avg: 10.0,
            min: 1.0,
            max: 20.0,
            stddev: 2.0,
            p50: 10.0,
            p95: 19.0,
            p99: 20.0,
            last_event: 1_700_000_009_000,
            generation: 0,
            revision: 10,
            emitted: 1_700_000_010_500,
            partial: false,
        }
    }

    #[test]
    fn survives_the_wire() {
        let bytes = serde_json::to_vec(&message()).unwrap();
        assert_eq!(WindowMessage::parse(&bytes).unwrap(), message());
    }

    #[test]
    fn a_window_is_partial_only_where_the_message_says_so() {
        let whole = serde_json::to_value(message()).unwrap();
        assert_eq!(whole.get("partial"), None);
        for (said, partial) in [("null", false), ("false", false), ("true", true)] {
            let mut said_so = whole.clone();
            said_so["partial"] = serde_json::from_str(said).unwrap();
            let parsed = WindowMessage::parse(said_so.to_string().as_bytes()).unwrap();
            assert_eq!(parsed, WindowMessage { partial, ..message() }, "{said}");
            assert_eq!(serde_json::to_value(&parsed).unwrap()["partial"] == true, partial);
        }
        let mut odd = whole;
        odd["partial"] = "yes".into();
        assert!(WindowMessage::parse(odd.to_string().as_bytes()).is_err());
    }

    #[test]
    fn refuses_what_cannot_be_a_window() {
        let broken: [fn(&mut WindowMessage); 5] = [
            |m| m.end += 1,
            |m| m.start = i64::MIN,
            |m| m.window = "10".into(),
            |m| m.count = 0,
            |m| m.series.clear(),
        ];
        for breaks in broken {
            let mut message = message();
            breaks(&mut message);
            assert!(
                WindowMessage::parse(&serde_json::to_vec(&message).unwrap()).is_err(),
                "{message:?}"
            );
        }
        assert!(WindowMessage::parse(b"{}").is_err());
    }

    #[test]
    fn newer_versions_have_greater_write_timestamps() {
        let older = message();
        let newer = WindowMessage { revision: 11, ..message() };
        let corrected = WindowMessage { generation: 1, revision: 1, ..message() };
        assert!(older.write_timestamp_micros() < newer.write_timestamp_micros());
        assert!(newer.write_timestamp_micros() < corrected.write_timestamp_micros());
    }
}
