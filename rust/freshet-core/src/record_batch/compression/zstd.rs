//! Zstandard, RFC 8878: one frame or more, one after the other. Kafka's client does not write how long they are.

use zstd::stream::raw::{DParameter, Decoder as RawDecoder, InBuffer, Operation as _, OutBuffer};

use super::{InvalidBatch, Output, damaged};

pub(super) type Decoder = RawDecoder<'static>;

/// A frame may ask for so much memory beside its content, as a power of two: 128 MiB, which is also what zstd's own
/// tools allow. Kafka's client takes 8 MiB at its highest level.
const LARGEST_WINDOW: u32 = 27;

pub(super) fn decompress(
    decoder: &mut Option<Decoder>,
    content: &[u8],
    output: &mut Output,
) -> Result<(), InvalidBatch> {
    let decoder = ready(decoder).map_err(|error| damaged("zstd", error))?;
    let mut input = InBuffer::around(content);
    loop {
        let (consumed, written, hint) = {
            let mut room = OutBuffer::around(output.room()?);
            let before = input.pos();
            let hint =
                decoder.run(&mut input, &mut room).map_err(|error| damaged("zstd", error))?;
            (input.pos() - before, room.pos(), hint)
        };
        output.advance(written);
        let all_read = input.pos() == content.len();
        if all_read && hint == 0 {
            return Ok(());
        }
        if consumed == 0 && written == 0 {
            return Err(damaged("zstd", "it is cut off"));
        }
    }
}

/// A decoder at the beginning of a frame, whatever the batch before left behind.
fn ready(decoder: &mut Option<Decoder>) -> std::io::Result<&mut Decoder> {
    if let Some(decoder) = decoder {
        decoder.reinit()?;
        return Ok(decoder);
    }
    let mut fresh = Decoder::new()?;
    fresh.set_parameter(DParameter::WindowLogMax(LARGEST_WINDOW))?;
    Ok(decoder.insert(fresh))
}
