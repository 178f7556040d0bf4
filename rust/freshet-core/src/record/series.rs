//! Series ids: the parts of a series joined with `/`, a `/` or `%` inside a part percent-encoded.

use super::bytes::find_special;

/// Appends one part of a series id, encoded.
pub(super) fn encode_part(part: &str, output: &mut String) {
    let bytes = part.as_bytes();
    let (mut plain, mut at) = (0, 0);
    loop {
        at = find_special(bytes, at, b'/', b'%');
        let encoded = match bytes.get(at) {
            None => break,
            Some(b'/') => "%2F",
            Some(b'%') => "%25",
            Some(_) => {
                at += 1;
                continue;
            }
        };
        output.push_str(&part[plain..at]);
        output.push_str(encoded);
        at += 1;
        plain = at;
    }
    output.push_str(&part[plain..]);
}

/// The series id of these parts: also the Kafka key under which a source sends a series' records.
pub fn encode_series<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut id = String::new();
    for (position, part) in parts.into_iter().enumerate() {
        if position > 0 {
            id.push('/');
        }
        encode_part(part, &mut id);
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_stay_apart() {
        for (parts, id) in [
            (&["a", "b"][..], "a/b"),
            (&["a/b"], "a%2Fb"),
            (&["50%", "x"], "50%25/x"),
            (&["", ""], "/"),
            (&["ü/", "%/"], "ü%2F/%25%2F"),
            (&["a\tb/c\n%", "☃"], "a\tb%2Fc\n%25/☃"),
        ] {
            assert_eq!(encode_series(parts.iter().copied()), id);
        }
    }
}
