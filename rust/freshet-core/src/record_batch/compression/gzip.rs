//! gzip, RFC 1952: one member or more, one after the other.

use std::io::{ErrorKind, Read};

use flate2::bufread::MultiGzDecoder;

use super::{InvalidBatch, Output, damaged};

pub(super) fn decompress(content: &[u8], output: &mut Output) -> Result<(), InvalidBatch> {
    let mut decoder = MultiGzDecoder::new(content);
    loop {
        match decoder.read(output.room()?) {
            Ok(0) => return Ok(()),
            Ok(written) => output.advance(written),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(damaged("gzip", error)),
        }
    }
}
