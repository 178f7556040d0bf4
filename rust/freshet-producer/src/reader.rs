//! Asks one source again and again, and puts what it yields into its buffer.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use freshet_core::wire::ErrorKind;
use freshet_runtime::clock::epoch_ms;
use freshet_runtime::{Health, Shutdown};
use freshet_sources::{Batch, Context, Cursor, Open, Resume, Source, SourceError, SourceStatus};
use futures_util::FutureExt;

use crate::buffer::Buffer;
use crate::retries::Retries;

/// A source that is asked.
pub(crate) struct Reader {
    pub(crate) source: Box<dyn Source>,
    /// What it is opened with again after a fault in it.
    pub(crate) settings: Arc<dyn Open>,
    pub(crate) context: Context,
    /// Where it goes on after what it has yielded.
    pub(crate) cursor: Option<Cursor>,
    pub(crate) buffer: Arc<Buffer>,
    pub(crate) status: Arc<SourceStatus>,
    pub(crate) health: Arc<Health>,
    pub(crate) shutdown: Shutdown,
}

impl Reader {
    /// Reads until the source ends, it fails for good (which is the error), or the shutdown is requested. A source
    /// whose failure may pass is asked again, for ever.
    pub(crate) async fn run(mut self) -> Result<(), String> {
        let outcome = self.read().await;
        if outcome.is_ok()
            && let Some(batch) = self.source.leave()
        {
            self.take_in(batch).await;
        }
        self.buffer.close();
        match &outcome {
            Ok(()) => self.status.ended(),
            Err(reason) => self.status.failed(reason),
        }
        outcome
    }

    async fn take_in(&mut self, mut batch: Batch) {
        let arrived = Some(epoch_ms());
        for message in &mut batch.messages {
            message.arrived = arrived;
            self.health.record_in(message.payload.len());
            self.status.message_in(message.payload.len());
        }
        self.buffer.push(batch, &self.shutdown).await;
    }

    async fn read(&mut self) -> Result<(), String> {
        let mut retries = Retries::new(Instant::now());
        let shutdown = self.shutdown.clone();
        loop {
            let next = tokio::select! {
                biased;
                () = shutdown.requested() => return Ok(()),
                // What a panic leaves of it is given up together with its source.
                next = AssertUnwindSafe(self.source.next()).catch_unwind() => next,
            };
            let next = next.unwrap_or_else(|fault| Err(self.open_again(words(fault.as_ref()))));
            match next {
                Ok(Some(batch)) => {
                    self.status.heard();
                    self.cursor = batch.cursor.clone().or(self.cursor.take());
                    self.take_in(batch).await;
                }
                Ok(None) => return Ok(()),
                // Whoever runs the source counts it.
                Err(SourceError::Permanent(reason)) => return Err(reason),
                Err(
                    SourceError::Transient { reason, retry_after }
                    | SourceError::Refused { reason, retry_after },
                ) => {
                    let source = self.status.source();
                    self.health.failed(ErrorKind::Source, &format!("source {source}: {reason}"));
                    self.status.reconnecting(&reason);
                    shutdown.sleep(retries.delay(Instant::now(), retry_after)).await;
                    retries.tried_again(Instant::now());
                }
            }
        }
    }

    /// After a fault nothing is known of the source: it is opened anew where it was. One that is told of delivery is
    /// given up, because what tells it knows the old one only.
    fn open_again(&mut self, fault: &str) -> SourceError {
        let reason = format!("a fault in the source: {fault}");
        if self.settings.resume() == Resume::Acknowledgement {
            return SourceError::Permanent(reason);
        }
        match self.settings.open(self.context.clone(), self.cursor.as_ref()) {
            Ok(opened) => self.source = opened.source,
            Err(error) => return SourceError::Permanent(error.to_string()),
        }
        if self.settings.resume() == Resume::None {
            self.status.gap("what the source had received when it had a fault is lost");
        }
        SourceError::transient(reason)
    }
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason given")
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use async_trait::async_trait;
    use freshet_core::wire::Component;
    use freshet_sources::{Batch, Message, Opened, WhenFull};

    use super::*;

    /// What the source does, one after the other, each time that it is asked; at the end it asks for the stop.
    #[derive(Debug)]
    struct Script {
        resume: Resume,
        steps: Mutex<Vec<Step>>,
        /// Where it was opened.
        opened: Mutex<Vec<Option<u64>>>,
    }

    #[derive(Debug, Clone, Copy)]
    enum Step {
        Message(u64),
        Failure,
        Panic,
    }

    struct Scripted {
        script: Arc<Script>,
        shutdown: Shutdown,
    }

    impl Scripted {
        fn answer(&self) -> Result<Option<Batch>, SourceError> {
            let step = {
                let mut steps = self.script.steps.lock().unwrap();
                let step = steps.pop().unwrap();
                if steps.is_empty() {
                    self.shutdown.trigger();
                }
                step
            };
            match step {
                Step::Message(number) => {
                    let message = Message { payload: b"{}".to_vec(), ..Message::default() };
                    let cursor = Cursor::new(&number).ok();
                    Ok(Some(Batch { messages: vec![message], cursor, number }))
                }
                Step::Failure => Err(SourceError::transient("the server has hung up")),
                Step::Panic => panic!("an index out of bounds"),
            }
        }
    }

    #[async_trait]
    impl Source for Scripted {
        async fn next(&mut self) -> Result<Option<Batch>, SourceError> {
            self.answer()
        }
    }

    #[derive(Debug)]
    struct Settings(Arc<Script>);

    #[async_trait]
    impl Open for Settings {
        fn resume(&self) -> Resume {
            self.0.resume
        }

        fn can_wait(&self) -> bool {
            true
        }

        async fn check(&self, _: &Context) -> Result<(), SourceError> {
            Ok(())
        }

        fn open(&self, context: Context, cursor: Option<&Cursor>) -> Result<Opened, SourceError> {
            let cursor = cursor.map(|cursor| cursor.read().unwrap());
            self.0.opened.lock().unwrap().push(cursor);
            let script = Arc::clone(&self.0);
            Ok(Opened::new(Scripted { script, shutdown: context.shutdown }))
        }
    }

    /// What became of a source that does this, where it was opened, and its state.
    async fn read(
        resume: Resume,
        steps: &[Step],
    ) -> (Result<(), String>, Vec<Option<u64>>, Arc<SourceStatus>) {
        let steps = Mutex::new(steps.iter().rev().copied().collect());
        let script = Arc::new(Script { resume, steps, opened: Mutex::default() });
        let (status, shutdown) = (Arc::new(SourceStatus::new("test")), Shutdown::new());
        let context = Context {
            name: "test".to_owned(),
            status: Arc::clone(&status),
            shutdown: shutdown.clone(),
        };
        let settings = Arc::new(Settings(Arc::clone(&script)));
        let source = settings.open(context.clone(), None).unwrap().source;
        let buffer = Buffer::new(1 << 20, WhenFull::DropOldest, Arc::clone(&status), None);
        let reader = Reader {
            source,
            settings,
            context,
            cursor: None,
            buffer: Arc::new(buffer),
            status: Arc::clone(&status),
            health: Arc::new(Health::new(Component::Producer)),
            shutdown,
        };
        let ended = reader.run().await;
        let opened = script.opened.lock().unwrap().clone();
        (ended, opened, status)
    }

    #[tokio::test]
    async fn a_message_is_no_proof_that_a_connection_lasts() {
        let steps: Vec<Step> =
            (0..4).flat_map(|number| [Step::Message(number), Step::Failure]).collect();
        let started = Instant::now();
        let (ended, _, status) =
            read(Resume::Cursor, &[&steps[..], &[Step::Message(4)]].concat()).await;
        assert_eq!(ended, Ok(()));
        assert_eq!(status.report().messages_in, 5);
        // Each delay is half of its limit at least: 125, 250, 500 and 1,000 ms.
        assert!(started.elapsed() >= Duration::from_millis(1_875), "{:?}", started.elapsed());
    }

    #[tokio::test]
    async fn after_a_fault_the_source_is_opened_where_it_was() {
        let steps =
            [Step::Message(1), Step::Message(2), Step::Panic, Step::Panic, Step::Message(3)];
        let (ended, opened, status) = read(Resume::Cursor, &steps).await;
        assert_eq!((ended, opened), (Ok(()), vec![None, Some(2), Some(2)]));
        let report = status.report();
        assert_eq!((report.messages_in, report.gaps), (3, 0));
        let reason = "a fault in the source: an index out of bounds";
        assert_eq!(report.last_error.unwrap(), reason);

        let (ended, _, status) = read(Resume::None, &steps).await;
        assert_eq!((ended, status.report().gaps), (Ok(()), 2));
        let (ended, ..) = read(Resume::Acknowledgement, &steps).await;
        assert_eq!(ended, Err(reason.to_owned()));
    }
}
