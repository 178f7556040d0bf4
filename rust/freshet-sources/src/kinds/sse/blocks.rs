//! A stream of events, cut at its empty lines: what the parser gets is bounded, whatever the server sends.

use std::mem;

/// An event that is longer is dropped.
pub(super) const MAX_EVENT_BYTES: usize = 1 << 20;
/// What is passed over in search of the end of an event that is too long.
const MAX_SKIPPED_BYTES: usize = 64 << 20;
/// A byte order mark: one may stand at the beginning of the stream, and means nothing.
const MARK: &[u8] = "\u{feff}".as_bytes();

/// What stands between two empty lines.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Block {
    /// Lines, each with a line feed at its end.
    Lines(Vec<u8>),
    /// More than an event may have; the stream goes on behind it.
    TooLong,
    /// So much more that its end is not worth waiting for.
    Endless,
}

/// Cuts a stream that comes in pieces.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    lines: Vec<u8>,
    is_within_line: bool,
    /// Whether the stream is beyond the place for a byte order mark.
    has_begun: bool,
    /// A line feed behind a carriage return belongs to it.
    was_return: bool,
    skipped: Option<usize>,
}

impl Blocks {
    /// Takes from the beginning of a piece until a block is whole; `None` when the piece is used up.
    pub(super) fn take(&mut self, piece: &mut &[u8]) -> Option<Block> {
        while let Some((byte, rest)) = piece.split_first() {
            *piece = rest;
            if let Some(block) = self.add(*byte) {
                return Some(block);
            }
        }
        None
    }

    fn add(&mut self, byte: u8) -> Option<Block> {
        let is_second_half = byte == b'\n' && self.was_return;
        self.was_return = byte == b'\r';
        if is_second_half {
            return None;
        }
        if !matches!(byte, b'\n' | b'\r') {
            self.is_within_line = true;
            return self.keep(byte);
        }
        self.has_begun = true;
        if mem::take(&mut self.is_within_line) {
            return self.keep(b'\n');
        }
        let lines = mem::take(&mut self.lines);
        let was_skipped = self.skipped.take().is_some();
        (!was_skipped && !lines.is_empty()).then_some(Block::Lines(lines))
    }

    /// Keeps a byte, unless that would be too many.
    fn keep(&mut self, byte: u8) -> Option<Block> {
        if let Some(skipped) = &mut self.skipped {
            *skipped += 1;
            return (*skipped == MAX_SKIPPED_BYTES).then_some(Block::Endless);
        }
        if self.lines.len() < MAX_EVENT_BYTES {
            self.lines.push(byte);
            self.pass_over_mark();
            return None;
        }
        self.lines = Vec::new();
        self.skipped = Some(0);
        Some(Block::TooLong)
    }

    fn pass_over_mark(&mut self) {
        if self.has_begun || self.lines.len() < MARK.len() {
            return;
        }
        self.has_begun = true;
        if self.lines == MARK {
            self.lines.clear();
            self.is_within_line = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn blocks<'p>(pieces: impl IntoIterator<Item = &'p [u8]>) -> Vec<Block> {
        let mut cutter = Blocks::default();
        let mut blocks = Vec::new();
        for mut piece in pieces {
            while let Some(block) = cutter.take(&mut piece) {
                blocks.push(block);
            }
        }
        blocks
    }

    fn lines(text: &str) -> Block {
        Block::Lines(text.as_bytes().to_vec())
    }

    #[test]
    fn a_line_ends_in_any_of_three_ways() {
        for end in ["\n", "\r", "\r\n"] {
            let text = "\n\ndata: 1\nid: 2\n\n\n\ndata: 3\n\ndata: half".replace('\n', end);
            assert_eq!(blocks([text.as_bytes()]), [lines("data: 1\nid: 2\n"), lines("data: 3\n")]);
        }
    }

    #[test]
    fn one_byte_order_mark_at_the_beginning_means_nothing() {
        for text in ["data: 1\n\n", "\ndata: 1\n\n", "data: 1\r\n\r\n"] {
            let text = format!("\u{feff}{text}");
            assert_eq!(blocks([text.as_bytes()]), [lines("data: 1\n")]);
            assert_eq!(blocks(text.as_bytes().chunks(1)), [lines("data: 1\n")]);
        }
        for text in ["\u{feff}\u{feff}id\n\n", "\n\u{feff}id\n\n", "a\n\n\u{feff}id\n\n"] {
            assert_eq!(blocks([text.as_bytes()]).pop().unwrap(), lines("\u{feff}id\n"), "{text:?}");
        }
        assert_eq!(blocks([&b"a\n\n"[..]]), [lines("a\n")]);
    }

    #[test]
    fn the_stream_goes_on_behind_an_event_that_is_too_long() {
        let mut text = b"data: ".to_vec();
        text.resize(MAX_EVENT_BYTES + 100, b'x');
        text.extend_from_slice(b"\ndata: more\n\ndata: 1\n\n");
        assert_eq!(blocks([text.as_slice()]), [Block::TooLong, lines("data: 1\n")]);
    }

    #[test]
    fn memory_is_bounded_and_so_is_patience() {
        let mut cutter = Blocks::default();
        let piece = vec![b'x'; 1 << 20];
        let mut found = Vec::new();
        for _ in 0..70 {
            let mut rest = piece.as_slice();
            while let Some(block) = cutter.take(&mut rest) {
                found.push(block);
            }
            assert!(cutter.lines.capacity() <= 2 * MAX_EVENT_BYTES);
        }
        assert_eq!(found, [Block::TooLong, Block::Endless]);
    }

    proptest! {
        #[test]
        fn it_does_not_matter_where_a_piece_ends(
            text in "\u{feff}?(data|:|\r|\n|\r\n| |x|\u{feff}){0,60}", size in 1_usize..8,
        ) {
            prop_assert_eq!(blocks(text.as_bytes().chunks(size)), blocks([text.as_bytes()]));
        }
    }
}
