//! Up to where everything is done, of things that are numbered and finish in any order.

use std::collections::BTreeMap;

/// Numbers that were received in ascending order, perhaps with gaps, and those among them that are not done yet. Only
/// unfinished ones take memory: one that is done and waits for one before it is nothing but a gap between them, however
/// many they are.
#[derive(Debug, Clone, Default)]
pub struct Contiguous {
    /// Each number that is not done, and the one after the number that was received before it.
    unfinished: BTreeMap<i64, i64>,
    end: i64,
}

impl Contiguous {
    /// Nothing received yet; the first number is `first` or a later one.
    pub const fn starting_at(first: i64) -> Self {
        Self { unfinished: BTreeMap::new(), end: first }
    }

    /// Notes a number that has come in: not below [`Self::end`].
    pub fn receive(&mut self, number: i64) {
        self.unfinished.insert(number, self.end);
        self.end = number + 1;
    }

    /// Notes that a number is done.
    pub fn finish(&mut self, number: i64) {
        self.unfinished.remove(&number);
    }

    /// The number after the last one that was received.
    pub const fn end(&self) -> i64 {
        self.end
    }

    /// The number after the last one before which, itself included, everything is done.
    pub fn done(&self) -> i64 {
        self.unfinished.first_key_value().map_or(self.end, |(_, end)| *end)
    }

    /// Whether everything that was received is done.
    pub fn is_idle(&self) -> bool {
        self.unfinished.is_empty()
    }

    /// How many are not done.
    pub fn unfinished(&self) -> usize {
        self.unfinished.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_passed_over_and_the_first_unfinished_number_holds_up_the_others() {
        let mut numbers = Contiguous::starting_at(10);
        for number in [10, 11, 15] {
            numbers.receive(number);
        }
        numbers.finish(11);
        assert_eq!((numbers.done(), numbers.end()), (10, 16));
        numbers.finish(10);
        assert_eq!(numbers.done(), 12);
        numbers.finish(15);
        assert_eq!((numbers.done(), numbers.is_idle()), (16, true));
    }
}
