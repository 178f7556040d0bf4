//! Lines at the pace of their own event times.

use std::io;
use std::time::Duration;

use freshet_runtime::log_limit::LogLimit;
use tokio::time::Instant;

use super::event_time::EventTime;
use super::lines::Next;
use super::once::Step;
use super::pace::Pace;
use super::{OpenFile, Settings, add, is_message};
use crate::kinds::{BATCH_BYTES, BATCH_MESSAGES};
use crate::source::{Batch, Context, Cursor};

/// Complaints about lines without a time come in storms.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(10);

/// How a file is replayed.
#[derive(Debug, Clone)]
pub(super) struct Speed {
    /// Times as fast as the records were.
    pub(super) factor: f64,
    pub(super) max_pause: Duration,
    pub(super) time: EventTime,
}

/// A replay that goes on.
pub(super) struct Replay {
    speed: Speed,
    pace: Pace,
    /// The column of the time in lines of CSV, once the file is open.
    column: Option<usize>,
    /// The line that was read and is not due yet.
    held: Option<Held>,
    complaints: LogLimit,
}

struct Held {
    next: Next,
    /// Where the file is gone on at, as long as the line is not handed on.
    before: super::Position,
    line: u64,
    due: Instant,
}

impl Replay {
    pub(super) fn new(speed: Speed) -> Self {
        let pace = Pace::new(speed.factor, speed.max_pause);
        let complaints = LogLimit::every(COMPLAINT_INTERVAL);
        Self { speed, pace, column: None, held: None, complaints }
    }

    /// Begins with a file that was opened, perhaps in its middle.
    pub(super) fn begin(&mut self, settings: &Settings) -> io::Result<()> {
        self.held = None;
        self.column = column(&self.speed.time, settings)?;
        Ok(())
    }

    /// The lines that are due now.
    pub(super) fn read(
        &mut self,
        file: &mut OpenFile,
        settings: &Settings,
        context: &Context,
        now: Instant,
    ) -> io::Result<Step> {
        let mut batch = Batch::default();
        let (mut bytes, mut is_empty) = (0, true);
        let mut end = Step::End;
        let mut position = None;
        while batch.messages.len() < BATCH_MESSAGES && bytes < BATCH_BYTES {
            let held = match self.held.take() {
                Some(held) => Ok(held),
                None => self.hold(file, settings, context, now),
            };
            let held = file.behind_lines(held, !batch.messages.is_empty())?;
            let Some(held) = held.filter(|held| held.next != Next::End) else { break };
            if held.due > now {
                end = Step::Wait(held.due);
                position = Some(held.before);
                self.held = Some(held);
                break;
            }
            bytes += add(&mut batch, held.next, held.line, settings, &context.status);
            is_empty = false;
        }
        if is_empty {
            return Ok(end);
        }
        batch.cursor = Some(Cursor::new(&position.unwrap_or_else(|| file.position()))?);
        Ok(Step::Batch(batch))
    }

    /// Reads a line, and when it is due.
    fn hold(
        &mut self,
        file: &mut OpenFile,
        settings: &Settings,
        context: &Context,
        now: Instant,
    ) -> io::Result<Held> {
        let before = file.position();
        let next = match file.next()? {
            Next::End => file.last(),
            next => next,
        };
        let line = file.line();
        let time = match &next {
            Next::Line(payload) if is_message(payload, line, settings) => {
                let time = self.speed.time.read(payload, self.column);
                if time.is_none() {
                    self.complain(line, context);
                }
                time
            }
            _ => None,
        };
        Ok(Held { next, before, line, due: self.pace.due(time, now) })
    }

    fn complain(&self, line: u64, context: &Context) {
        if let Some(held_back) = self.complaints.permit() {
            tracing::warn!(
                source = context.name,
                line,
                held_back,
                "a line has no time that can be read at `time_field`, and is sent with the one before; check \
                 `time_field` and `time_unit`"
            );
        }
    }
}

/// Says what is wrong where the first message has no time.
pub(super) fn check(speed: &Speed, settings: &Settings) -> io::Result<()> {
    let column = column(&speed.time, settings)?;
    let mut file = OpenFile::open(&settings.path, settings.compression)?;
    loop {
        let next = match file.next()? {
            Next::End => file.last(),
            next => next,
        };
        match next {
            Next::End => return Ok(()),
            Next::Line(payload) if is_message(&payload, file.line(), settings) => {
                if speed.time.read(&payload, column).is_some() {
                    return Ok(());
                }
                let (line, field) = (file.line(), speed.time.field.name());
                let unit = &speed.time.unit;
                return Err(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    format!(
                        "line {line} has no time in '{unit}' at '{field}'; check `time_field` and `time_unit`"
                    ),
                ));
            }
            Next::Line(_) | Next::TooLong => {}
        }
    }
}

/// The column of the time, by the last of the lines that are no messages.
fn column(time: &EventTime, settings: &Settings) -> io::Result<Option<usize>> {
    let mut header = None;
    if settings.skip_lines > 0 {
        let mut file = OpenFile::open(&settings.path, settings.compression)?;
        for _ in 0..settings.skip_lines {
            header = match file.next()? {
                Next::Line(line) => Some(line),
                Next::TooLong => None,
                Next::End => break,
            };
        }
    }
    Ok(time.column(header.as_deref()))
}
