//! A file that is read to its end.

use std::io;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::{Instant, sleep_until};

use super::replay::Replay;
use super::{OpenFile, Position, Settings, read_batch, read_last};
use crate::source::{Batch, Context, Source, SourceError};

/// A pause of a replay that somebody might take for its end.
const LONG_PAUSE: Duration = Duration::from_mins(1);

/// Reads a file to its end.
pub(super) struct Once {
    settings: Settings,
    context: Context,
    position: Option<Position>,
    file: Option<OpenFile>,
    /// What keeps the pace, where there is one.
    replay: Option<Replay>,
    has_ended: bool,
}

/// What a look at the file has given.
#[derive(Debug, PartialEq)]
pub(super) enum Step {
    Batch(Batch),
    /// Nothing is due before.
    Wait(Instant),
    End,
}

impl Once {
    pub(super) fn new(settings: Settings, context: Context, position: Option<Position>) -> Self {
        let replay = settings.speed.clone().map(Replay::new);
        Self { settings, context, position, file: None, replay, has_ended: false }
    }

    fn open(&mut self) -> io::Result<OpenFile> {
        let Settings { path, compression, .. } = &self.settings;
        if let Some(position) = self.position {
            if let Some(file) = OpenFile::open_at(path, *compression, &position)? {
                return Ok(file);
            }
            tracing::info!(
                source = self.context.name,
                "another file than before; it is read from its beginning"
            );
            self.position = None;
        }
        OpenFile::open(path, *compression)
    }

    fn begin(&mut self) -> io::Result<OpenFile> {
        let file = self.open()?;
        if let Some(replay) = &mut self.replay {
            replay.begin(&self.settings)?;
        }
        Ok(file)
    }

    /// What there is at that time.
    pub(super) fn read(&mut self, now: Instant) -> io::Result<Step> {
        if self.has_ended {
            return Ok(Step::End);
        }
        let mut file = match self.file.take() {
            Some(file) => file,
            None => self.begin()?,
        };
        let step = match &mut self.replay {
            Some(replay) => replay.read(&mut file, &self.settings, &self.context, now)?,
            None => read_on(&mut file, &self.settings, &self.context)?,
        };
        self.has_ended = step == Step::End;
        self.context.status.progressed(file.progress());
        if let Step::Batch(Batch { cursor: Some(cursor), .. }) = &step {
            self.position = Some(cursor.read()?);
        }
        self.file = Some(file);
        Ok(step)
    }
}

/// What is there, as fast as it goes.
fn read_on(file: &mut OpenFile, settings: &Settings, context: &Context) -> io::Result<Step> {
    let batch = match read_batch(file, settings, &context.status)? {
        Some(batch) => Some(batch),
        None => read_last(file, settings, &context.status)?,
    };
    Ok(batch.map_or(Step::End, Step::Batch))
}

#[async_trait]
impl Source for Once {
    async fn next(&mut self) -> Result<Option<Batch>, SourceError> {
        loop {
            // A disk that does not answer must not hold up the other sources.
            let step = tokio::task::block_in_place(|| self.read(Instant::now()));
            match step {
                Ok(Step::Batch(batch)) => return Ok(Some(batch)),
                Ok(Step::Wait(due)) => {
                    announce(due, &self.context.name);
                    self.context.status.connected();
                    // What is held stays held, if nobody waits any longer.
                    sleep_until(due).await;
                }
                Ok(Step::End) => return Ok(None),
                Err(error) => {
                    // It is opened again where the last batch ended.
                    self.file = None;
                    return Err(self.settings.unreadable(&error));
                }
            }
        }
    }
}

/// Says that a pause is none that would end soon.
fn announce(due: Instant, source: &str) {
    let pause = due - Instant::now();
    if pause >= LONG_PAUSE {
        tracing::info!(source, seconds = pause.as_secs(), "no record is due for a while");
    }
}
