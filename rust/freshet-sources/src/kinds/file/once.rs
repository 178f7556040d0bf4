//! A file that is read to its end.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use indicatif::{ProgressBar, ProgressStyle};

use super::{OpenFile, Position, Settings, read_batch, read_last};
use crate::source::{Batch, Context, Source, SourceError};

/// Reads a file to its end.
pub(super) struct Once {
    settings: Settings,
    context: Context,
    position: Option<Position>,
    file: Option<OpenFile>,
    progress: Option<(ProgressBar, Arc<AtomicU64>)>,
    has_ended: bool,
}

impl Once {
    pub(super) fn new(settings: Settings, context: Context, position: Option<Position>) -> Self {
        Self { settings, context, position, file: None, progress: None, has_ended: false }
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

    fn read(&mut self) -> io::Result<Option<Batch>> {
        let mut file = match self.file.take() {
            Some(file) => file,
            None => self.open()?,
        };
        if self.progress.is_none() {
            self.progress = progress(&file);
        }
        let status = &self.context.status;
        let batch = match read_batch(&mut file, &self.settings, status)? {
            Some(batch) => Some(batch),
            None => read_last(&mut file, &self.settings, status)?,
        };
        self.has_ended = batch.is_none();
        if let Some((bar, read)) = &self.progress {
            bar.set_position(read.load(Ordering::Relaxed));
            if self.has_ended {
                bar.finish();
            }
        }
        self.position = Some(file.position());
        self.file = Some(file);
        Ok(batch)
    }
}

#[async_trait]
impl Source for Once {
    async fn next(&mut self) -> Result<Option<Batch>, SourceError> {
        if self.has_ended {
            return Ok(None);
        }
        // A disk that does not answer must not hold up the other sources.
        tokio::task::block_in_place(|| self.read()).map_err(|error| {
            // It is opened again where the last batch ended.
            self.file = None;
            self.settings.unreadable(&error)
        })
    }
}

/// A bar on a terminal, with the bytes of the file that were read.
fn progress(file: &OpenFile) -> Option<(ProgressBar, Arc<AtomicU64>)> {
    if !io::stderr().is_terminal() {
        return None;
    }
    let bar = ProgressBar::new(file.size);
    let style = "{bar:40} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";
    bar.set_style(
        ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    Some((bar, Arc::clone(&file.raw)))
}
