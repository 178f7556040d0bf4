//! The one way in which a program is asked to stop.

use std::io;
use std::time::{Duration, Instant};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// Signals this close together are one request: a terminal signals the whole process group, and a
/// supervisor in the group passes on what it got.
const SAME_REQUEST: Duration = Duration::from_secs(1);

/// A flag that everything which waits can wait for as well. Clones share the flag.
#[derive(Debug, Clone)]
pub struct Shutdown {
    flag: watch::Sender<bool>,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

impl Shutdown {
    /// A flag that is not raised yet.
    pub fn new() -> Self {
        Self { flag: watch::Sender::new(false) }
    }

    /// A flag that SIGTERM or SIGINT raises. A second signal, later than [`SAME_REQUEST`], ends
    /// the process at once, for whoever has no patience left with a drain.
    ///
    /// # Errors
    ///
    /// When the signal handlers cannot be installed.
    pub fn on_signals() -> io::Result<Self> {
        let shutdown = Self::new();
        let mut signals = Signals::install()?;
        let flag = shutdown.clone();
        tokio::spawn(async move {
            let name = signals.next().await;
            tracing::info!(signal = name, "stopping; another signal ends at once");
            flag.trigger();
            let name = signals.next_request(Instant::now()).await;
            tracing::warn!(signal = name, "ended without a drain");
            std::process::exit(1);
        });
        Ok(shutdown)
    }

    /// Raises the flag.
    pub fn trigger(&self) {
        self.flag.send_replace(true);
    }

    /// Whether the flag is raised.
    pub fn is_requested(&self) -> bool {
        *self.flag.borrow()
    }

    /// Waits until the flag is raised.
    pub async fn requested(&self) {
        let mut receiver = self.flag.subscribe();
        // The sender lives as long as `self`, so that an error can't happen; if it could, having
        // nobody left who might raise the flag would be a reason to stop, too.
        drop(receiver.wait_for(|raised| *raised).await);
    }

    /// Sleeps for so long, but not longer than until the flag is raised.
    pub async fn sleep(&self, delay: Duration) {
        tokio::select! {
            () = tokio::time::sleep(delay) => (),
            () = self.requested() => (),
        }
    }
}

/// The two signals that mean "stop".
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn install() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// The next signal that is not just an echo of the one that came at `first`.
    async fn next_request(&mut self, first: Instant) -> &'static str {
        loop {
            let name = self.next().await;
            if first.elapsed() >= SAME_REQUEST {
                return name;
            }
        }
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_clone_sees_the_request() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let shutdown = Shutdown::new();
        let clone = shutdown.clone();
        assert!(!clone.is_requested());
        shutdown.trigger();
        assert!(clone.is_requested());
        runtime.block_on(clone.requested());
    }

    #[test]
    fn a_shutdown_ends_a_sleep() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let shutdown = Shutdown::new();
        runtime.block_on(shutdown.sleep(Duration::from_millis(1)));
        assert!(!shutdown.is_requested());
        shutdown.trigger();
        runtime.block_on(shutdown.sleep(Duration::from_hours(1)));
    }
}
