//! A sample as a table: its rows, and the places in them with what stands there.

use indexmap::{IndexMap, IndexSet};

use super::node::Scalar;

/// More places are not looked at: maps whose keys are ids have any number.
const MAX_FIELDS: usize = 2_000;
/// More rows are not looked at for a guess; what a proposal takes is counted over all of the sample.
pub(super) const MAX_ROWS: usize = 5_000;

/// The places of a sample's rows.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) rows: usize,
    pub(super) fields: Vec<Field>,
}

/// A place, and what stands there in each row.
#[derive(Debug, Clone)]
pub(super) struct Field {
    /// As the configuration writes it.
    pub(super) place: String,
    /// The keys and indexes that lead there.
    pub(super) keys: Vec<String>,
    /// Out of how many lists of rows it is.
    pub(super) up: usize,
    /// What stands there, row by row.
    pub(super) cells: Vec<Option<Scalar>>,
}

impl Field {
    /// The rows that have something else than null there.
    pub(super) fn values(&self) -> impl Iterator<Item = (usize, &Scalar)> {
        let cells = self.cells.iter().enumerate();
        cells.filter_map(|(row, cell)| Some((row, cell.as_ref()?))).filter(|(_, cell)| {
            // An empty text says nothing, in CSV it is null.
            !cell.written().is_empty()
        })
    }

    /// What stands there in a row, if it is not null.
    pub(super) fn value(&self, row: usize) -> Option<&Scalar> {
        let cell = self.cells.get(row)?.as_ref()?;
        (!matches!(cell, Scalar::Null)).then_some(cell)
    }

    /// How many rows have something there.
    pub(super) fn count(&self) -> usize {
        self.values().count()
    }

    /// What is written there, each once, in the order of the rows.
    pub(super) fn distinct(&self) -> IndexSet<&str> {
        self.values().map(|(_, value)| value.written()).collect()
    }

    /// Its last key that is not an index of a list; empty for a column without a name.
    pub(super) fn name(&self) -> &str {
        self.keys.iter().rev().find(|key| !is_index(key)).map_or("", String::as_str)
    }

    /// Whether its last key is the index of a list, or the number of a column.
    pub(super) fn is_indexed(&self) -> bool {
        self.keys.last().is_some_and(|key| is_index(key))
    }

    /// The words of its name.
    pub(super) fn words(&self) -> Vec<String> {
        words(self.name())
    }
}

pub(super) fn is_index(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_digit())
}

/// The words of a name, in lower case: of `lastChanged_at` last, changed and at.
pub(super) fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut before = ' ';
    for character in name.chars() {
        if !character.is_alphanumeric() {
            before = ' ';
            continue;
        }
        let begins = before == ' ' || before.is_lowercase() && character.is_uppercase();
        if begins {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.extend(character.to_lowercase());
        }
        before = character;
    }
    words
}

/// A table that is being filled.
pub(super) struct Filling {
    /// How the configuration writes a place: how many lists it is out of, and its keys.
    write: fn(usize, &[String]) -> String,
    places: IndexMap<(usize, Vec<String>), Field>,
    rows: usize,
}

impl Filling {
    pub(super) fn new(write: fn(usize, &[String]) -> String) -> Self {
        Self { write, places: IndexMap::new(), rows: 0 }
    }

    /// Begins the next row; false when there are enough.
    pub(super) fn begin_row(&mut self) -> bool {
        self.rows += 1;
        self.rows <= MAX_ROWS
    }

    /// Says what stands somewhere in the row.
    pub(super) fn set(&mut self, up: usize, keys: &[String], value: Scalar) {
        let key = (up, keys.to_owned());
        if self.places.len() >= MAX_FIELDS && !self.places.contains_key(&key) {
            return;
        }
        let field = self.places.entry(key).or_insert_with(|| Field {
            place: (self.write)(up, keys),
            keys: keys.to_owned(),
            up,
            cells: Vec::new(),
        });
        field.cells.resize(self.rows, None);
        if let Some(cell) = field.cells.last_mut() {
            *cell = Some(value);
        }
    }

    pub(super) fn end(self) -> Table {
        let rows = self.rows.min(MAX_ROWS);
        let mut fields: Vec<Field> = self.places.into_values().collect();
        for field in &mut fields {
            field.cells.resize(rows, None);
        }
        Table { rows, fields }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_its_words() {
        for (name, expected) in [
            ("lastChanged_at", &["last", "changed", "at"][..]),
            ("timeUnixNano", &["time", "unix", "nano"]),
            ("ts_ms", &["ts", "ms"]),
            ("ENERGY", &["energy"]),
            ("Temp. [°C]", &["temp", "c"]),
            ("switch:0", &["switch", "0"]),
            ("", &[]),
        ] {
            assert_eq!(words(name), expected, "{name}");
        }
    }
}
