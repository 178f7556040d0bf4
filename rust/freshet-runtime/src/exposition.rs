//! Prometheus' text format: how metrics are written, and the rules by which tests read them again.
//!
//! The format is <https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>, the rules for names
//! those of <https://prometheus.io/docs/practices/naming/>.

use std::collections::{BTreeMap, BTreeSet};

use prometheus_client::encoding::prometheus_text;
use prometheus_client::registry::Registry;

pub use prometheus_text::CONTENT_TYPE;

/// The metrics as they are now.
pub fn text(registry: &Registry) -> String {
    let mut text = String::new();
    if let Err(error) = prometheus_text::encode(&mut text, registry) {
        tracing::error!(%error, "the metrics cannot be written");
    }
    text
}

/// A metric, as its two comments declare it.
#[derive(Debug, Default)]
struct Family {
    help: Option<String>,
    kind: Option<String>,
}

/// Reads metrics strictly: each sample with its value.
///
/// Beside the format it checks that every metric has one help and one type, written before its samples, that what only
/// grows ends in `_total` and nothing else does, that times are in seconds and sizes in bytes, and that no sample comes
/// twice.
///
/// # Errors
///
/// The first line that is against the rules, and against which.
pub fn check(text: &str) -> Result<BTreeMap<String, f64>, String> {
    if !text.is_empty() && !text.ends_with('\n') {
        return Err("the last line has no end".to_owned());
    }
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut closed = BTreeSet::new();
    let mut current = String::new();
    let mut samples = BTreeMap::new();
    for line in text.lines() {
        let fault = |what: &str| format!("{what}: {line}");
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            let (word, name) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
            let rest = words.next().unwrap_or("");
            if name != current && !closed.insert(std::mem::replace(&mut current, name.to_owned())) {
                return Err(fault("a metric in two places"));
            }
            if closed.contains(name) {
                return Err(fault("a metric in two places"));
            }
            declare(families.entry(name.to_owned()).or_default(), word, name, rest)
                .map_err(|e| fault(&e))?;
            continue;
        }
        let (sample, value) = line.rsplit_once(' ').ok_or_else(|| fault("no value"))?;
        let value: f64 = value.parse().map_err(|_| fault("the value is no number"))?;
        let (name, labels) =
            sample.split_once('{').map_or((sample, None), |(name, rest)| (name, Some(rest)));
        check_labels(labels).map_err(|what| fault(&what))?;
        let family = families.get(&current).ok_or_else(|| fault("a sample before its metric"))?;
        let is_histogram = family.kind.as_deref() == Some("histogram");
        let suffix = name
            .strip_prefix(current.as_str())
            .ok_or_else(|| fault("a sample of another metric"))?;
        if !(suffix.is_empty() || is_histogram && ["_bucket", "_sum", "_count"].contains(&suffix)) {
            return Err(fault("a sample of another metric"));
        }
        if family.help.is_none() || family.kind.is_none() {
            return Err(fault("a sample before help and type"));
        }
        if samples.insert(sample.to_owned(), value).is_some() {
            return Err(fault("a sample twice"));
        }
    }
    Ok(samples)
}

/// Compares the metrics whose names begin so with those that a page of documentation has in code.
///
/// # Errors
///
/// The first one that only one of both has.
pub fn check_documented(text: &str, page: &str, prefix: &str) -> Result<(), String> {
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    let told: BTreeSet<&str> = types.filter(|name| name.starts_with(prefix)).collect();
    let words = page.split('`').skip(1).step_by(2);
    let documented: BTreeSet<&str> = words.filter(|word| word.starts_with(prefix)).collect();
    let mut differences = told.symmetric_difference(&documented);
    differences
        .next()
        .map_or(Ok(()), |name| Err(format!("only in the metrics or on the page: {name}")))
}

fn declare(family: &mut Family, word: &str, name: &str, rest: &str) -> Result<(), String> {
    if !is_name(name, ":") {
        return Err("no name of a metric".to_owned());
    }
    let place = match word {
        "HELP" if !rest.trim().is_empty() => &mut family.help,
        "TYPE" => &mut family.kind,
        _ => return Err("neither a help nor a type".to_owned()),
    };
    if place.replace(rest.to_owned()).is_some() {
        return Err(format!("a second {word}"));
    }
    if word == "TYPE" {
        check_name(name, rest)?;
    }
    Ok(())
}

fn check_name(name: &str, kind: &str) -> Result<(), String> {
    if !["counter", "gauge", "histogram"].contains(&kind) {
        return Err("an unknown type".to_owned());
    }
    if (kind == "counter") != name.ends_with("_total") {
        return Err("what only grows ends in _total, and nothing else".to_owned());
    }
    let base = name.strip_suffix("_total").unwrap_or(name);
    let others = ["_ms", "_milliseconds", "_minutes", "_kilobytes", "_mebibytes"];
    if others.iter().any(|unit| base.ends_with(unit)) {
        return Err("times are in seconds, and sizes in bytes".to_owned());
    }
    Ok(())
}

/// `name="value",…}`; in a value, quotes, backslashes and ends of lines are escaped.
fn check_labels(labels: Option<&str>) -> Result<(), String> {
    let Some(labels) = labels else { return Ok(()) };
    let mut rest = labels.strip_suffix('}').ok_or("labels without an end")?;
    let mut names = BTreeSet::new();
    while !rest.is_empty() {
        let (name, after) = rest.split_once("=\"").ok_or("a label without a value")?;
        if !is_name(name, "") || !names.insert(name) {
            return Err(format!("no label, or twice: {name}"));
        }
        let mut escaped = false;
        let end = after.find(|c| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        let end = end.ok_or("a value without an end")?;
        rest = after[end + 1..].strip_prefix(',').unwrap_or(&after[end + 1..]);
    }
    Ok(())
}

fn is_name(text: &str, more: &str) -> bool {
    let is_first = |c: char| c.is_ascii_alphabetic() || c == '_' || more.contains(c);
    text.starts_with(is_first) && text.chars().all(|c| is_first(c) || c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> String {
        check(text).unwrap_err()
    }

    #[test]
    fn what_follows_the_rules_is_read() {
        let text = "# HELP a_total What.\n# TYPE a_total counter\na_total{b=\"x\\\"}y\",c=\"\"} 1\na_total 2.5\n\
                    # HELP d_seconds How long.\n# TYPE d_seconds histogram\nd_seconds_bucket{le=\"+Inf\"} 3\n\
                    d_seconds_sum 0.5\nd_seconds_count 3\n";
        let samples = check(text).unwrap();
        assert_eq!(samples.get("a_total"), Some(&2.5));
        assert_eq!(samples.get("a_total{b=\"x\\\"}y\",c=\"\"}"), Some(&1.0));
        assert_eq!(samples.len(), 5);
    }

    #[test]
    fn what_only_one_of_page_and_metrics_has_is_named() {
        let text = "# HELP a_b_total What.\n# TYPE a_b_total counter\n";
        assert_eq!(check_documented(text, "the `a_b_total` of `other`", "a_"), Ok(()));
        assert!(check_documented(text, "nothing", "a_").unwrap_err().ends_with("a_b_total"));
        assert!(check_documented(text, "`a_b_total`, `a_c`", "a_").unwrap_err().ends_with("a_c"));
    }

    #[test]
    fn what_breaks_a_rule_is_named() {
        let help = "# HELP a What.\n# TYPE a gauge\n";
        assert!(fault("a 1\n").starts_with("a sample before its metric"));
        assert!(fault(&format!("{help}a 1")).starts_with("the last line"));
        assert!(fault(&format!("{help}b 1\n")).starts_with("a sample of another metric"));
        assert!(fault(&format!("{help}a_sum 1\n")).starts_with("a sample of another metric"));
        assert!(fault(&format!("{help}a 1\na 2\n")).starts_with("a sample twice"));
        assert!(fault(&format!("{help}a one\n")).starts_with("the value is no number"));
        assert!(fault(&format!("{help}a{{b=\"c\" 1\n")).starts_with("labels without an end"));
        assert!(
            fault(&format!("{help}a{{b=\"c\",b=\"d\"}} 1\n")).starts_with("no label, or twice")
        );
        assert!(fault(&format!("{help}# HELP a Again.\n")).starts_with("a second HELP"));
        assert!(fault("# HELP a What.\na 1\n").starts_with("a sample before help and type"));
        assert!(fault("# HELP a What.\n# TYPE a counter\n").starts_with("what only grows"));
        assert!(
            fault("# HELP a_total What.\n# TYPE a_total gauge\n").starts_with("what only grows")
        );
        assert!(
            fault("# HELP a_ms What.\n# TYPE a_ms gauge\n").starts_with("times are in seconds")
        );
        let other = "# HELP b What.\n# TYPE b gauge\n";
        assert!(
            fault(&format!("{help}a 1\n{other}b 1\n{help}")).starts_with("a metric in two places")
        );
    }
}
