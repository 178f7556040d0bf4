//! How many tests ran, read from the closing lines of each language's runner.

use std::fmt;
use std::ops::Add;

/// Tests that passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// How many passed.
    pub passed: u64,
    /// How many failed.
    pub failed: u64,
}

impl Counts {
    /// Counts a step from its exit status and its output. A step without tests counts as one; a step that failed
    /// without a failed test, such as one that did not compile, counts as one failure more.
    pub fn of(success: bool, output: &str) -> Self {
        let lines = output.lines().map(without_colours);
        let mut counts =
            lines.filter_map(|line| closing_line(&line)).fold(Self::default(), Add::add);
        if counts == Self::default() && success {
            counts.passed = 1;
        }
        if counts.failed == 0 && !success {
            counts.failed = 1;
        }
        counts
    }
}

impl Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { passed: self.passed + other.passed, failed: self.failed + other.failed }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} passed, {} failed", self.passed, self.failed)
    }
}

fn closing_line(line: &str) -> Option<Counts> {
    let words: Vec<&str> = line
        .split(|c: char| c.is_whitespace() || "[]|;,().".contains(c))
        .filter(|word| !word.is_empty())
        .collect();
    match words.as_slice() {
        // cargo: test result: ok. 12 passed; 0 failed; 0 ignored; …
        // vitest: Tests  1 failed | 11 passed (12)
        ["test", "result:", rest @ ..] | ["Tests", rest @ ..] => Some(Counts {
            passed: number_before(rest, "passed"),
            failed: number_before(rest, "failed"),
        }),
        // JUnit's console launcher: [        12 tests successful      ]
        [number, "tests", "successful"] => Some(Counts { passed: number.parse().ok()?, failed: 0 }),
        [number, "tests", "failed"] => Some(Counts { passed: 0, failed: number.parse().ok()? }),
        _ => None,
    }
}

fn number_before(words: &[&str], name: &str) -> u64 {
    let position = words.iter().position(|word| *word == name);
    let number = position.and_then(|position| words.get(position.checked_sub(1)?)?.parse().ok());
    number.unwrap_or(0)
}

/// A line without the sequences that colour it.
pub(super) fn without_colours(line: &str) -> String {
    let mut plain = String::new();
    let mut rest = line.chars();
    while let Some(character) = rest.next() {
        if character == '\u{1b}' {
            rest.find(char::is_ascii_alphabetic);
        } else {
            plain.push(character);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_runner_s_closing_lines_are_understood() {
        let cargo = "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; finished in 0.1s\n\
                     test result: FAILED. 3 passed; 2 failed; 0 ignored";
        assert_eq!(Counts::of(false, cargo), Counts { passed: 15, failed: 2 });
        let junit = "[        12 tests successful      ]\n[         1 tests failed          ]";
        assert_eq!(Counts::of(false, junit), Counts { passed: 12, failed: 1 });
        let vitest =
            " Test Files  3 passed (3)\n\u{1b}[2m      Tests\u{1b}[22m  1 failed | 45 passed (46)";
        assert_eq!(Counts::of(false, vitest), Counts { passed: 45, failed: 1 });
    }

    #[test]
    fn a_step_without_tests_counts_as_one() {
        assert_eq!(Counts::of(true, "all formatted"), Counts { passed: 1, failed: 0 });
        assert_eq!(Counts::of(false, "not formatted"), Counts { passed: 0, failed: 1 });
    }

    #[test]
    fn a_runner_that_fails_after_its_tests_passed_is_a_failure() {
        let output = "test result: ok. 2 passed; 0 failed; 0 ignored\nerror: could not compile";
        assert_eq!(Counts::of(false, output), Counts { passed: 2, failed: 1 });
    }
}
