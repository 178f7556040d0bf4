//! Numbers that look random and can be had again.

use std::convert::Infallible;

use rand::TryRng;

/// What [`Draws`] moves on by: the increment of `SplitMix64`.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// The draws that belong to one thing, such as a record: `SplitMix64`, from a start of its own.
#[derive(Debug, Clone)]
pub(super) struct Draws(u64);

impl Draws {
    /// Those of the thing with that number.
    pub(super) const fn new(seed: u64, number: u64) -> Self {
        Self(mix(seed ^ mix(number)))
    }

    pub(super) const fn next(&mut self) -> u64 {
        let draw = mix(self.0);
        self.0 = self.0.wrapping_add(STEP);
        draw
    }

    /// In `[0, 1)`.
    pub(super) fn unit(&mut self) -> f64 {
        unit(self.next())
    }

    /// A whole number in `0..below`; `below` is small compared to all numbers.
    pub(super) fn below(&mut self, below: u32) -> u32 {
        // The upper half of the product, which is less than `below`.
        ((u64::from(below) * (self.next() >> 32)) >> 32) as u32
    }
}

impl TryRng for Draws {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok((self.next() >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.next())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(size_of::<u64>()) {
            let draw = self.next().to_le_bytes();
            chunk.copy_from_slice(&draw[..chunk.len()]);
        }
        Ok(())
    }
}

/// The finalizer of `SplitMix64`: every bit of the input moves about half of the output's.
pub(super) const fn mix(input: u64) -> u64 {
    let mut bits = input.wrapping_add(STEP);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// Maps a draw to `[0, 1)`.
pub(super) fn unit(draw: u64) -> f64 {
    (draw >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_draws_of_a_thing_can_be_had_again_and_are_no_others() {
        let draws = |seed, number| {
            let mut draws = Draws::new(seed, number);
            [draws.next(), draws.next(), draws.next()]
        };
        assert_eq!(draws(7, 1), draws(7, 1));
        assert_ne!(draws(7, 1), draws(7, 2));
        assert_ne!(draws(7, 1), draws(8, 1));
    }

    #[test]
    fn whole_numbers_are_drawn_alike() {
        let mut counts = [0_u32; 10];
        let mut draws = Draws::new(7, 0);
        for _ in 0..100_000 {
            counts[draws.below(10) as usize] += 1;
        }
        assert!(counts.iter().all(|count| (9_500..10_500).contains(count)), "{counts:?}");
    }

    #[test]
    fn bytes_are_filled_to_their_end() {
        let mut bytes = [0; 21];
        Draws::new(7, 0).try_fill_bytes(&mut bytes).unwrap();
        let mut draws = Draws::new(7, 0);
        let expected: Vec<u8> = (0..3).flat_map(|_| draws.next().to_le_bytes()).collect();
        assert_eq!(bytes[..], expected[..21]);
    }
}
