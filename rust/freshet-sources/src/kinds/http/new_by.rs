//! What tells a message from others.

use freshet_core::config::{ConfigError, Section};
use jaq_json::Val;

use super::path::Path;
use super::seen::KeyHash;
use crate::record::{Filter, filter_input};

/// What a path has in none of its names, unlike filters.
const OF_FILTERS: &str = "|()[]{}\"'?*+=<>!;,\\#";

/// Where that stands, or how it is made.
#[derive(Debug)]
pub(super) enum NewBy {
    /// Names with dots between them, without a dot before the first: the short form of a filter.
    Path(Path),
    /// A jq filter.
    Filter {
        filter: Filter,
        /// As it is written.
        code: String,
        /// Whether it is given texts.
        is_text: bool,
    },
}

impl NewBy {
    pub(super) fn read(section: &Section<'_>) -> Result<Option<Self>, ConfigError> {
        let Some(written) = section.optional_text("new_by")? else { return Ok(None) };
        if is_path(&written.value) {
            return Ok(Some(Self::Path(written.convert(|text| Path::parse(&text))?.value)));
        }
        // As the other filters of the source are.
        let is_text = section.choice("transform_input")? == 1;
        match Filter::compile(&written.value, &[]) {
            Ok(filter) => Ok(Some(Self::Filter { filter, code: written.value, is_text })),
            Err(error) => Err(written.error_in_line(error.line, error.message)),
        }
    }

    /// As it is written.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Path(path) => path.text(),
            Self::Filter { code, .. } => code.clone(),
        }
    }

    /// The key of a message; one of which a filter makes nothing, or on which it fails, is known by all that it says.
    ///
    /// # Errors
    ///
    /// With that key, and why the filter has failed.
    pub(super) fn key(&self, message: &[u8]) -> Result<KeyHash, (KeyHash, String)> {
        let whole = KeyHash::of(message);
        match self {
            Self::Path(path) => {
                let text = std::str::from_utf8(message).ok();
                let found = text.and_then(|text| path.find(text).ok().flatten());
                Ok(found.map_or(whole, |found| KeyHash::of(found.as_bytes())))
            }
            Self::Filter { filter, is_text, .. } => {
                let input = filter_input(message, *is_text).map_err(|error| (whole, error))?;
                match filter.outputs(input, Vec::new()).next() {
                    None | Some(Ok(Val::Null)) => Ok(whole),
                    // As JSON, as it is found at a path.
                    Some(Ok(key)) => Ok(KeyHash::of(key.to_string().as_bytes())),
                    Some(Err(error)) => Err((whole, error)),
                }
            }
        }
    }
}

/// Paths were there before filters: `id` is the place, and not a function of jq.
fn is_path(text: &str) -> bool {
    text == "." || !text.starts_with('.') && !text.contains(|part| OF_FILTERS.contains(part))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// As the configuration has it.
    pub(in crate::kinds::http) fn new_by(code: &str, is_text: bool) -> NewBy {
        if is_path(code) {
            return NewBy::Path(Path::parse(code).unwrap());
        }
        let filter = Filter::compile(code, &[]).unwrap();
        NewBy::Filter { filter, code: code.to_owned(), is_text }
    }

    #[test]
    fn a_filter_that_is_a_path_gives_the_key_of_the_path() {
        let message =
            br#"{"id": "a", "p": {"code": 1.50, "type": "x"}, "length": 7, "l": [{"n": 1e3}]}"#;
        for (path, filter) in [
            ("id", ".id"),
            ("p.code", ".p.code"),
            ("p.type", ".p[\"type\"]"),
            ("length", ".length"),
            ("l.0.n", ".l[0].n"),
        ] {
            let key = new_by(path, false).key(message).unwrap();
            assert_eq!(new_by(filter, false).key(message).unwrap(), key, "{path}");
            assert_ne!(key, KeyHash::of(message), "{path}");
        }
        assert_eq!(new_by(".", false).key(message).unwrap(), KeyHash::of(message));
        for nothing in ["none", ".none", "empty | .", "(null, 1)"] {
            let key = new_by(nothing, false).key(message).unwrap();
            assert_eq!(key, KeyHash::of(message), "{nothing}");
        }
    }

    #[test]
    fn a_filter_puts_keys_together_and_reads_texts() {
        let of_two = new_by("[.id, .at]", false);
        let key = |message: &str| of_two.key(message.as_bytes()).unwrap();
        assert_eq!(key(r#"{"id": 1, "at": 2, "v": 3}"#), key(r#"{"v": 4, "at": 2, "id": 1}"#));
        assert_ne!(key(r#"{"id": 1, "at": 2}"#), key(r#"{"id": 1, "at": 3}"#));
        let of_text = new_by("split(\",\")[0]", true);
        assert_eq!(of_text.key(b"a,1").unwrap(), of_text.key(b"a,2").unwrap());
        assert_ne!(of_text.key(b"a,1").unwrap(), of_text.key(b"b,1").unwrap());
    }

    #[test]
    fn a_message_on_which_a_filter_fails_is_known_by_all_that_it_says() {
        let (key, error) = new_by(".id | ascii_downcase", false).key(b"{\"id\": 1}").unwrap_err();
        assert_eq!(key, KeyHash::of(b"{\"id\": 1}"));
        assert!(!error.is_empty());
        let (key, error) = new_by(".id", false).key(b"a,1").unwrap_err();
        assert_eq!(key, KeyHash::of(b"a,1"));
        assert!(error.contains("write transform_input = \"text\""), "{error}");
    }
}
