//! The places in a line that a path of the configuration names.

use super::Path;

/// A place in a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// The name before the tags.
    Measurement,
    /// The value of that tag.
    Tag(String),
    /// The value of that field.
    Field(String),
    /// The line's own time.
    Timestamp,
}

const MEASUREMENT: &str = "measurement";
const TIMESTAMP: &str = "timestamp";
const TAG: &str = "tag";
const FIELD: &str = "field";

impl Place {
    /// The path of a place as it is configured: `measurement`, `timestamp`, `tag.NAME` or `field.NAME`. The name is
    /// taken letter for letter. `None` where that is no place.
    pub(crate) fn path(text: &str) -> Option<Path> {
        let place = match text.split_once('.') {
            None if text == MEASUREMENT => Self::Measurement,
            None if text == TIMESTAMP => Self::Timestamp,
            Some((TAG, name)) if !name.is_empty() => Self::Tag(name.to_owned()),
            Some((FIELD, name)) if !name.is_empty() => Self::Field(name.to_owned()),
            _ => return None,
        };
        Some(place.to_path())
    }

    /// As a path; [`Self::of`] is the way back.
    pub(crate) fn to_path(&self) -> Path {
        match self {
            Self::Measurement => Path::of_key(MEASUREMENT),
            Self::Timestamp => Path::of_key(TIMESTAMP),
            Self::Tag(name) => Path::of_name_in(TAG, name),
            Self::Field(name) => Path::of_name_in(FIELD, name),
        }
    }

    /// The place that a path names; `None` where it names none.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        match path.segments() {
            [one] if one == MEASUREMENT => Some(Self::Measurement),
            [one] if one == TIMESTAMP => Some(Self::Timestamp),
            [kind, name] if kind == TAG => Some(Self::Tag(name.clone())),
            [kind, name] if kind == FIELD => Some(Self::Field(name.clone())),
            _ => None,
        }
    }
}
