//! The lines of standard input.

use std::io::{self, BufReader, Read};
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::mpsc;

use super::file::{Lines, Next};
use super::{BATCH_BYTES, BATCH_MESSAGES, SourceKind};
use crate::SourceStatus;
use crate::source::{Batch, Context, Cursor, Message, Open, Opened, Resume, Source, SourceError};

/// The kind `stdin`.
pub(super) const KIND: SourceKind = SourceKind {
    name: "stdin",
    meaning: "the lines of standard input, to its end",
    keys: &[],
    read: |_| Ok(Box::new(Settings)),
};

#[derive(Debug)]
struct Settings;

#[async_trait]
impl Open for Settings {
    fn resume(&self) -> Resume {
        Resume::None
    }

    fn can_wait(&self) -> bool {
        true
    }

    async fn check(&self, _: &Context) -> Result<(), SourceError> {
        Ok(())
    }

    fn open(&self, context: Context, _: Option<&Cursor>) -> Result<Opened, SourceError> {
        // One waits while the next one is read.
        let (sender, lines) = mpsc::channel(1);
        let status = Arc::clone(&context.status);
        // A thread of its own: nothing can wake it from its wait for a line, and nobody has to wait for its end.
        std::thread::spawn(move || read_all(io::stdin(), &sender, &status));
        Ok(Opened::new(StandardInput { lines, context, count: 0, failure: None }))
    }
}

/// Lines that came together, the last of which may be the end, or a failure.
type Ahead = Vec<io::Result<Next>>;

fn read_all(input: impl Read, sender: &mpsc::Sender<Ahead>, status: &SourceStatus) {
    let mut input = BufReader::new(input);
    let mut lines = Lines::default();
    loop {
        let ahead = read_ahead(&mut input, &mut lines);
        let is_last = matches!(ahead.last(), Some(Ok(Next::End) | Err(_)));
        if let Err(mpsc::error::SendError(ahead)) = sender.blocking_send(ahead) {
            let lines = ahead.iter().filter(|next| matches!(next, Ok(Next::Line(_)))).count();
            status.dropped(lines as u64, "the producer was stopped when they had been read");
            return;
        }
        if is_last {
            return;
        }
    }
}

/// What can be read without waiting, at least one line, and no more than a batch.
fn read_ahead(input: &mut BufReader<impl Read>, lines: &mut Lines) -> Ahead {
    let mut ahead = Vec::new();
    let mut bytes = 0;
    loop {
        let next = match lines.next(input) {
            Ok(Next::End) => Ok(lines.last()),
            next => next,
        };
        let is_last = matches!(next, Ok(Next::End) | Err(_));
        if let Ok(Next::Line(line)) = &next {
            bytes += line.len();
        }
        ahead.push(next);
        let is_full = bytes >= BATCH_BYTES || ahead.len() >= BATCH_MESSAGES;
        if is_last || is_full || memchr::memchr(b'\n', input.buffer()).is_none() {
            return ahead;
        }
    }
}

/// Standard input, read ahead by a little.
struct StandardInput {
    lines: mpsc::Receiver<Ahead>,
    context: Context,
    count: u64,
    /// What is told once what came before is handed over.
    failure: Option<io::Error>,
}

impl StandardInput {
    fn batch(&mut self, ahead: Ahead) -> Batch {
        let mut batch = Batch::default();
        for next in ahead {
            self.count += 1;
            let place = format!("line {}", self.count);
            match next {
                Ok(Next::Line(payload)) if payload.is_empty() => {}
                Ok(Next::Line(payload)) => {
                    batch.messages.push(Message {
                        payload,
                        place: Some(place),
                        ..Message::default()
                    });
                }
                Ok(Next::TooLong) => {
                    self.context.status.dropped(1, &format!("{place} is longer than 1 MiB"));
                }
                Ok(Next::End) => {}
                Err(error) => self.failure = Some(error),
            }
        }
        batch
    }
}

#[async_trait]
impl Source for StandardInput {
    async fn next(&mut self) -> Result<Option<Batch>, SourceError> {
        if let Some(error) = self.failure.take() {
            return Err(SourceError::permanent(format!("cannot read standard input: {error}")));
        }
        let Some(ahead) = self.lines.recv().await else { return Ok(None) };
        Ok(Some(self.batch(ahead)))
    }

    fn leave(&mut self) -> Option<Batch> {
        let ahead = self.lines.try_recv().ok()?;
        Some(self.batch(ahead))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use freshet_runtime::Shutdown;

    /// Lines of half a MiB.
    fn lines(count: usize) -> Vec<u8> {
        let mut text = Vec::new();
        for _ in 0..count {
            text.extend(std::iter::repeat_n(b'x', 512 << 10));
            text.push(b'\n');
        }
        text
    }

    fn source(lines: mpsc::Receiver<Ahead>, status: &Arc<SourceStatus>) -> StandardInput {
        let context = Context {
            name: "stdin".to_owned(),
            status: Arc::clone(status),
            shutdown: Shutdown::new(),
        };
        StandardInput { lines, context, count: 0, failure: None }
    }

    #[tokio::test]
    async fn what_is_read_ahead_is_bounded_in_bytes_and_handed_over_or_counted_at_the_stop() {
        const LINES: usize = 40;
        let status = Arc::new(SourceStatus::new("stdin"));
        let (sender, receiver) = mpsc::channel(1);
        let mut source = source(receiver, &status);
        let told = Arc::clone(&status);
        let reading = std::thread::spawn(move || {
            let text = lines(LINES);
            let mut input = &text[..];
            read_all(&mut input, &sender, &told);
            input.split(|byte| *byte == b'\n').count() - 1
        });
        let first = source.next().await.unwrap().unwrap();
        assert!(first.messages.len() <= 3, "{}", first.messages.len());
        let left = source.leave().map_or(0, |batch| batch.messages.len());
        drop(source);
        let unread = reading.join().unwrap();
        let accounted = first.messages.len() + left + unread;
        let dropped = usize::try_from(status.report().dropped).unwrap();
        // A line of which a part is in the reader's buffer was not read.
        assert!((LINES - 1..=LINES).contains(&(accounted + dropped)), "{accounted} and {dropped}");
        assert!(unread >= LINES - 10, "{unread}");
    }

    #[tokio::test]
    async fn what_came_before_a_failure_is_handed_over_first() {
        let status = Arc::new(SourceStatus::new("stdin"));
        let (sender, receiver) = mpsc::channel(1);
        let mut source = source(receiver, &status);
        let failure = io::Error::other("the disk is gone");
        sender.send(vec![Ok(Next::Line(b"a".to_vec())), Err(failure)]).await.unwrap();
        assert_eq!(source.next().await.unwrap().unwrap().messages[0].payload, b"a");
        let error = source.next().await.unwrap_err();
        assert_eq!(error.to_string(), "cannot read standard input: the disk is gone");
    }
}
