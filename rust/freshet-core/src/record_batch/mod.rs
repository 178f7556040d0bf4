//! Kafka's record batches, as brokers keep and send them: what a consumer would make objects of, read in place.
//!
//! One batch at a time: its checksum, its header, its compression, and then its records one after the other. Offsets
//! that a reader does not want, batches of aborted transactions and control batches are for the caller to leave out.
//!
//! Source: <https://kafka.apache.org/documentation/#recordbatch>, message format version 2. The earlier versions have
//! another layout, and are refused.

mod compression;
mod header;
mod headers;
mod records;

use thiserror::Error;

pub use headers::{Headers, encode_headers};
pub use records::{BatchRecord, BatchRecords};

use compression::{Codec, Decompressor};

/// A batch that takes more bytes when it is decompressed is refused. Kafka's own limit, `message.max.bytes`, is one of
/// compressed bytes, so that one batch of a broken or hostile sender could take all memory.
pub const MAX_BATCH_BYTES: usize = 256 << 20;

/// What is wrong with the bytes of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidBatch {
    /// The bytes end within it.
    #[error("a record batch is cut off")]
    CutOff,
    /// It is of another version of the format than 2.
    #[error("a record batch has version {0}; only version 2 is read here")]
    Version(i8),
    /// Its bytes are not those that were written.
    #[error(
        "the checksum of a record batch is {found:#010x} instead of {expected:#010x}: its bytes are damaged"
    )]
    Checksum {
        /// By the header.
        expected: u32,
        /// By the bytes.
        found: u32,
    },
    /// It is compressed in a way that is none of Kafka's, as of 4.0.
    #[error("a record batch is compressed with codec {0}, which is not known")]
    UnknownCodec(i16),
    /// It cannot be decompressed.
    #[error("a record batch cannot be decompressed: {0}")]
    Compression(String),
    /// It would take too much memory.
    #[error("a record batch has more than {MAX_BATCH_BYTES} bytes when it is decompressed")]
    TooLarge,
    /// A record in it is not what the format says; records before it were read.
    #[error("record {position} of a record batch is malformed: {what}")]
    Record {
        /// Counted from 0.
        position: u32,
        /// What does not fit.
        what: &'static str,
    },
}

/// Reads batches one after the other, and keeps the memory that decompressing takes.
#[derive(Default)]
pub struct BatchReader {
    decompressor: Decompressor,
}

impl BatchReader {
    /// The records of a batch: `bytes` is the whole of it, from its base offset on, and nothing behind it.
    ///
    /// # Errors
    ///
    /// [`InvalidBatch`] when its header, its checksum or its compression is wrong. A malformed record is an error in
    /// its place among the records.
    pub fn read<'a>(&'a mut self, bytes: &'a [u8]) -> Result<BatchRecords<'a>, InvalidBatch> {
        let (header, content) = header::split(bytes)?;
        let codec = Codec::of(header.attributes)?;
        let content = self.decompressor.decompress(codec, content)?;
        Ok(BatchRecords::new(&header, content))
    }

    /// How many bytes it holds on to.
    pub fn memory_bytes(&self) -> usize {
        self.decompressor.memory_bytes()
    }
}

#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;
