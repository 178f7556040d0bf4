//! What else than a number counts as the value of a metric, and what one that is none costs.

use serde::{Deserialize, Serialize};

use super::fields::Value;
use super::number;

/// What stands for numbers, and what means none.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ValueRules {
    /// Texts, and numbers as they are written, that mean that a metric has no value.
    pub null_values: Vec<String>,
    /// Whether true is 1 and false is 0.
    pub booleans: bool,
    /// Texts that stand for numbers, such as `ON`.
    pub states: Vec<(String, f64)>,
    /// Whether a decimal comma is what a decimal point is elsewhere.
    pub decimal_comma: bool,
    /// What a metric costs whose value is no number: left out alone, it is counted.
    pub bad_value_costs: Cost,
    /// What a bad row costs: left out alone, it is a dead letter of its own.
    pub bad_row_costs: Cost,
}

/// What is lost with something that is bad.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cost {
    /// The whole record.
    #[default]
    Record,
    /// Nothing else.
    Itself,
}

/// What the value of a metric is.
pub(super) enum Measured {
    /// There is none, and none has to be.
    Nothing,
    Number(f64),
    /// It is no number.
    Bad,
}

impl ValueRules {
    /// Whether values are what they are without any rule.
    pub(super) fn are_usual(&self) -> bool {
        self.null_values.is_empty()
            && self.states.is_empty()
            && !self.booleans
            && !self.decimal_comma
            && self.bad_value_costs == Cost::Record
    }

    /// Whether the value is one of those that mean none.
    pub(super) fn is_null(&self, value: Value<'_>) -> bool {
        match value {
            Value::Missing | Value::Null => true,
            _ if self.null_values.is_empty() => false,
            value => {
                value.is_written(|written| self.null_values.iter().any(|text| text == written))
            }
        }
    }

    /// What the value of a metric is; `text_numbers` says whether texts may stand for numbers.
    pub(super) fn measure(&self, value: Value<'_>, text_numbers: bool) -> Measured {
        if self.is_null(value) {
            return Measured::Nothing;
        }
        let number = match value {
            Value::Written(number) => number::read_float(number),
            Value::Number(number) => Some(number.to_double()),
            Value::Bool(truth) => self.state(if truth { "true" } else { "false" }),
            Value::Text(text) => {
                self.state(text).or_else(|| text_numbers.then(|| self.read_text(text)).flatten())
            }
            Value::Missing | Value::Null | Value::Time(_) | Value::Nested | Value::Opaque => None,
        };
        number.map_or(Measured::Bad, Measured::Number)
    }

    /// The number that a text or truth stands for: `states` goes before `booleans`.
    fn state(&self, text: &str) -> Option<f64> {
        let known = self.states.iter().find(|(state, _)| state == text);
        if let Some((_, number)) = known {
            return Some(*number);
        }
        match text {
            "true" | "True" | "TRUE" if self.booleans => Some(1.0),
            "false" | "False" | "FALSE" if self.booleans => Some(0.0),
            _ => None,
        }
    }

    fn read_text(&self, text: &str) -> Option<f64> {
        if !self.decimal_comma {
            return number::read_float(text);
        }
        // A point would separate thousands where a comma separates decimals.
        let is_pointed = text.contains('.');
        (!is_pointed).then(|| number::read_float(&text.replacen(',', ".", 1))).flatten()
    }
}
