//! The lines of standard input.

use std::io::{self, BufReader, Stdin};

use async_trait::async_trait;
use tokio::sync::mpsc;

use super::SourceKind;
use super::file::{Lines, Next};
use crate::source::{Batch, Context, Cursor, Message, Open, Opened, Resume, Source, SourceError};

/// The kind `stdin`.
pub(super) const KIND: SourceKind = SourceKind {
    name: "stdin",
    meaning: "the lines of standard input, to its end",
    keys: &[],
    read: |_| Ok(Box::new(Settings)),
};

/// A batch ends with so many lines.
const MOST_LINES: usize = 1_000;
/// So many lines are read ahead.
const AHEAD: usize = 1_000;

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
        let (sender, lines) = mpsc::channel(AHEAD);
        // A thread of its own: nothing can wake it from its wait for a line, and nobody has to wait for its end.
        std::thread::spawn(move || read_all(&sender));
        Ok(Opened::new(StandardInput { lines, context, count: 0 }))
    }
}

fn read_all(sender: &mpsc::Sender<io::Result<Next>>) {
    let mut input: BufReader<Stdin> = BufReader::new(io::stdin());
    let mut lines = Lines::default();
    loop {
        let next = match lines.next(&mut input) {
            Ok(Next::End) => Ok(lines.last()),
            next => next,
        };
        let is_last = matches!(next, Ok(Next::End) | Err(_));
        if sender.blocking_send(next).is_err() || is_last {
            return;
        }
    }
}

/// Standard input, read ahead by a little.
struct StandardInput {
    lines: mpsc::Receiver<io::Result<Next>>,
    context: Context,
    count: u64,
}

#[async_trait]
impl Source for StandardInput {
    async fn next(&mut self) -> Result<Option<Batch>, SourceError> {
        let mut next = Vec::with_capacity(MOST_LINES);
        let received = self.lines.recv_many(&mut next, MOST_LINES).await;
        let mut batch = Batch::default();
        let mut has_ended = received == 0;
        for next in next {
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
                Ok(Next::End) => has_ended = true,
                Err(error) => {
                    return Err(SourceError::permanent(format!(
                        "cannot read standard input: {error}"
                    )));
                }
            }
        }
        Ok((!has_ended || !batch.messages.is_empty()).then_some(batch))
    }
}
