//! A value that must not show up in logs.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

/// A password or token. `Debug` hides it; serializing it (towards the code that connects with it) does not.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps the plain text.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The plain text, for the one call that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}
