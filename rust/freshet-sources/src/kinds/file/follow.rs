//! A file that somebody writes: its lines as they come, through rotation and truncation.
//!
//! Whoever rotates a file gives it another name and begins a new one. The old one is read until nothing comes any more,
//! and then the new one from its beginning. A file that has become shorter than what was read of it was truncated, and
//! is read from its beginning; what was written between the last look and the truncation is lost, and counted as a gap.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::open_file::Identity;
use super::watch::Watch;
use super::{OpenFile, Position, Settings, find_renamed, read_batch, read_last};
use crate::source::{Batch, Context, Source, SourceError};

/// How often it is looked for more where the file system does not say that there is.
const INTERVAL: Duration = Duration::from_millis(200);
/// How often where it does: file systems of other machines say that they would, and never do.
const WATCHED_INTERVAL: Duration = Duration::from_secs(1);
/// How long nothing has to come to a file that was renamed, until it is left.
const GRACE: Duration = Duration::from_millis(200);

/// Follows a file.
pub(super) struct Follow {
    settings: Settings,
    context: Context,
    /// Up to where it was read before; taken when it is opened.
    position: Option<Position>,
    file: Option<OpenFile>,
    /// The file was seen to have another name, or none, and to be at its end: once more, and it is left.
    is_left: bool,
    is_first: bool,
    /// Tells of changes, where the file system does.
    watch: Option<Watch>,
    pub(super) watched_interval: Duration,
}

/// What a look at the file has given.
enum Look {
    Batch(Batch),
    /// There may be more at once.
    Again,
    /// There is nothing now.
    Nothing,
}

impl Follow {
    pub(super) fn new(settings: Settings, context: Context, position: Option<Position>) -> Self {
        let is_first = position.is_none();
        Self {
            settings,
            context,
            position,
            file: None,
            is_left: false,
            is_first,
            watch: None,
            watched_interval: WATCHED_INTERVAL,
        }
    }

    fn look(&mut self) -> io::Result<Look> {
        let Some(mut file) = self.file.take() else {
            // What is written from now on is told, and what was before is read.
            self.watch();
            self.file = self.open()?;
            return Ok(if self.file.is_some() { Look::Again } else { Look::Nothing });
        };
        let status = &self.context.status;
        let read = read_batch(&mut file, &self.settings, status)?;
        if let Some(batch) = read {
            self.is_left = false;
            self.position = Some(file.position());
            self.file = Some(file);
            return Ok(Look::Batch(batch));
        }
        self.at_end(file)
    }

    fn watch(&mut self) {
        match Watch::of(&self.settings.path) {
            Ok(watch) => self.watch = Some(watch),
            Err(error) => {
                self.watch = None;
                tracing::debug!(
                    source = self.context.name,
                    "the file is not watched, and looked at every 200 ms: {error}"
                );
            }
        }
    }

    /// Waits until there may be more.
    async fn wait(is_left: bool, watched_interval: Duration, changed: Option<Arc<Notify>>) {
        match changed {
            // Whoever writes to the old file is not told to have nothing more by what becomes of the new one.
            _ if is_left => sleep(GRACE).await,
            None => sleep(INTERVAL).await,
            // Late is as good as never.
            Some(changed) => drop(timeout(watched_interval, changed.notified()).await),
        }
    }

    /// What to do when there is no more for now.
    fn at_end(&mut self, mut file: OpenFile) -> io::Result<Look> {
        let path = &self.settings.path;
        let now = match std::fs::metadata(path) {
            Ok(metadata) => Some(metadata),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                self.file = Some(file);
                return Err(error);
            }
        };
        let is_same = now.as_ref().is_some_and(|now| Identity::from(now) == file.identity());
        if is_same {
            self.is_left = false;
            if now.is_some_and(|now| now.len() < file.offset()) {
                self.truncated(&file);
                return Ok(Look::Again);
            }
            self.file = Some(file);
            return Ok(Look::Nothing);
        }
        if !self.is_left {
            // Whoever writes may still have the old one.
            self.is_left = true;
            self.file = Some(file);
            return Ok(Look::Nothing);
        }
        if now.is_none() {
            self.file = Some(file);
            return Ok(Look::Nothing);
        }
        let last = read_last(&mut file, &self.settings, &self.context.status)?;
        tracing::info!(
            source = self.context.name,
            lines = file.line(),
            "the file was rotated; the new one is read"
        );
        self.is_left = false;
        self.position = None;
        Ok(last.map_or(Look::Again, Look::Batch))
    }

    fn truncated(&mut self, file: &OpenFile) {
        self.context.status.gap(&format!(
            "{} was truncated after line {}; what was written last before that is not known",
            self.settings.path.display(),
            file.line()
        ));
        self.position = None;
        self.is_first = false;
    }

    /// Opens the file where it goes on; `None` while there is none.
    fn open(&mut self) -> io::Result<Option<OpenFile>> {
        let path = self.settings.path.clone();
        let compression = self.settings.compression;
        if let Some(position) = self.position {
            if let Some(file) =
                open_existing(|| OpenFile::open_at(&path, compression, &position))?.flatten()
            {
                return self.opened(file).map(Some);
            }
            let renamed = find_renamed(&path, &position);
            let rest = renamed.map(|renamed| OpenFile::open_at(&renamed, compression, &position));
            if let Some(rest) = rest.transpose()?.flatten() {
                return self.opened(rest).map(Some);
            }
            self.context.status.gap(&format!(
                "{} is another file than the one that was read up to line {}, which is gone; what it had after that is \
                 lost",
                path.display(),
                position.line
            ));
            self.position = None;
        }
        let starts_at_end = self.is_first && self.settings.starts_at_end;
        let opened = open_existing(|| {
            if starts_at_end {
                OpenFile::open_at_end(&path)
            } else {
                OpenFile::open(&path, compression)
            }
        })?;
        opened.map(|file| self.opened(file)).transpose()
    }

    fn opened(&mut self, file: OpenFile) -> io::Result<OpenFile> {
        self.is_first = false;
        if file.is_compressed() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "a compressed file cannot be followed: write mode = \"once\"",
            ));
        }
        Ok(file)
    }
}

/// `None` when there is no such file.
fn open_existing<T>(open: impl FnOnce() -> io::Result<T>) -> io::Result<Option<T>> {
    match open() {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[async_trait]
impl Source for Follow {
    async fn next(&mut self) -> Result<Option<Batch>, SourceError> {
        loop {
            // A disk that does not answer must not hold up the other sources.
            match tokio::task::block_in_place(|| self.look()) {
                Ok(Look::Batch(batch)) => return Ok(Some(batch)),
                Ok(Look::Again) => {}
                Ok(Look::Nothing) if self.file.is_none() => {
                    let path = self.settings.path.display();
                    return Err(SourceError::transient(format!("{path} is not there yet")));
                }
                Ok(Look::Nothing) => {
                    self.context.status.connected();
                    let changed = self.watch.as_ref().map(Watch::changed);
                    Self::wait(self.is_left, self.watched_interval, changed).await;
                }
                Err(error) => {
                    // It is opened again where the last batch ended.
                    self.file = None;
                    return Err(self.settings.unreadable(&error));
                }
            }
        }
    }
}
