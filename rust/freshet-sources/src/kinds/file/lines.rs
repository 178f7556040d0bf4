//! Cuts bytes into lines, with a bound on each.

use std::io::{self, BufRead};

use memchr::memchr;

/// The longest line that is taken: as long as the longest record.
pub(in crate::kinds) const MOST_BYTES: usize = 1 << 20;

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::kinds) enum Next {
    /// A line, without its end.
    Line(Vec<u8>),
    /// A line that was longer than the bound, and is passed over.
    TooLong,
    /// There is no more yet. What was read of a line is kept.
    End,
}

/// Reads lines. Of a line that is not complete at most [`MOST_BYTES`] are kept.
#[derive(Debug, Default)]
pub(in crate::kinds) struct Lines {
    partial: Vec<u8>,
    /// Bytes of the line that is not complete, those that were not kept among them.
    pending: u64,
    offset: u64,
    count: u64,
}

impl Lines {
    /// Goes on behind so many bytes and lines.
    pub(in crate::kinds) fn after(offset: u64, count: u64) -> Self {
        Self { offset, count, ..Self::default() }
    }

    /// Bytes of the complete lines, with their ends, from the beginning of the file.
    pub(in crate::kinds) fn offset(&self) -> u64 {
        self.offset
    }

    /// How many lines were complete, from the beginning of the file.
    pub(in crate::kinds) fn count(&self) -> u64 {
        self.count
    }

    /// The next line.
    ///
    /// # Errors
    ///
    /// When the bytes cannot be read; what was read before is kept.
    pub(in crate::kinds) fn next(
        &mut self,
        bytes: &mut (impl BufRead + ?Sized),
    ) -> io::Result<Next> {
        loop {
            let available = bytes.fill_buf()?;
            if available.is_empty() {
                return Ok(Next::End);
            }
            let end = memchr(b'\n', available);
            let part = &available[..end.unwrap_or(available.len())];
            let room = (MOST_BYTES + 1).saturating_sub(self.partial.len());
            self.partial.extend_from_slice(&part[..part.len().min(room)]);
            let taken = part.len() + usize::from(end.is_some());
            self.pending += taken as u64;
            bytes.consume(taken);
            if end.is_some() {
                return Ok(self.complete());
            }
        }
    }

    /// What is left of a file that has no end of line at its end.
    pub(in crate::kinds) fn last(&mut self) -> Next {
        if self.pending == 0 { Next::End } else { self.complete() }
    }

    fn complete(&mut self) -> Next {
        self.offset += std::mem::take(&mut self.pending);
        self.count += 1;
        let mut line = std::mem::take(&mut self.partial);
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        if line.len() > MOST_BYTES { Next::TooLong } else { Next::Line(line) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::BufReader;

    fn lines(bytes: &[u8], buffer: usize) -> (Vec<Vec<u8>>, u64) {
        let mut reader = BufReader::with_capacity(buffer, bytes);
        let mut lines = Lines::default();
        let mut found = Vec::new();
        loop {
            let next = match lines.next(&mut reader).unwrap() {
                Next::End => lines.last(),
                next => next,
            };
            match next {
                Next::Line(line) => found.push(line),
                Next::TooLong => found.push(b"too long".to_vec()),
                Next::End => return (found, lines.offset()),
            }
        }
    }

    #[test]
    fn lines_end_with_either_end_and_the_last_one_without() {
        let (found, offset) = lines(b"a\nb\r\n\nc", 2);
        assert_eq!(found, [&b"a"[..], b"b", b"", b"c"]);
        assert_eq!(offset, 7);
    }

    #[test]
    fn a_line_without_end_takes_no_more_memory_than_the_longest_one() {
        let mut bytes = vec![b'x'; 5 * MOST_BYTES];
        bytes.extend_from_slice(b"\nshort\n");
        let mut reader = BufReader::new(&bytes[..]);
        let mut lines = Lines::default();
        assert_eq!(lines.next(&mut reader).unwrap(), Next::TooLong);
        assert!(lines.partial.capacity() <= 2 * (MOST_BYTES + 1));
        assert_eq!(lines.next(&mut reader).unwrap(), Next::Line(b"short".to_vec()));
        assert_eq!((lines.count(), lines.offset()), (2, bytes.len() as u64));
    }

    #[test]
    fn the_longest_line_is_taken() {
        let exact = [vec![b'x'; MOST_BYTES], b"\n".to_vec()].concat();
        assert_eq!(lines(&exact, 8_192).0[0].len(), MOST_BYTES);
    }

    proptest! {
        #[test]
        fn the_size_of_the_buffer_does_not_matter(
            bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), any::<u8>()], 0..300),
            buffer in 1_usize..40,
        ) {
            let (found, offset) = lines(&bytes, buffer);
            prop_assert_eq!(offset, bytes.len() as u64);
            let mut expected: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
            if expected.last().is_some_and(|last| last.is_empty()) {
                expected.pop();
            }
            let expected: Vec<&[u8]> =
                expected.into_iter().map(|line| line.strip_suffix(b"\r").unwrap_or(line)).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
