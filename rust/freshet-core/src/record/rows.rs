//! Which parts of a record are rows: the items of its lists.

use std::fmt;
use std::str::FromStr;

use super::path::{InvalidPath, Path, segments_of};

/// The lists whose items are the rows of a record, outermost first. As a text they are a path with `*` for each item:
/// `resourceMetrics.*.scopeMetrics.*.metrics`; `.` is the record itself as its only row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows(Vec<Vec<String>>);

impl Rows {
    /// The keys that lead to each list, from an item of the one before, and to the first one from the record. Without
    /// lists, the record is one row, also where it is a list itself.
    pub fn lists(&self) -> &[Vec<String>] {
        &self.0
    }

    /// Rows in these lists.
    pub(crate) fn new(lists: Vec<Vec<String>>) -> Self {
        Self(lists)
    }

    /// Rows where a record says it: a list has them as its items, anything else is one itself.
    pub(super) fn of_record() -> Self {
        Self(vec![Vec::new()])
    }
}

impl FromStr for Rows {
    type Err = InvalidPath;

    fn from_str(text: &str) -> Result<Self, InvalidPath> {
        if text == "." {
            return Ok(Self(Vec::new()));
        }
        let segments = segments_of(text);
        let mut lists = Vec::new();
        for keys in segments.split(|segment| *segment == "*") {
            lists.push(if keys.is_empty() {
                Vec::new()
            } else {
                let path: Path = keys.join(".").parse()?;
                if path.lists_up() > 0 {
                    return Err(InvalidPath::EmptyKey(text.to_owned()));
                }
                path.segments().to_owned()
            });
        }
        // `a.*` and `a` are the same list.
        if segments.last() == Some(&"*") {
            lists.pop();
        }
        Ok(Self(lists))
    }
}

impl fmt::Display for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str(".");
        }
        for (position, keys) in self.0.iter().enumerate() {
            f.write_str(if position > 0 { "." } else { "" })?;
            if !keys.is_empty() {
                write!(f, "{}.", Path::of_keys(keys))?;
            }
            f.write_str("*")?;
        }
        Ok(())
    }
}

crate::text::serde_as_text!(Rows);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_star_ends_the_way_to_a_list() {
        for (text, lists) in [
            (".", &[][..]),
            ("*", &[&[][..]]),
            ("data.readings", &[&["data", "readings"]]),
            ("data.readings.*", &[&["data", "readings"]]),
            ("a.*.b.*.c", &[&["a"], &["b"], &["c"]]),
            ("*.b", &[&[], &["b"]]),
            ("*.*", &[&[], &[]]),
            (r"a\.b.*.\*", &[&["a.b"], &["*"]]),
        ] {
            let rows: Rows = text.parse().unwrap();
            assert_eq!(rows.lists(), lists, "{text}");
            assert_eq!(rows.to_string().parse(), Ok(rows));
        }
        for text in ["", "a..b", "a.", "^.a", "a[0]", "$.a.*", "a.*.", "a[*].b"] {
            assert!(text.parse::<Rows>().is_err(), "{text}");
        }
    }
}
