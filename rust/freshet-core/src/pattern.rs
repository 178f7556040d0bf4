//! Patterns of names: `*` stands for any characters, also none, and all else for itself.

/// Whether a name is one of those that the pattern means.
pub fn matches(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut name) = name.strip_prefix(start) else { return false };
    let (between, end) = rest.rsplit_once('*').unwrap_or(("", rest));
    // What comes first leaves most to the parts behind it.
    for part in between.split('*') {
        match name.find(part) {
            Some(place) => name = &name[place + part.len()..],
            None => return false,
        }
    }
    name.ends_with(end)
}

/// The first pattern that means none of the names.
pub fn idle<'p>(patterns: &'p [String], names: &[&str]) -> Option<&'p str> {
    let is_idle = |pattern: &&String| !names.iter().any(|name| matches(pattern, name));
    patterns.iter().find(is_idle).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters() {
        let cases = [
            ("load", "load", true),
            ("load", "loads", false),
            ("*", "", true),
            ("host/*", "host/cpu", true),
            ("host/*", "other/cpu", false),
            ("*/load", "laptop/load", true),
            ("*/load", "laptop/load/1", false),
            ("a*a", "a", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("**", "x", true),
            ("ä*", "äö", true),
            ("a.c", "abc", false),
        ];
        for (pattern, name, expected) in cases {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn a_pattern_without_a_name_is_found() {
        let patterns = ["a*".to_owned(), "b*".to_owned()];
        assert_eq!(idle(&patterns, &["ab"]), Some("b*"));
        assert_eq!(idle(&patterns, &["ab", "ba"]), None);
    }
}
