//! Snappy: blocks in the frames of xerial's Java library, which Kafka's own client writes, or one raw block.
//!
//! Source: <https://github.com/xerial/snappy-java/blob/master/README.md#data-format-for-snappyoutputstream> and
//! <https://github.com/google/snappy/blob/main/format_description.txt>.

use snap::raw::{Decoder, decompress_len};

use super::{InvalidBatch, Output, damaged, take, take_array};

/// `SNAPPY` between a byte that is no letter and a zero; a version and the oldest compatible one follow.
const MAGIC: &[u8] = b"\x82SNAPPY\0";
const VERSIONS_BYTES: usize = 8;

pub(super) fn decompress(content: &[u8], output: &mut Output) -> Result<(), InvalidBatch> {
    let Some(mut blocks) = content.strip_prefix(MAGIC) else {
        return block(content, output);
    };
    take(&mut blocks, VERSIONS_BYTES).ok_or_else(cut_off)?;
    while !blocks.is_empty() {
        // Streams of this kind may stand one after the other; their headers are passed over.
        if let Some(next) = blocks.strip_prefix(MAGIC) {
            blocks = next;
            take(&mut blocks, VERSIONS_BYTES).ok_or_else(cut_off)?;
            continue;
        }
        let length = take_array(&mut blocks).map(u32::from_be_bytes);
        let length = length.and_then(|length| usize::try_from(length).ok()).ok_or_else(cut_off)?;
        block(take(&mut blocks, length).ok_or_else(cut_off)?, output)?;
    }
    Ok(())
}

/// Three bytes make 64 at the most: a copy of what stands before. A greater length is a claim that would cost memory.
const BEST_RATIO: usize = 22;

fn block(compressed: &[u8], output: &mut Output) -> Result<(), InvalidBatch> {
    let length = decompress_len(compressed).map_err(|error| damaged("snappy", error))?;
    if length > compressed.len().saturating_mul(BEST_RATIO) {
        return Err(damaged("snappy", "a block is shorter than its length says"));
    }
    let (_, room) = output.split_for(length)?;
    let written =
        Decoder::new().decompress(compressed, room).map_err(|error| damaged("snappy", error))?;
    output.advance(written);
    Ok(())
}

fn cut_off() -> InvalidBatch {
    damaged("snappy", "it is cut off")
}
