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

/// Whether there may be a name that both patterns mean.
pub fn overlap(one: &str, other: &str) -> bool {
    let other: Vec<char> = other.chars().collect();
    // Of what is left of both, from the ends on: whether that overlaps.
    let mut below = vec![false; other.len() + 1];
    below[other.len()] = true;
    for place in (0..other.len()).rev() {
        below[place] = below[place + 1] && other[place] == '*';
    }
    for character in one.chars().rev() {
        let mut row = vec![false; other.len() + 1];
        row[other.len()] = below[other.len()] && character == '*';
        for place in (0..other.len()).rev() {
            row[place] = if character == '*' || other[place] == '*' {
                below[place] || row[place + 1]
            } else {
                below[place + 1] && character == other[place]
            };
        }
        below = row;
    }
    below[0]
}

/// The first pattern that means none of the names.
pub fn idle<'p>(patterns: &'p [String], names: &[&str]) -> Option<&'p str> {
    let is_idle = |pattern: &&String| !names.iter().any(|name| matches(pattern, name));
    patterns.iter().find(is_idle).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
    fn patterns_overlap_when_there_may_be_a_name_that_both_mean() {
        for (one, other, expected) in [
            ("a", "a", true),
            ("a", "b", false),
            ("a*", "*b", true),
            ("a*", "b*", false),
            ("*a", "*b", false),
            ("sensors.*", "sensors.eu*", true),
            ("sensors.*", "sensors", false),
            ("a*c", "ab*", true),
            ("a*b*c", "ac", false),
            ("a*b*c", "abc", true),
            ("*x*", "a*", true),
            ("*", "", true),
            ("", "a*", false),
            ("**", "*", true),
        ] {
            assert_eq!(overlap(one, other), expected, "{one} {other}");
            assert_eq!(overlap(other, one), expected, "{other} {one}");
        }
    }

    proptest! {
        /// A pattern of two letters and stars overlaps with a name as it means it, and patterns if a name is short.
        #[test]
        fn overlapping_is_having_a_name_in_common(one in "[ab*]{0,4}", other in "[ab*]{0,4}") {
            // A common name needs no more characters than both patterns have.
            let mut names = vec![String::new()];
            for length in 0..8 {
                let longer: Vec<String> = names
                    .iter()
                    .filter(|name| name.len() == length)
                    .flat_map(|name| ["a", "b"].map(|letter| format!("{name}{letter}")))
                    .collect();
                names.extend(longer);
            }
            let common = names.iter().any(|name| matches(&one, name) && matches(&other, name));
            prop_assert_eq!(overlap(&one, &other), common);
        }
    }

    #[test]
    fn a_pattern_without_a_name_is_found() {
        let patterns = ["a*".to_owned(), "b*".to_owned()];
        assert_eq!(idle(&patterns, &["ab"]), Some("b*"));
        assert_eq!(idle(&patterns, &["ab", "ba"]), None);
    }
}
