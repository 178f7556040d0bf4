//! One file of a spool: entries one behind the other, each with its length and its checksums.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use freshet_sources::Message;

/// What a segment begins with; another form of its entries gets another number.
pub(super) const MAGIC: [u8; 8] = *b"freshet1";
/// Before each entry: the length of its body, the number of its messages, the CRC-32 of these two, and that of the
/// body, each in four bytes, the least significant one first.
pub(super) const HEADER: usize = 16;

/// An entry as it is written.
pub(super) fn encode(messages: &[Message]) -> io::Result<Vec<u8>> {
    let entry = postcard::to_extend(messages, vec![0; HEADER]).map_err(io::Error::other)?;
    let (header, body) = entry.split_at(HEADER);
    debug_assert_eq!(header.len(), HEADER);
    let too_large = |_| io::Error::from(io::ErrorKind::FileTooLarge);
    let length = u32::try_from(body.len()).map_err(too_large)?.to_le_bytes();
    let count = u32::try_from(messages.len()).map_err(too_large)?.to_le_bytes();
    let head = [length, count].concat();
    let checksums = [crc32fast::hash(&head), crc32fast::hash(body)].map(u32::to_le_bytes).concat();
    let mut entry = entry;
    entry[..HEADER].copy_from_slice(&[head, checksums].concat());
    Ok(entry)
}

/// What an entry says of itself.
#[derive(Debug, Clone, Copy)]
struct Header {
    length: u64,
    messages: u64,
    checksum: u32,
}

impl Header {
    /// `None` when it is not what was written.
    fn read(bytes: [u8; HEADER]) -> Option<Self> {
        let number = |index: usize| {
            let [a, b, c, d] = [0, 1, 2, 3].map(|byte| bytes[index * 4 + byte]);
            u32::from_le_bytes([a, b, c, d])
        };
        (crc32fast::hash(&bytes[..8]) == number(2)).then(|| Self {
            length: number(0).into(),
            messages: number(1).into(),
            checksum: number(3),
        })
    }
}

/// What comes next in a segment.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The messages of an entry.
    Entry(Vec<Message>),
    /// An entry with so many messages whose bytes have changed; there may be others behind it.
    Damaged(u64),
    /// An entry with so many messages that ends too early: it was being written. It is the last one.
    Torn(u64),
    /// Something that is no entry, and all behind it.
    Unreadable,
    /// There is no more.
    End,
}

/// A segment that is read from its beginning.
#[derive(Debug)]
pub(super) struct Reader {
    file: File,
    offset: u64,
    /// Whether it begins as a segment does.
    is_segment: bool,
}

impl Reader {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let mut magic = [0; MAGIC.len()];
        let is_segment = match file.read_exact_at(&mut magic, 0) {
            Ok(()) => magic == MAGIC,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => false,
            Err(error) => return Err(error),
        };
        Ok(Self { file, offset: MAGIC.len() as u64, is_segment })
    }

    /// What comes next; the same again once it is torn, unreadable or at its end.
    pub(super) fn next(&mut self) -> io::Result<Next> {
        let left = self.file.metadata()?.len().saturating_sub(self.offset);
        if !self.is_segment {
            return Ok(Next::Unreadable);
        }
        if left == 0 {
            return Ok(Next::End);
        }
        let Some(left) = left.checked_sub(HEADER as u64) else {
            // It has at least one message.
            return Ok(Next::Torn(1));
        };
        let mut header = [0; HEADER];
        self.file.read_exact_at(&mut header, self.offset)?;
        let Some(header) = Header::read(header) else { return Ok(Next::Unreadable) };
        if header.length > left {
            return Ok(Next::Torn(header.messages));
        }
        let body = self.body(&header)?;
        self.offset += HEADER as u64 + header.length;
        let messages = (crc32fast::hash(&body) == header.checksum)
            .then(|| postcard::from_bytes::<Vec<Message>>(&body).ok())
            .flatten()
            .filter(|messages| messages.len() as u64 == header.messages);
        Ok(messages.map_or(Next::Damaged(header.messages), Next::Entry))
    }

    fn body(&self, header: &Header) -> io::Result<Vec<u8>> {
        let length = usize::try_from(header.length).map_err(io::Error::other)?;
        let mut body = vec![0; length];
        self.file.read_exact_at(&mut body, self.offset + HEADER as u64)?;
        Ok(body)
    }
}
