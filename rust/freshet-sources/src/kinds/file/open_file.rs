//! One file that is open: which one it is, and its bytes, decompressed.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;
use serde::{Deserialize, Serialize};

use super::lines::{Lines, Next};
use crate::status::Progress;

/// How much of the beginning of a file tells it from others: those that got the number of one that was deleted.
const HEAD: usize = 256;
const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Gzip,
    Zstd,
}

/// Which file it is, whatever it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity {
    pub(super) device: u64,
    pub(super) inode: u64,
}

impl Identity {
    /// Of the file of that name.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        std::fs::metadata(path).map(|metadata| Self::from(&metadata))
    }
}

impl From<&std::fs::Metadata> for Identity {
    fn from(metadata: &std::fs::Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }
}

/// Up to where a file was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    pub(super) identity: Identity,
    /// Bytes, decompressed.
    pub(super) offset: u64,
    /// Lines.
    pub(super) line: u64,
    /// How many of the file's first bytes have the checksum.
    head_bytes: usize,
    head_checksum: u32,
}

/// A file and its lines.
pub(super) struct OpenFile {
    bytes: Box<dyn BufRead + Send>,
    lines: Lines,
    identity: Identity,
    head: Vec<u8>,
    compression: Compression,
    /// What [`Self::next`] tells before anything else.
    failure: Option<io::Error>,
    /// Bytes of the file itself that were read or passed over, and how many it had.
    raw: Arc<AtomicU64>,
    size: u64,
}

impl OpenFile {
    /// Opens a file at its beginning. Without a `compression` its first bytes tell it.
    pub(super) fn open(path: &Path, compression: Option<Compression>) -> io::Result<Self> {
        Self::from(Beginning::of(path)?, compression)
    }

    /// Opens a file where it was left; `None` when it is another one, or has lost what was read.
    pub(super) fn open_at(
        path: &Path,
        compression: Option<Compression>,
        position: &Position,
    ) -> io::Result<Option<Self>> {
        let mut beginning = Beginning::of(path)?;
        if !beginning.is_at(position) {
            return Ok(None);
        }
        let is_plain = compression.unwrap_or_else(|| told_by(&beginning.head)) == Compression::None;
        if is_plain && beginning.size < position.offset {
            return Ok(None);
        }
        if is_plain {
            beginning.file.seek(SeekFrom::Start(position.offset))?;
        }
        let mut file = Self::from(beginning, compression)?;
        if is_plain {
            file.raw.store(position.offset, Ordering::Relaxed);
        } else {
            let passed = io::copy(&mut (&mut file.bytes).take(position.offset), &mut io::sink())?;
            if passed < position.offset {
                return Ok(None);
            }
        }
        file.lines = Lines::after(position.offset, position.line);
        Ok(Some(file))
    }

    /// Opens an uncompressed file at its end.
    pub(super) fn open_at_end(path: &Path) -> io::Result<Self> {
        let mut beginning = Beginning::of(path)?;
        let size = beginning.file.seek(SeekFrom::End(0))?;
        let mut file = Self::from(beginning, Some(Compression::None))?;
        file.lines = Lines::after(size, 0);
        Ok(file)
    }

    fn from(beginning: Beginning, compression: Option<Compression>) -> io::Result<Self> {
        let Beginning { file, head, identity, size } = beginning;
        let raw = Arc::new(AtomicU64::new(0));
        let counted = BufReader::with_capacity(1 << 16, Counted { file, count: Arc::clone(&raw) });
        let compression = compression.unwrap_or_else(|| told_by(&head));
        let bytes: Box<dyn BufRead + Send> = match compression {
            Compression::None => Box::new(counted),
            Compression::Gzip => Box::new(BufReader::new(MultiGzDecoder::new(counted))),
            Compression::Zstd => Box::new(BufReader::new(zstd::Decoder::with_buffer(counted)?)),
        };
        Ok(Self {
            bytes,
            lines: Lines::default(),
            identity,
            head,
            compression,
            failure: None,
            raw,
            size,
        })
    }

    /// The next line.
    pub(super) fn next(&mut self) -> io::Result<Next> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        self.lines.next(&mut *self.bytes)
    }

    /// What was read behind other lines; `None` for a failure when there are such, which are handed over first: it is
    /// kept for the next time that a line is asked for.
    ///
    /// # Errors
    ///
    /// The failure, when there are none.
    pub(super) fn behind_lines<T>(
        &mut self,
        read: io::Result<T>,
        has_lines: bool,
    ) -> io::Result<Option<T>> {
        match read {
            Ok(read) => Ok(Some(read)),
            Err(failure) if has_lines => {
                self.failure = Some(failure);
                Ok(None)
            }
            Err(failure) => Err(failure),
        }
    }

    /// What is left of it when nobody writes to it any more.
    pub(super) fn last(&mut self) -> Next {
        self.lines.last()
    }

    /// How far it was read. It may have grown meanwhile.
    pub(super) fn progress(&self) -> Progress {
        let read = self.raw.load(Ordering::Relaxed);
        Progress { read, size: self.size.max(read) }
    }

    /// How many lines were read.
    pub(super) fn line(&self) -> u64 {
        self.lines.count()
    }

    /// Bytes of complete lines.
    pub(super) fn offset(&self) -> u64 {
        self.lines.offset()
    }

    /// Whether its bytes are not those that somebody writes.
    pub(super) fn is_compressed(&self) -> bool {
        self.compression != Compression::None
    }

    pub(super) fn identity(&self) -> Identity {
        self.identity
    }

    /// Up to where it was read.
    pub(super) fn position(&self) -> Position {
        Position {
            identity: self.identity,
            offset: self.lines.offset(),
            line: self.lines.count(),
            head_bytes: self.head.len(),
            head_checksum: crc32fast::hash(&self.head),
        }
    }
}

/// A file that was opened, and is at its beginning.
struct Beginning {
    file: File,
    head: Vec<u8>,
    identity: Identity,
    size: u64,
}

impl Beginning {
    fn of(path: &Path) -> io::Result<Self> {
        // To open a pipe would wait for somebody who writes into it.
        if !std::fs::metadata(path)?.is_file() {
            let advice = "it is no regular file; what comes out of a pipe is for the kind stdin";
            return Err(io::Error::other(advice));
        }
        let mut file = File::open(path)?;
        let metadata = file.metadata()?;
        let mut head = Vec::with_capacity(HEAD);
        (&mut file).take(HEAD as u64).read_to_end(&mut head)?;
        file.seek(SeekFrom::Start(0))?;
        Ok(Self { file, head, identity: Identity::from(&metadata), size: metadata.len() })
    }

    fn is_at(&self, position: &Position) -> bool {
        self.identity == position.identity
            && self.head.len() >= position.head_bytes
            && crc32fast::hash(&self.head[..position.head_bytes]) == position.head_checksum
    }
}

fn told_by(head: &[u8]) -> Compression {
    if head.starts_with(&GZIP) {
        Compression::Gzip
    } else if head.starts_with(&ZSTD) {
        Compression::Zstd
    } else {
        Compression::None
    }
}

/// Counts the bytes that are read.
struct Counted {
    file: File,
    count: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.count.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
