//! Values that their senders have compressed, one by one: what Kafka's own producers compress is none of these.

use std::io::{self, BufRead, Read};

use flate2::bufread::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use serde::{Deserialize, Serialize};
use zstd::bulk::Decompressor as ZstdDecompressor;

use super::{MAX_RECORD_BYTES, Rejection};
use crate::wire::ReasonCode;

/// How the values of records are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// Not at all.
    None,
    /// Each value as its first bytes say: gzip, zlib, zstd, or not at all.
    Auto,
    /// RFC 1952, one member or several.
    Gzip,
    /// RFC 1950: what HTTP calls deflate.
    Zlib,
    /// RFC 1951 alone, which no first bytes tell.
    Deflate,
    /// RFC 8878, one frame or several.
    Zstd,
}

impl Compression {
    /// How this value is compressed; `None` when it is not.
    fn of(self, value: &[u8]) -> Option<Self> {
        match (self, value) {
            (Self::Auto, [0x1f, 0x8b, 8, ..]) => Some(Self::Gzip),
            (Self::Auto, [0x28, 0xb5, 0x2f, 0xfd, ..]) => Some(Self::Zstd),
            // The usual window and each of the four levels.
            (Self::Auto, [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..]) => Some(Self::Zlib),
            (Self::Auto | Self::None, _) => None,
            (named, _) => Some(named),
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::None | Self::Auto => "compressed data",
            Self::Gzip => "gzip",
            Self::Zlib => "zlib",
            Self::Deflate => "deflate",
            Self::Zstd => "zstd",
        }
    }
}

/// Decompresses the values of one stream.
pub(super) struct Decompressor {
    compression: Compression,
    /// The last value. It is kept at its full size, a mebibyte at the most, and only what is written of it is memory.
    buffer: Vec<u8>,
    /// Made for the first value that needs it.
    zstd: Option<ZstdDecompressor<'static>>,
}

/// What is larger decompressed is refused, and nothing beyond is decompressed: one more tells that there is more.
const LIMIT: usize = MAX_RECORD_BYTES + 1;

impl Decompressor {
    /// `None` when the values are not compressed.
    pub(super) fn new(compression: Compression) -> Option<Self> {
        let is_needed = compression != Compression::None;
        is_needed.then(|| Self { compression, buffer: Vec::new(), zstd: None })
    }

    /// The value as it was before its sender compressed it.
    ///
    /// # Errors
    ///
    /// What is damaged or not compressed like that, and what has more than [`MAX_RECORD_BYTES`] decompressed.
    pub(super) fn decompress<'a>(&'a mut self, value: &'a [u8]) -> Result<&'a [u8], Rejection> {
        let Some(compression) = self.compression.of(value) else { return Ok(value) };
        self.buffer.clear();
        self.fill(compression, value).map_err(|error| invalid(compression, &error))?;
        if self.buffer.len() > MAX_RECORD_BYTES {
            let detail = format!("more than {MAX_RECORD_BYTES} bytes when it is decompressed");
            return Err(Rejection::new(ReasonCode::TooLarge, detail));
        }
        Ok(&self.buffer)
    }

    /// What the value became that was decompressed last.
    pub(super) fn decompressed<'a>(&'a self, value: &'a [u8]) -> &'a [u8] {
        if self.compression.of(value).is_some() { &self.buffer } else { value }
    }

    fn fill(&mut self, compression: Compression, value: &[u8]) -> io::Result<()> {
        match compression {
            Compression::None | Compression::Auto => Ok(()),
            Compression::Gzip => self.fill_whole(MultiGzDecoder::new(value), |_| &[]),
            Compression::Zlib => {
                self.fill_whole(ZlibDecoder::new(value), |decoder| decoder.get_ref())
            }
            Compression::Deflate => {
                self.fill_whole(DeflateDecoder::new(value), |decoder| decoder.get_ref())
            }
            Compression::Zstd => self.fill_zstd(value),
        }
    }

    /// Reads up to the limit; nothing may follow in what is left behind the end.
    fn fill_whole<'v, D: Read>(
        &mut self,
        mut decoder: D,
        rest: impl Fn(&D) -> &'v [u8],
    ) -> io::Result<()> {
        decoder.by_ref().take(LIMIT as u64).read_to_end(&mut self.buffer)?;
        if self.buffer.len() < LIMIT && rest(&decoder).fill_buf().is_ok_and(|rest| !rest.is_empty())
        {
            return Err(io::Error::other("something follows its end"));
        }
        Ok(())
    }

    /// In one go and into a buffer that bounds it: a frame's own window is never reserved.
    fn fill_zstd(&mut self, value: &[u8]) -> io::Result<()> {
        self.buffer.reserve_exact(LIMIT);
        let zstd = match &mut self.zstd {
            Some(zstd) => zstd,
            none => none.insert(ZstdDecompressor::new()?),
        };
        match zstd.decompress_to_buffer(value, &mut self.buffer) {
            Err(error) if error.to_string() == BUFFER_IS_FULL => {
                self.buffer.resize(LIMIT, 0);
                Ok(())
            }
            outcome => outcome.map(drop),
        }
    }
}

/// Values as they were before their senders compressed them, each as its first bytes say, without those that are
/// damaged or too large; `None` where none of them is compressed.
pub(crate) fn decompressed(values: &[&[u8]]) -> Option<Vec<Vec<u8>>> {
    let mut decompressor = Decompressor::new(Compression::Auto)?;
    let is_compressed = |value: &&[u8]| Compression::Auto.of(value).is_some();
    let mut plain = |value: &&[u8]| decompressor.decompress(value).ok().map(<[u8]>::to_vec);
    values.iter().any(is_compressed).then(|| values.iter().filter_map(&mut plain).collect())
}

/// How zstd calls it (`ZSTD_error_dstSize_tooSmall`).
const BUFFER_IS_FULL: &str = "Destination buffer is too small";

#[cold]
fn invalid(compression: Compression, error: &io::Error) -> Rejection {
    let detail = format!("expected {}: {error}", compression.title());
    Rejection::new(ReasonCode::InvalidCompression, detail)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression as Level;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use proptest::prelude::*;

    use super::*;

    const NAMED: [Compression; 4] =
        [Compression::Gzip, Compression::Zlib, Compression::Deflate, Compression::Zstd];

    fn compressed(compression: Compression, level: u32, value: &[u8]) -> Vec<u8> {
        let level_of_deflate = Level::new(level);
        match compression {
            Compression::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), level_of_deflate);
                encoder.write_all(value).unwrap();
                encoder.finish().unwrap()
            }
            Compression::Zlib => {
                let mut encoder = ZlibEncoder::new(Vec::new(), level_of_deflate);
                encoder.write_all(value).unwrap();
                encoder.finish().unwrap()
            }
            Compression::Deflate => {
                let mut encoder = DeflateEncoder::new(Vec::new(), level_of_deflate);
                encoder.write_all(value).unwrap();
                encoder.finish().unwrap()
            }
            Compression::Zstd => zstd::encode_all(value, i32::try_from(level).unwrap()).unwrap(),
            Compression::None | Compression::Auto => value.to_vec(),
        }
    }

    fn decompress(compression: Compression, value: &[u8]) -> Result<Vec<u8>, ReasonCode> {
        let mut decompressor = Decompressor::new(compression).unwrap();
        let found = decompressor.decompress(value).map(<[u8]>::to_vec);
        found.map_err(|rejection| rejection.reason)
    }

    #[test]
    fn a_bomb_is_refused_at_the_limit() {
        for compression in NAMED {
            let fits = compressed(compression, 6, &vec![b' '; MAX_RECORD_BYTES]);
            assert_eq!(decompress(compression, &fits).unwrap().len(), MAX_RECORD_BYTES);
            for length in [MAX_RECORD_BYTES + 1, MAX_RECORD_BYTES + 2, 200 * MAX_RECORD_BYTES] {
                let bomb = compressed(compression, 6, &vec![b' '; length]);
                assert!(bomb.len() < MAX_RECORD_BYTES, "it proves nothing");
                let mut decompressor = Decompressor::new(compression).unwrap();
                let rejection = decompressor.decompress(&bomb).unwrap_err();
                assert_eq!(rejection.reason, ReasonCode::TooLarge, "{compression:?}");
                assert!(decompressor.buffer.capacity() <= 2 * LIMIT);
                // The next value is none the worse for it.
                assert_eq!(
                    decompressor.decompress(&compressed(compression, 1, b"{}")).unwrap(),
                    b"{}"
                );
            }
        }
    }

    #[test]
    fn members_and_frames_are_joined_and_nothing_else_follows() {
        for compression in NAMED {
            let one = compressed(compression, 6, b"{\"v\":1}");
            let twice = decompress(compression, &[&one[..], &one].concat());
            let has_several = matches!(compression, Compression::Gzip | Compression::Zstd);
            let expected = Ok(b"{\"v\":1}{\"v\":1}".to_vec());
            let damaged = Err(ReasonCode::InvalidCompression);
            assert_eq!(twice, if has_several { expected } else { damaged.clone() });
            assert_eq!(decompress(compression, &[&one[..], b"x"].concat()), damaged);
        }
    }

    #[test]
    fn what_is_not_compressed_is_refused_where_a_kind_is_named_and_taken_by_auto() {
        for compression in NAMED {
            let plain = decompress(compression, b"{\"v\":1}");
            assert_eq!(plain, Err(ReasonCode::InvalidCompression), "{compression:?}");
        }
        for plain in [&b""[..], b"{\"v\":1}", b"x", b"x,1", b"\x1f\x8b", b"\x28\xb5\x2f"] {
            assert_eq!(decompress(Compression::Auto, plain).as_deref(), Ok(plain));
        }
    }

    proptest! {
        #[test]
        fn what_is_compressed_comes_back_and_what_is_cut_off_does_not(
            value in prop::collection::vec(0_u8..4, 0..3_000),
            level in 1_u32..10,
            cut in any::<prop::sample::Index>(),
        ) {
            for compression in NAMED {
                let bytes = compressed(compression, level, &value);
                prop_assert_eq!(decompress(compression, &bytes), Ok(value.clone()));
                if compression != Compression::Deflate {
                    prop_assert_eq!(decompress(Compression::Auto, &bytes), Ok(value.clone()));
                }
                let cut = 1 + cut.index(bytes.len() - 1);
                if cut < bytes.len() {
                    let found = decompress(compression, &bytes[..cut]);
                    prop_assert_eq!(found, Err(ReasonCode::InvalidCompression), "{:?}", compression);
                }
            }
        }

        #[test]
        fn no_bytes_are_too_much(bytes: Vec<u8>) {
            for compression in NAMED {
                drop(decompress(compression, &bytes));
            }
        }
    }
}
