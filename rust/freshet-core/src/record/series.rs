//! Series ids: the parts of a series joined with `/`, a `/` or `%` inside a part percent-encoded.

/// Appends one part of a series id, encoded.
pub(super) fn encode_part(part: &str, output: &mut String) {
    for character in part.chars() {
        match character {
            '/' => output.push_str("%2F"),
            '%' => output.push_str("%25"),
            plain => output.push(plain),
        }
    }
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
        ] {
            assert_eq!(encode_series(parts.iter().copied()), id);
        }
    }
}
