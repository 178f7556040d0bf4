//! Clocks: no event may be too far ahead of them, and none moves the watermark beyond them.

use super::Rejection;
use super::Stream;
use super::readings::EventTime;
use crate::wire::ReasonCode;

/// What an event time is compared with: Kafka's timestamp, which comes mostly from the sender, and this machine's
/// clock.
pub(super) struct Clock {
    /// This machine's time, epoch microseconds, when it is known.
    pub(super) now_us: Option<i64>,
    max_future_us: i64,
    /// Whether the watermark follows event times that are ahead.
    future_moves_watermark: bool,
}

impl Clock {
    pub(super) fn new(stream: &Stream) -> Self {
        Self {
            now_us: None,
            max_future_us: i64::try_from(stream.max_future.as_micros()).unwrap_or(i64::MAX),
            future_moves_watermark: stream.future_moves_watermark,
        }
    }

    /// The event time, with what it means for the watermark.
    ///
    /// # Errors
    ///
    /// `in_future` when it is too far ahead.
    pub(super) fn check(
        &self,
        time_us: i64,
        timestamp_us: Option<i64>,
    ) -> Result<EventTime, Rejection> {
        let clock_us = timestamp_us.into_iter().chain(self.now_us).min().unwrap_or(i64::MAX);
        let ahead_us = time_us.saturating_sub(clock_us);
        if ahead_us > self.max_future_us {
            let ahead = ahead_us / 1_000;
            let detail = format!("event time is {ahead} ms ahead of Kafka's timestamp or of now");
            return Err(Rejection::new(ReasonCode::InFuture, detail));
        }
        // One clock that runs ahead must not make the records of all others late.
        let watermark_us =
            if self.future_moves_watermark { time_us } else { time_us.min(clock_us) };
        Ok(EventTime { us: time_us, watermark_us })
    }
}
