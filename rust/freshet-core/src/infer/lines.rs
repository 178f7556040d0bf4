//! Samples in line protocol: measurements, tags and fields.

use super::node::{Scalar, number_of};
use super::table::{Filling, Table};

/// A line: its measurement, its tags, its fields and its time.
struct Line {
    measurement: String,
    tags: Vec<(String, String)>,
    fields: Vec<(String, Scalar)>,
    timestamp: Option<String>,
}

/// The lines of a text that are neither empty nor comments.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Whether most lines of a text are line protocol.
pub(super) fn is_line_protocol(text: &str) -> bool {
    let (mut all, mut good) = (0, 0);
    for line in lines(text).take(100) {
        all += 1;
        good += usize::from(Line::read(line).is_some());
    }
    good * 10 >= all * 9 && all > 0
}

/// The lines as rows.
pub(super) fn table<'a>(texts: impl Iterator<Item = &'a str>) -> Table {
    // As the configuration writes a place: the name letter for letter.
    let mut filling = Filling::new(|_, keys| keys.join("."));
    for line in texts.flat_map(lines).filter_map(Line::read) {
        if !filling.begin_row() {
            break;
        }
        let Line { measurement, tags, fields, timestamp } = line;
        filling.set(0, &["measurement".to_owned()], Scalar::Text(measurement));
        for (name, value) in tags {
            filling.set(0, &["tag".to_owned(), name], Scalar::Text(value));
        }
        for (name, value) in fields {
            filling.set(0, &["field".to_owned(), name], value);
        }
        if let Some(timestamp) = timestamp {
            filling.set(0, &["timestamp".to_owned()], Scalar::Number(timestamp));
        }
    }
    filling.end()
}

impl Line {
    fn read(line: &str) -> Option<Self> {
        let (head, rest) = split_once(line, ' ')?;
        let (fields, timestamp) =
            split_once(rest.trim_start(), ' ').unwrap_or((rest.trim_start(), ""));
        let timestamp = timestamp.trim();
        let mut head = split(head, ',').into_iter();
        let measurement =
            head.next().filter(|name| !name.is_empty() && !name.starts_with(['{', '[', '"']))?;
        let pair = |text: &str| {
            let (name, value) = split_once(text, '=')?;
            (!name.is_empty() && !value.is_empty()).then(|| (plain(name), value.to_owned()))
        };
        let tags: Vec<(String, String)> = head
            .map(|tag| pair(tag).map(|(name, value)| (name, plain(&value))))
            .collect::<Option<_>>()?;
        let field = |text: &str| pair(text).and_then(|(name, value)| Some((name, scalar(&value)?)));
        let fields: Vec<(String, Scalar)> =
            split(fields, ',').into_iter().map(field).collect::<Option<_>>()?;
        let is_time = |byte: u8| byte.is_ascii_digit() || byte == b'-';
        timestamp.bytes().all(is_time).then(|| Self {
            measurement: plain(measurement),
            tags,
            fields,
            timestamp: (!timestamp.is_empty()).then(|| timestamp.to_owned()),
        })
    }
}

/// The value of a field.
fn scalar(text: &str) -> Option<Scalar> {
    if let Some(string) = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        return Some(Scalar::Text(string.replace("\\\"", "\"").replace("\\\\", "\\")));
    }
    match text {
        "t" | "T" | "true" | "True" | "TRUE" => return Some(Scalar::Bool(true)),
        "f" | "F" | "false" | "False" | "FALSE" => return Some(Scalar::Bool(false)),
        _ => {}
    }
    let digits = text.strip_suffix(['i', 'u']).unwrap_or(text);
    number_of(digits).map(|_| Scalar::Number(digits.to_owned()))
}

/// The parts between the signs that neither a backslash nor quotes take literally.
fn split(text: &str, sign: char) -> Vec<&str> {
    let (mut parts, mut rest) = (Vec::new(), text);
    while let Some((part, after)) = split_once(rest, sign) {
        parts.push(part);
        rest = after;
    }
    parts.push(rest);
    parts
}

fn split_once(text: &str, sign: char) -> Option<(&str, &str)> {
    let (mut is_escaped, mut is_quoted) = (false, false);
    for (at, character) in text.char_indices() {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            other if other == sign && !is_quoted => {
                return Some((&text[..at], &text[at + character.len_utf8()..]));
            }
            _ => {}
        }
    }
    None
}

/// A name without the backslashes that took its signs literally.
fn plain(name: &str) -> String {
    let mut plain = String::new();
    let mut characters = name.chars().peekable();
    while let Some(character) = characters.next() {
        let takes_literally = |next: &char| matches!(next, ',' | ' ' | '=' | '\\');
        match characters.next_if(|next| character == '\\' && takes_literally(next)) {
            Some(literal) => plain.push(literal),
            None => plain.push(character),
        }
    }
    plain
}
