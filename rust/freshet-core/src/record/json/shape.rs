//! What is remembered of the objects of the records before: their keys.

/// The keys of an object, in their order.
#[derive(Debug, Default)]
pub(super) struct Shape(Vec<ExpectedKey>);

/// Objects of more keys are remembered up to here.
pub(super) const MAX_SHAPE: usize = 64;

/// A longer key is not remembered: it comes from outside, and what is remembered stays.
pub(super) const MAX_REMEMBERED: usize = 256;

/// In place of a key that is not remembered: a byte that no text in UTF-8 has.
const NO_KEY: &[u8] = &[0xff];

/// A key as it was written, from its opening quote to the colon.
#[derive(Debug)]
pub(super) struct ExpectedKey {
    pub(super) written: Vec<u8>,
    /// Its first 16 bytes, zeros after the end: one comparison is faster than that of a slice.
    beginning: u128,
    mask: u128,
    /// The place that the key leads to.
    pub(super) node: Option<usize>,
}

const BEGINNING: usize = size_of::<u128>();

impl ExpectedKey {
    fn new(written: &[u8], node: Option<usize>) -> Self {
        let mut key = Self { written: Vec::new(), beginning: 0, mask: 0, node };
        key.set(written, node);
        key
    }

    fn set(&mut self, written: &[u8], node: Option<usize>) {
        let length = written.len().min(BEGINNING);
        let (mut beginning, mut mask) = ([0; BEGINNING], [0; BEGINNING]);
        beginning[..length].copy_from_slice(&written[..length]);
        mask[..length].fill(u8::MAX);
        self.beginning = u128::from_le_bytes(beginning);
        self.mask = u128::from_le_bytes(mask);
        self.node = node;
        self.written.clear();
        self.written.extend_from_slice(written);
    }

    #[inline]
    fn begins(&self, bytes: &[u8]) -> bool {
        match bytes.first_chunk() {
            Some(beginning) if self.written.len() <= BEGINNING => {
                u128::from_le_bytes(*beginning) & self.mask == self.beginning
            }
            _ => bytes.starts_with(&self.written),
        }
    }
}

impl Shape {
    /// The key that stood at that position in the record before, if these bytes begin with it.
    #[inline]
    pub(super) fn expected(&self, position: usize, bytes: &[u8]) -> Option<&ExpectedKey> {
        self.0.get(position).filter(|key| key.begins(bytes))
    }

    /// Remembers a key. An object that has other keys than the one before costs this much for each of them, so the
    /// place of an old key is reused.
    pub(super) fn learn(&mut self, position: usize, written: &[u8], node: Option<usize>) {
        let written = if written.len() > MAX_REMEMBERED { NO_KEY } else { written };
        match self.0.get_mut(position) {
            Some(key) => key.set(written, node),
            None if position < MAX_SHAPE => self.0.push(ExpectedKey::new(written, node)),
            None => {}
        }
    }

    #[cfg(test)]
    pub(super) fn memory_bytes(&self) -> usize {
        self.0.iter().map(|key| key.written.capacity()).sum()
    }
}
