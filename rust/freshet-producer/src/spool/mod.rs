//! What a source has sent and the memory has no room for, in a folder on disk: a queue in files, bounded in bytes, that
//! outlives the process.
//!
//! Messages have running numbers. A segment is a file that is called after its first message and only ever gets longer;
//! a process begins one of its own, and deletes a segment when all of it is delivered. So the number of messages that a
//! damaged segment has lost is known from the next one's name. The file `position` has the number of the first message
//! that is not delivered; `lock` is held as long as the process lives.
//!
//! What is written outlives a process that is killed. It is with the operating system then, and not on the disk before
//! a segment is full: a machine that loses its power may lose what came last.

mod position;
mod segment;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::Arc;

use freshet_sources::{Message, SourceStatus};
use nix::unistd::{AccessFlags, access};
use thiserror::Error;

use self::position::Position;
use self::segment::{MAGIC, Next, Reader};

const EXTENSION: &str = "spool";
/// A spool has about that many segments, of a size between these.
const SEGMENTS: u64 = 8;
const SMALLEST_SEGMENT: u64 = 1 << 20;
const LARGEST_SEGMENT: u64 = 16 << 20;

/// Why a spool cannot be used at all.
#[derive(Debug, Error)]
pub(crate) enum OpenError {
    #[error(
        "{path} cannot be used: {error}; give a folder that is there after a restart and that the producer may write to"
    )]
    Unusable { path: PathBuf, error: io::Error },
    #[error(
        "another producer{holder} has the spool {path}; end it, or give the source of one of them another folder or \
         name"
    )]
    InUse { path: PathBuf, holder: String },
}

/// Why messages were not written.
#[derive(Debug, Error)]
pub(crate) enum AppendError {
    #[error(
        "Kafka does not take them as fast as they come, and the spool has its {0} MiB (spool_size)"
    )]
    Full(u64),
    #[error("the spool cannot be written: {0}")]
    Failed(#[from] io::Error),
}

/// A file of the spool.
#[derive(Debug)]
struct Segment {
    /// The number of its first message.
    first: u64,
    bytes: u64,
}

/// A segment that is being read.
#[derive(Debug)]
struct Reading {
    /// Which one.
    first: u64,
    /// The number of its next message.
    number: u64,
    reader: Reader,
}

/// The spool of one source.
#[derive(Debug)]
pub(crate) struct Spool {
    directory: PathBuf,
    limit: u64,
    status: Arc<SourceStatus>,
    /// Locked as long as it is open.
    _lock: File,
    position: Position,
    segments: VecDeque<Segment>,
    /// The last segment, when it was begun by this process and is not full.
    writer: Option<File>,
    /// The number of the message that is written next.
    end: u64,
    /// The number of the message that is read next.
    next: u64,
    reading: Option<Reading>,
    /// All before this one are delivered.
    delivered: u64,
    /// What was damaged and passed over: from the first number to the second one.
    passed: VecDeque<(u64, u64)>,
}

impl Spool {
    /// Opens the spool in that folder, which is made, with what an earlier process has left in it.
    pub(crate) fn open(
        directory: &Path,
        limit: u64,
        status: Arc<SourceStatus>,
    ) -> Result<Self, OpenError> {
        let unusable = |error| OpenError::Unusable { path: directory.to_owned(), error };
        fs::create_dir_all(directory).map_err(unusable)?;
        let lock = lock(directory)?;
        let position = Position::open(&directory.join("position")).map_err(unusable)?;
        let delivered = position.read().map_err(unusable)?;
        // That it can be written is known before anything is sent.
        position.write(delivered).map_err(unusable)?;
        let segments = segments(directory).map_err(unusable)?;
        let mut spool = Self {
            directory: directory.to_owned(),
            limit,
            status,
            _lock: lock,
            position,
            segments,
            writer: None,
            end: delivered,
            next: 0,
            reading: None,
            delivered,
            passed: VecDeque::new(),
        };
        if let Some(last) = spool.segments.back() {
            spool.end = spool.end.max(end_of(&spool.path(last.first), last.first));
        }
        let first = spool.segments.front().map_or(spool.end, |segment| segment.first);
        spool.next = spool.delivered.max(first);
        spool.delivered_up_to(spool.next);
        if spool.has_unread() {
            let (messages, bytes) = (spool.end - spool.next, spool.bytes());
            let path = directory.display();
            tracing::info!(messages, bytes, %path, "messages of an earlier run are in the spool");
        }
        Ok(spool)
    }

    /// Tries whether a spool could be in that folder, and makes nothing: the folder, or the one in which it would be
    /// made, has to be one that can be written to.
    pub(crate) fn check(directory: &Path) -> Result<(), OpenError> {
        let there = directory.ancestors().find(|folder| folder.exists());
        // The one that relative paths begin at has no name.
        let there = there.unwrap_or(Path::new("."));
        let unusable = |error: io::Error| OpenError::Unusable { path: directory.to_owned(), error };
        if !there.is_dir() {
            return Err(unusable(io::ErrorKind::NotADirectory.into()));
        }
        access(there, AccessFlags::W_OK | AccessFlags::X_OK).map_err(|error| unusable(error.into()))
    }

    /// What is on disk.
    pub(crate) fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// Whether there is something that was not read.
    pub(crate) fn has_unread(&self) -> bool {
        self.next < self.end
    }

    /// Writes messages that came together; gives the number that they end before.
    pub(crate) fn append(&mut self, messages: &[Message]) -> Result<u64, AppendError> {
        if messages.is_empty() {
            return Ok(self.end);
        }
        let entry = segment::encode(messages)?;
        let bytes = (entry.len() + MAGIC.len()) as u64;
        if self.bytes() + bytes > self.limit {
            return Err(AppendError::Full(self.limit >> 20));
        }
        if let Err(error) = self.write(&entry) {
            // Behind what was written in part nothing is found again.
            self.writer = None;
            return Err(error.into());
        }
        self.end += messages.len() as u64;
        self.status.spooled(self.bytes());
        Ok(self.end)
    }

    fn write(&mut self, entry: &[u8]) -> io::Result<()> {
        let most = (self.limit / SEGMENTS).clamp(SMALLEST_SEGMENT, LARGEST_SEGMENT);
        if self.segments.back().is_some_and(|segment| segment.bytes >= most) {
            self.sync()?;
            self.writer = None;
        }
        let file = match self.writer.take() {
            Some(file) => file,
            None => self.begin()?,
        };
        if let Some(segment) = self.segments.back_mut() {
            let written = file.write_all_at(entry, segment.bytes);
            if written.is_err() && file.set_len(segment.bytes).is_err() {
                // What cannot be taken back counts until the segment goes.
                segment.bytes += entry.len() as u64;
            }
            written?;
            segment.bytes += entry.len() as u64;
        }
        self.writer = Some(file);
        Ok(())
    }

    /// Begins a segment.
    fn begin(&mut self) -> io::Result<File> {
        let first = self.end;
        let path = self.path(first);
        // One of that name has nothing in it that could be read.
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
        self.segments.retain(|segment| segment.first != first);
        self.segments.push_back(Segment { first, bytes: MAGIC.len() as u64 });
        file.write_all_at(&MAGIC, 0)?;
        Ok(file)
    }

    /// Waits until the disk has what was written.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.writer.as_ref().map_or(Ok(()), File::sync_data)
    }

    /// Says that somebody has in memory what was written last, and nobody needs to read it.
    pub(crate) fn pass_over_unread(&mut self) {
        self.next = self.end;
    }

    /// The messages that are next, and the number that they end before. What is damaged is named, counted and passed
    /// over.
    pub(crate) fn read(&mut self) -> Option<(Vec<Message>, u64)> {
        while self.has_unread() {
            let Some((first, following)) = self.segment_of_next() else {
                self.lose_up_to(self.end, "its file is gone");
                break;
            };
            if first > self.next {
                self.lose_up_to(first, "its file is gone");
            }
            let path = self.path(first);
            match self.read_segment(&path, first) {
                Ok(Next::Entry(messages)) => return Some((messages, self.next)),
                Ok(Next::Damaged(messages)) => {
                    self.lose_up_to(self.next + messages, "its checksum is wrong");
                }
                Ok(Next::Torn(_)) => self.lose_up_to(following, "it was not written to its end"),
                Ok(Next::Unreadable) => self.lose_up_to(following, "it is damaged"),
                Ok(Next::End) => self.lose_up_to(following, "its file is too short"),
                Err(error) => self.lose_up_to(following, &error.to_string()),
            }
        }
        None
    }

    /// Of the segment with the next message: the number of its first message, and that of the segment behind it.
    fn segment_of_next(&self) -> Option<(u64, u64)> {
        let behind = self.segments.iter().skip(1).map(|segment| segment.first);
        let mut all = self.segments.iter().zip(behind.chain([self.end]));
        all.find(|(_, following)| *following > self.next)
            .map(|(segment, following)| (segment.first, following))
    }

    /// Reads on in a segment; what is before the next message was read already.
    fn read_segment(&mut self, path: &Path, first: u64) -> io::Result<Next> {
        let mut reading = match self.reading.take().filter(|reading| reading.first == first) {
            Some(reading) => reading,
            None => Reading { first, number: first, reader: Reader::open(path)? },
        };
        loop {
            let next = reading.reader.next()?;
            match &next {
                Next::Entry(messages) => reading.number += messages.len() as u64,
                Next::Damaged(messages) => reading.number += messages,
                Next::Torn(_) | Next::Unreadable | Next::End => return Ok(next),
            }
            if reading.number > self.next {
                if matches!(next, Next::Entry(_)) {
                    self.next = reading.number;
                }
                self.reading = Some(reading);
                return Ok(next);
            }
        }
    }

    /// Counts what cannot be read, from the next message up to that of the number.
    fn lose_up_to(&mut self, number: u64, reason: &str) {
        let from = self.next;
        let messages = number - from;
        let of_segment = self.segment_of_next().map(|(first, _)| first);
        let path = self.path(of_segment.filter(|first| *first <= from).unwrap_or(from));
        tracing::error!(path = %path.display(), messages, reason, "messages in the spool cannot be read");
        self.status.dropped(messages, "a part of the spool cannot be read");
        self.next = number;
        self.passed.push_back((from, number));
        self.delivered_up_to(self.delivered);
    }

    /// Says that all before this number is delivered: what is not needed any more is deleted.
    pub(crate) fn delivered_up_to(&mut self, number: u64) {
        self.delivered = self.delivered.max(number);
        while let Some((_, to)) = self.passed.pop_front_if(|(from, _)| *from <= self.delivered) {
            self.delivered = self.delivered.max(to);
        }
        if let Err(error) = self.position.write(self.delivered) {
            tracing::warn!(path = %self.directory.display(), %error, "cannot write how far the spool was delivered");
        }
        while self.is_front_delivered() {
            self.delete_front();
        }
        self.status.spooled(self.bytes());
    }

    fn is_front_delivered(&self) -> bool {
        let behind = self.segments.get(1).map_or(self.end, |segment| segment.first);
        !self.segments.is_empty() && behind <= self.delivered
    }

    fn delete_front(&mut self) {
        let Some(segment) = self.segments.pop_front() else { return };
        if self.segments.is_empty() {
            self.writer = None;
        }
        let path = self.path(segment.first);
        if let Err(error) = fs::remove_file(&path) {
            tracing::warn!(path = %path.display(), %error, "cannot delete what is delivered");
        }
    }

    fn path(&self, first: u64) -> PathBuf {
        self.directory.join(format!("{first:020}.{EXTENSION}"))
    }
}

/// Holds the folder for this process alone. The kernel ends that with the process, however it ends.
fn lock(directory: &Path) -> Result<File, OpenError> {
    let path = directory.join("lock");
    let unusable = |error| OpenError::Unusable { path: directory.to_owned(), error };
    let options =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
    let file = options.map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let holder = fs::read_to_string(&path).unwrap_or_default();
            let holder = holder
                .trim()
                .parse::<u32>()
                .map_or(String::new(), |process| format!(" (process {process})"));
            return Err(OpenError::InUse { path: directory.to_owned(), holder });
        }
        Err(TryLockError::Error(error)) => return Err(unusable(error)),
    }
    let written = file.set_len(0).and_then(|()| writeln!(&file, "{}", process::id()));
    written.map(|()| file).map_err(unusable)
}

/// The segments in the folder, in their order; other files are not ours.
fn segments(directory: &Path) -> io::Result<VecDeque<Segment>> {
    let mut segments = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let path = entry.path();
        let is_segment = path.extension().is_some_and(|extension| extension == EXTENSION);
        let first = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
        if let Some(first) = first.filter(|_| is_segment) {
            segments.push(Segment { first, bytes: entry.metadata()?.len() });
        }
    }
    segments.sort_by_key(|segment| segment.first);
    Ok(segments.into())
}

/// The number behind the last message of a segment, whether it can be read or not, as far as that can be known: reading
/// counts what cannot.
fn end_of(path: &Path, first: u64) -> u64 {
    let mut end = first;
    let Ok(mut reader) = Reader::open(path) else { return end + 1 };
    loop {
        match reader.next() {
            Ok(Next::Entry(messages)) => end += messages.len() as u64,
            Ok(Next::Damaged(messages)) => end += messages,
            Ok(Next::Torn(messages)) => return end + messages,
            Ok(Next::Unreadable) | Err(_) => return end + 1,
            Ok(Next::End) => return end,
        }
    }
}
