//! All sensors' readings, once per tick.

use std::time::Duration;

use async_trait::async_trait;
use freshet_runtime::clock::epoch_ms;
use tokio::time::Interval;

use super::sensor::Sensor;
use crate::kinds::schedule;
use crate::source::{Batch, Message, Source, SourceError};

/// The sensors.
pub(super) struct Fleet {
    ticks: Interval,
    sensors: Vec<Sensor>,
    /// How many records are left until the source ends.
    left: u64,
}

impl Fleet {
    pub(super) fn new(every: Duration, sensors: u32, seed: u64, limit: u64) -> Self {
        Self {
            ticks: schedule(every),
            sensors: (1..=sensors).map(|number| Sensor::new(seed, number)).collect(),
            left: limit,
        }
    }
}

#[async_trait]
impl Source for Fleet {
    async fn next(&mut self) -> Result<Option<Batch>, SourceError> {
        if self.left == 0 {
            return Ok(None);
        }
        self.ticks.tick().await;
        let time = epoch_ms();
        let count = usize::try_from(self.left).unwrap_or(usize::MAX);
        let messages: Vec<Message> = (self.sensors.iter().take(count))
            .map(|sensor| sensor.message(time))
            .collect::<Result<_, _>>()?;
        self.left -= messages.len() as u64;
        Ok(Some(Batch { messages, ..Batch::default() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_tick_has_all_sensors_until_the_limit_is_reached() {
        let mut fleet = Fleet::new(Duration::from_millis(1), 3, 7, 8);
        let mut batches = Vec::new();
        while let Some(batch) = fleet.next().await.unwrap() {
            batches.push(batch.messages.iter().map(|one| one.key.clone().unwrap()).collect());
        }
        let all = vec!["sensor-01", "sensor-02", "sensor-03"];
        let expected: [Vec<&str>; 3] = [all.clone(), all.clone(), all[..2].to_vec()];
        let batches: Vec<Vec<String>> = batches;
        assert_eq!(batches, expected);
    }
}
