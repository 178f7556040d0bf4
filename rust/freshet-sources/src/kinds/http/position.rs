//! Where a feed goes on: what the server was told to have sent, and what of that was handed on.

use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_64;

use super::Poll;
use super::new_by::NewBy;
use super::path::Path;
use super::seen::Seen;
use crate::kinds::foreign_cursor;
use crate::source::{Cursor, SourceError};

/// By which a server knows what it has sent before (RFC 9110, section 8.8).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Validators {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) etag: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) last_modified: Option<String>,
}

/// A body of which a part was handed on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Part {
    /// The body's hash.
    pub(super) body: u64,
    /// How many of its messages.
    pub(super) messages: usize,
}

/// The cursor of a feed.
#[derive(Debug, Default)]
pub(super) struct Position {
    /// Of the last body that was handed on as a whole.
    pub(super) validators: Validators,
    pub(super) part: Option<Part>,
    pub(super) seen: Seen,
}

/// A position as it is written.
#[derive(Serialize, Deserialize)]
struct Written {
    /// The hash of what is asked for: validators and parts of something else mean nothing.
    of: u64,
    #[serde(flatten)]
    validators: Validators,
    #[serde(skip_serializing_if = "Option::is_none")]
    part: Option<Part>,
    seen: String,
}

impl Position {
    /// # Errors
    ///
    /// When the cursor is that of another kind of source.
    pub(super) fn read(cursor: &Cursor, poll: &Poll) -> Result<Self, SourceError> {
        let written: Written = cursor.read().map_err(|_| foreign_cursor())?;
        let seen = Seen::decode(&written.seen).ok_or_else(foreign_cursor)?;
        if written.of != fingerprint(poll) {
            return Ok(Self { seen, ..Self::default() });
        }
        Ok(Self { validators: written.validators, part: written.part, seen })
    }

    pub(super) fn cursor(&self, poll: &Poll) -> Result<Cursor, SourceError> {
        let written = Written {
            of: fingerprint(poll),
            validators: self.validators.clone(),
            part: self.part.clone(),
            seen: self.seen.encode(),
        };
        Cursor::new(&written)
            .map_err(|error| SourceError::transient(format!("cannot write a cursor: {error}")))
    }
}

/// What is asked for, and how it is split.
fn fingerprint(poll: &Poll) -> u64 {
    let what = [
        poll.endpoint.url.to_string(),
        poll.input.name().to_owned(),
        poll.items.as_ref().map(Path::text).unwrap_or_default(),
        poll.new_by.as_ref().map(NewBy::text).unwrap_or_default(),
        poll.skip_lines.to_string(),
    ];
    XxHash3_64::oneshot(what.join("\n").as_bytes())
}
