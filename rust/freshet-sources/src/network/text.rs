//! What others send, and what libraries say, in words for people: one line, bounded, without URLs.

use std::error::Error;

/// Longer texts of others are cut.
const MAX_CHARACTERS: usize = 300;

/// A text of somebody else as a part of a line: without control characters, and cut where it is long.
pub(crate) fn one_line(text: &str) -> String {
    let mut characters = text.trim().chars();
    let visible = |c: char| if c.is_control() { ' ' } else { c };
    let mut line: String = characters.by_ref().take(MAX_CHARACTERS).map(visible).collect();
    if characters.next().is_some() {
        line.push('…');
    }
    line
}

/// An error and its causes, of which libraries often tell only the first.
pub(crate) fn causes(error: &(dyn Error + 'static)) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        // Some repeat their cause.
        if !texts.iter().any(|known| known.contains(&text)) {
            texts.push(text);
        }
        next = error.source();
    }
    one_line(&texts.join(": "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use thiserror::Error;

    #[derive(Debug, Error)]
    #[error("{0}")]
    struct Outer(&'static str, #[source] Inner);

    #[derive(Debug, Error)]
    #[error("inner\nreason")]
    struct Inner;

    #[test]
    fn causes_are_told_once_and_in_one_line() {
        assert_eq!(causes(&Outer("outer", Inner)), "outer: inner reason");
        assert_eq!(causes(&Outer("outer: inner\nreason", Inner)), "outer: inner reason");
    }

    #[test]
    fn what_others_say_is_cut() {
        assert_eq!(one_line(" a\tb\u{1b}[31m "), "a b [31m");
        assert_eq!(one_line(&"é".repeat(1_000)).chars().count(), MAX_CHARACTERS + 1);
    }
}
