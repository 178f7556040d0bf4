//! What a batch is compressed with.
//!
//! Kafka compresses the records of a batch as one stream: gzip with one member or more; snappy in the frames of
//! xerial's Java library, or as one raw block, which other clients write; lz4 in frames, in which blocks may depend on
//! those before; zstd in one frame or more.

mod gzip;
mod lz4;
mod snappy;
mod zstd;

use super::{InvalidBatch, MAX_BATCH_BYTES};

/// What a batch is compressed with, by the last three bits of its attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Codec {
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

impl Codec {
    pub(super) fn of(attributes: i16) -> Result<Self, InvalidBatch> {
        match attributes & 0b111 {
            0 => Ok(Self::None),
            1 => Ok(Self::Gzip),
            2 => Ok(Self::Snappy),
            3 => Ok(Self::Lz4),
            4 => Ok(Self::Zstd),
            unknown => Err(InvalidBatch::UnknownCodec(unknown)),
        }
    }
}

/// A reader keeps its buffer up to here, in bytes: one large batch must not be paid for ever after.
const KEPT_BYTES: usize = 4 << 20;

/// Decompresses one batch after the other.
#[derive(Default)]
pub(super) struct Decompressor {
    output: Output,
    /// Made for the first batch that needs it: its window alone has up to some mebibytes.
    zstd: Option<zstd::Decoder>,
}

impl Decompressor {
    /// The content of a batch: where it stands, or where it was decompressed to.
    pub(super) fn decompress<'a>(
        &'a mut self,
        codec: Codec,
        content: &'a [u8],
    ) -> Result<&'a [u8], InvalidBatch> {
        if codec == Codec::None {
            return Ok(content);
        }
        self.output.clear();
        match codec {
            Codec::None => {}
            Codec::Gzip => gzip::decompress(content, &mut self.output)?,
            Codec::Snappy => snappy::decompress(content, &mut self.output)?,
            Codec::Lz4 => lz4::decompress(content, &mut self.output)?,
            Codec::Zstd => zstd::decompress(&mut self.zstd, content, &mut self.output)?,
        }
        Ok(self.output.filled())
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.output.bytes.capacity()
    }
}

/// What was decompressed. Its bytes stay initialized from batch to batch, so that none is written twice.
#[derive(Default)]
pub(super) struct Output {
    bytes: Vec<u8>,
    length: usize,
}

impl Output {
    fn clear(&mut self) {
        self.length = 0;
        self.bytes.truncate(KEPT_BYTES);
        self.bytes.shrink_to(KEPT_BYTES);
    }

    fn filled(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// What is there, and room for `more` bytes behind it.
    fn split_for(&mut self, more: usize) -> Result<(&[u8], &mut [u8]), InvalidBatch> {
        let end = self.length.checked_add(more).filter(|end| *end <= MAX_BATCH_BYTES);
        let end = end.ok_or(InvalidBatch::TooLarge)?;
        if self.bytes.len() < end {
            // Twice as much as before: what comes in many small pieces is not copied for each of them.
            let length = end.max(self.bytes.len().saturating_mul(2).min(MAX_BATCH_BYTES));
            self.bytes.resize(length, 0);
        }
        let (before, after) = self.bytes.split_at_mut(self.length);
        Ok((before, &mut after[..more]))
    }

    /// All the room that there is behind what is there; at least one byte.
    fn room(&mut self) -> Result<&mut [u8], InvalidBatch> {
        const LEAST: usize = 64 << 10;
        if self.bytes.len() == self.length {
            let more = LEAST.min(MAX_BATCH_BYTES.saturating_sub(self.length)).max(1);
            self.split_for(more)?;
        }
        Ok(&mut self.bytes[self.length..])
    }

    /// Says that so many bytes of the room were written.
    fn advance(&mut self, written: usize) {
        self.length += written;
    }

    fn extend(&mut self, bytes: &[u8]) -> Result<(), InvalidBatch> {
        self.split_for(bytes.len())?.1.copy_from_slice(bytes);
        self.advance(bytes.len());
        Ok(())
    }
}

fn damaged(codec: &str, what: impl std::fmt::Display) -> InvalidBatch {
    InvalidBatch::Compression(format!("{codec}: {what}"))
}

/// Takes so many bytes off `bytes`.
fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}

fn take_array<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}
