//! lz4 frames.
//!
//! The checksums in them are passed over: that of the header is wrong in what old clients wrote, and the batch has one
//! over all of its bytes. Blocks may depend on those before, which Kafka's own reader does not know and other clients
//! write.
//!
//! Source: <https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md>.

use lz4_flex::block;

use super::{InvalidBatch, Output, damaged, take, take_array};

const MAGIC: u32 = 0x184d_2204;
/// Frames that hold something else, for whoever knows what.
const SKIPPABLE: std::ops::RangeInclusive<u32> = 0x184d_2a50..=0x184d_2a5f;
/// Of the first byte of a frame's descriptor.
const VERSION_MASK: u8 = 0b1100_0000;
const VERSION: u8 = 0b0100_0000;
const INDEPENDENT_BLOCKS: u8 = 1 << 5;
const BLOCK_CHECKSUMS: u8 = 1 << 4;
const CONTENT_SIZE: u8 = 1 << 3;
const CONTENT_CHECKSUM: u8 = 1 << 2;
const DICTIONARY: u8 = 1;
/// Of a block's length: the block is not compressed.
const UNCOMPRESSED: u32 = 1 << 31;
const CHECKSUM_BYTES: usize = 4;
/// A block refers to so many bytes before it at the most.
const WINDOW_BYTES: usize = 64 << 10;

pub(super) fn decompress(mut content: &[u8], output: &mut Output) -> Result<(), InvalidBatch> {
    while !content.is_empty() {
        let magic = u32::from_le_bytes(take_array(&mut content).ok_or_else(cut_off)?);
        if magic == MAGIC {
            frame(&mut content, output)?;
        } else if SKIPPABLE.contains(&magic) {
            let length = u32::from_le_bytes(take_array(&mut content).ok_or_else(cut_off)?);
            take(&mut content, length as usize).ok_or_else(cut_off)?;
        } else {
            return Err(damaged("lz4", "it is no frame"));
        }
    }
    Ok(())
}

fn frame(content: &mut &[u8], output: &mut Output) -> Result<(), InvalidBatch> {
    let [flags, sizes] = take_array(content).ok_or_else(cut_off)?;
    if flags & VERSION_MASK != VERSION {
        return Err(damaged("lz4", "a frame of another version"));
    }
    if flags & DICTIONARY != 0 {
        return Err(damaged("lz4", "a frame that needs a dictionary"));
    }
    let largest = block_bytes(sizes)?;
    let content_size = if flags & CONTENT_SIZE == 0 { 0 } else { 8 };
    // And the byte with the checksum of the descriptor.
    take(content, content_size + 1).ok_or_else(cut_off)?;
    let begin = output.length;
    loop {
        let length = u32::from_le_bytes(take_array(content).ok_or_else(cut_off)?);
        if length == 0 {
            break;
        }
        let block = take(content, (length & !UNCOMPRESSED) as usize).ok_or_else(cut_off)?;
        if block.len() > largest {
            return Err(damaged("lz4", "a block is larger than its frame says"));
        }
        if flags & BLOCK_CHECKSUMS != 0 {
            take(content, CHECKSUM_BYTES).ok_or_else(cut_off)?;
        }
        if length & UNCOMPRESSED != 0 {
            output.extend(block)?;
            continue;
        }
        let (before, room) = output.split_for(largest)?;
        let written = if flags & INDEPENDENT_BLOCKS != 0 {
            block::decompress_into(block, room)
        } else {
            let window = before.len().saturating_sub(WINDOW_BYTES).max(begin);
            block::decompress_into_with_dict(block, room, &before[window..])
        };
        output.advance(written.map_err(|error| damaged("lz4", error))?);
    }
    if flags & CONTENT_CHECKSUM != 0 {
        take(content, CHECKSUM_BYTES).ok_or_else(cut_off)?;
    }
    Ok(())
}

/// The most bytes of a block, decompressed, by the second byte of a frame's descriptor.
fn block_bytes(sizes: u8) -> Result<usize, InvalidBatch> {
    match (sizes >> 4) & 0b111 {
        4 => Ok(64 << 10),
        5 => Ok(256 << 10),
        6 => Ok(1 << 20),
        7 => Ok(4 << 20),
        _ => Err(damaged("lz4", "a frame with blocks of no known size")),
    }
}

fn cut_off() -> InvalidBatch {
    damaged("lz4", "it is cut off")
}
