//! The stack that most tests share, with what was sent into it so far.

use std::fs;
use std::sync::{Mutex, MutexGuard, PoisonError};

use freshet_dev::state::now_ms;
use libtest_mimic::Failed;

use crate::cassandra::Store;
use crate::feed::Feed;
use crate::kafka::Sender;
use crate::process;
use crate::stack::{TestStack, project};
use crate::waiting::{LIMIT, until};

/// A running stack and the account of the records in it.
pub(crate) struct Lab {
    pub(crate) stack: TestStack,
    pub(crate) feed: Feed,
}

static LAB: Mutex<Option<Lab>> = Mutex::new(None);

/// The one lab, for a test that uses it.
pub(crate) struct Use(MutexGuard<'static, Option<Lab>>);

impl Use {
    /// The lab; its stack is running, started if need be.
    pub(crate) fn running() -> Result<Self, Failed> {
        let mut lab = LAB.lock().unwrap_or_else(PoisonError::into_inner);
        if lab.is_none() {
            *lab = Some(Lab { stack: TestStack::new(false)?, feed: Feed::new(now_ms()) });
        }
        let mut this = Self(lab);
        if this.get().stack.status()?["running"] != true {
            this.get().stack.start()?;
        }
        Ok(this)
    }

    pub(crate) fn get(&mut self) -> &mut Lab {
        self.0.as_mut().unwrap()
    }
}

impl Lab {
    /// Sends records of the next seconds of event time, with something happening in their midst, and waits until the
    /// rows are what they must be.
    pub(crate) fn feed_while(
        &mut self,
        seconds: i64,
        happening: impl FnOnce(&TestStack) -> Result<(), Failed>,
    ) -> Result<(), Failed> {
        let sender = Sender::new(&self.stack, "known")?;
        let records = self.feed.next(seconds);
        let (before, after) = records.split_at(records.len() / 2);
        sender.send(before)?;
        happening(&self.stack)?;
        sender.send(after)?;
        sender.flush()?;
        self.rows_match()
    }

    /// Waits until the rows of the stream `known` are what the records sent so far must come to.
    pub(crate) fn rows_match(&self) -> Result<(), Failed> {
        let store = Store::connect(&self.stack)?;
        until(LIMIT, || self.feed.expected.matches(&store.rows("known")?))
    }
}

/// Ends whatever the tests have started; keeps state and logs when something failed.
pub(crate) fn clean_up(failed: bool) {
    let lab = LAB.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(Lab { stack, .. }) = lab else { return };
    let stopped = stack.run(&["down"]);
    let left = process::of_home(&stack.home());
    if failed || stopped.is_err() || !left.is_empty() {
        keep_logs(&stack);
        println!("processes left: {left:?}; state and logs are kept in {}", stack.keep().display());
    }
}

/// Copies the logs to where CI and people look for results.
fn keep_logs(stack: &TestStack) {
    let results = project().join("test-results/system-logs");
    drop(fs::create_dir_all(&results));
    for entry in fs::read_dir(stack.home().join("logs")).into_iter().flatten().flatten() {
        drop(fs::copy(entry.path(), results.join(entry.file_name())));
    }
}
