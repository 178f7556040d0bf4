//! The printed arithmetic comes to the printed values: a reader of both can reckon it again.
//!
//! ```text
//! kinds = sum (';' sum)*                  of kinds of windows, each with its name and a colon before it
//! sum   = term (('+' | '−') term)*
//! term  = value (('×' | '/') value)*
//! value = number unit? word* | '(' kinds ')' | ('the least of' | 'the most of') sum ((',' | 'and' | ', and') sum)*
//! ```
//! Any other word with a colon ends it: what follows is an explanation.

use freshet_core::window::WindowSpec;

use super::figures::{GIB, MIB};
use super::tests::demands;
use super::*;
use proptest::prelude::*;

/// What is printed has three digits, so each number is off by half a percent at most; some steps have three of them.
const TOLERANCE: f64 = 0.025;

const UNITS: [(&str, f64); 14] = [
    ("B", 1.0),
    ("kB", 1e3),
    ("MB", 1e6),
    ("GB", 1e9),
    ("TB", 1e12),
    ("PB", 1e15),
    ("MiB", MIB),
    ("GiB", GIB),
    ("µs", 1e-6),
    ("%", 0.01),
    ("s", 1.0),
    ("min", 60.0),
    ("h", 3_600.0),
    ("d", 86_400.0),
];

fn tokens(text: &str) -> Vec<String> {
    let spaced =
        text.replace('(', "( ").replace(')', " )").replace("; ", " ; ").replace(", ", " , ");
    let mut found = Vec::new();
    for word in spaced.split_whitespace() {
        match word.strip_suffix(':') {
            // The name of a kind of window.
            Some(name) if name.parse::<WindowSpec>().is_ok() => {}
            Some(last) => {
                found.push(last.to_owned());
                break;
            }
            None => found.push(word.to_owned()),
        }
    }
    found
}

struct Reader {
    tokens: Vec<String>,
    next: usize,
}

impl Reader {
    fn evaluate(text: &str) -> f64 {
        let mut reader = Self { tokens: tokens(text), next: 0 };
        let value = reader.kinds();
        assert_eq!(reader.next, reader.tokens.len(), "'{text}' is not read to its end");
        value
    }

    fn peek(&self, ahead: usize) -> &str {
        self.tokens.get(self.next + ahead).map_or("", String::as_str)
    }

    fn take(&mut self, token: &str) -> bool {
        let is_next = self.peek(0) == token;
        self.next += usize::from(is_next);
        is_next
    }

    fn kinds(&mut self) -> f64 {
        let mut value = self.sum();
        while self.take(";") {
            value += self.sum();
        }
        value
    }

    fn sum(&mut self) -> f64 {
        let mut value = self.term();
        loop {
            if self.take("+") {
                value += self.term();
            } else if self.take("−") {
                value -= self.term();
            } else {
                return value;
            }
        }
    }

    fn term(&mut self) -> f64 {
        let mut value = self.value();
        loop {
            if self.take("×") {
                value *= self.value();
            } else if self.take("/") {
                value /= self.value();
            } else {
                return value;
            }
        }
    }

    fn value(&mut self) -> f64 {
        if self.take("(") {
            let value = self.kinds();
            assert!(self.take(")"), "a bracket is open in {:?}", self.tokens);
            return value;
        }
        if self.take("the") {
            let least = self.take("least");
            assert!(least || self.take("most"), "neither least nor most in {:?}", self.tokens);
            assert!(self.take("of"));
            let value = self.chosen(if least { f64::min } else { f64::max });
            // What follows the least of some is set off by a comma.
            self.next += usize::from(self.peek(0) == "," && self.peek(1) == "×");
            return value;
        }
        self.number()
    }

    fn chosen(&mut self, choose: fn(f64, f64) -> f64) -> f64 {
        let mut value = self.sum();
        loop {
            let comma = self.peek(1) != "×" && self.take(",");
            if !self.take("and") && !comma {
                return value;
            }
            value = choose(value, self.sum());
        }
    }

    fn number(&mut self) -> f64 {
        let text = self.peek(0).replace(',', "");
        let digits = text.trim_end_matches("/s");
        let mut value: f64 = digits
            .parse()
            .unwrap_or_else(|_| panic!("'{text}' is no number, in {:?}", self.tokens));
        self.next += 1;
        if let Some(unit) = unit(self.peek(0)) {
            value *= unit;
            self.next += 1;
        }
        // What is counted: "cores of executors".
        while self.peek(0).starts_with(char::is_alphabetic) && self.peek(0) != "and" {
            self.next += 1;
        }
        value
    }
}

fn unit(text: &str) -> Option<f64> {
    let name = text.strip_suffix("/s").unwrap_or(text);
    UNITS.iter().find(|(unit, _)| *unit == name).map(|(_, factor)| *factor)
}

fn is_near(step: &report::Step) -> bool {
    let (found, right) = (Reader::evaluate(&step.how), Reader::evaluate(&step.value));
    let is_amount = step.value.contains([' ', '/']);
    if is_amount || (found - right).abs() <= right * TOLERANCE {
        return (found - right).abs() <= right * TOLERANCE;
    }
    // Whole ones: there is no half a machine.
    let whole = |number: f64| number.ceil().max(1.0);
    (whole(found * (1.0 - TOLERANCE))..=whole(found * (1.0 + TOLERANCE))).contains(&right)
}

#[test]
fn arithmetic_is_read_as_people_read_it() {
    let cases = [
        ("2 × (10,000/s × 0.888 µs + 0.1 s / 2 s)", 0.117_76),
        ("the most of 3 replicas, 1 / 8 cores, and 2 × 6 GB/s / 625 MB/s: why", 19.2),
        ("10s: the least of 5 × 1 and 7 / 1 s; 5m/1m: the least of 9 and 4", 9.0),
        ("the least of 5/s and 2 × 3/s, × 2 d × 3 replicas", 5.0 * 172_800.0 * 3.0),
        ("(1 GiB − 512 MiB) / 50 % full", GIB),
    ];
    for (text, right) in cases {
        let found = Reader::evaluate(text);
        assert!((found - right).abs() <= right * 1e-9, "{text}: {found} is not {right}");
    }
}

#[test]
fn heaps_that_ask_for_the_executors_are_in_the_sum_and_are_the_bottleneck() {
    let plan = Plan::of(&tests::of_large_state()).unwrap();
    assert!(plan.spark.by_heap > plan.spark.by_cores);
    assert_eq!((plan.bottleneck.part, plan.bottleneck.resource), ("the Spark job", "memory"));
    assert!(plan.bottleneck.relief.contains("rocksdb"), "{}", plan.bottleneck.relief);
    let steps = report::steps(&plan);
    let executors = steps.iter().find(|step| step.what == "executors").unwrap();
    assert_eq!(executors.value, executors.how.split_whitespace().rev().nth(3).unwrap());
    for step in steps {
        assert!(is_near(&step), "{} {}: {} = {}", step.part, step.what, step.value, step.how);
    }
}

proptest! {
    #[test]
    fn what_is_printed_comes_to_what_is_printed(demand in demands()) {
        for step in report::steps(&Plan::of(&demand).unwrap()) {
            prop_assert!(is_near(&step), "{} {}: {} = {}", step.part, step.what, step.value, step.how);
        }
    }
}
