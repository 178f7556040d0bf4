//! A draft as a configuration file, with a comment on each guess.

use super::draft::{Discriminator, Draft};
use super::series::Part;
use super::trial::Share;
use crate::record::SeriesPart;

/// A guess that was not taken.
#[derive(Debug, Clone)]
pub(super) struct Alternative {
    /// What would be written.
    pub(super) setting: String,
    pub(super) share: Share,
}

/// The configuration of a draft. `share` is what it takes, once that is known.
pub(super) fn configuration(
    (name, topic): (&str, Option<&str>),
    draft: &Draft,
    share: Option<&Share>,
    alternatives: &[Alternative],
) -> String {
    let mut lines = Vec::new();
    if let Some(share) = share {
        lines.push(format!("# Proposed by `./freshet infer`. This mapping {share}."));
    }
    lines.push("[[stream]]".to_owned());
    lines.push(format!("name = {}", quoted(name)));
    lines.extend(topic.map(|topic| format!("topic = {}", quoted(topic))));
    lines.push("# how long the averages are over: yours to choose".to_owned());
    lines.push("windows = [\"1m\"]".to_owned());
    lines.extend(draft.format.iter().cloned());
    rows(draft, alternatives, &mut lines);
    time(draft, &mut lines);
    series(draft, &mut lines);
    rules(draft, &mut lines);
    metrics(draft, &mut lines);
    lines.push(String::new());
    lines.join("\n")
}

fn rows(draft: &Draft, alternatives: &[Alternative], lines: &mut Vec<String>) {
    if let Some(rows) = &draft.rows {
        let what =
            if rows == "." { "the list is one row" } else { "each item of this list is a row" };
        lines.push(format!(
            "# {what}: {} rows, {} with a metric",
            draft.all_rows, draft.metric_rows
        ));
        lines.push(format!("rows = {}", quoted(rows)));
    }
    for Alternative { setting, share } in alternatives {
        lines.push(format!("# or {setting}, which {share}"));
    }
    match (&draft.other_rows, draft.has_where) {
        (None, _) => {}
        (Some(found), true) => {
            lines.push(format!(
                "# rows with a metric: {} of {}; the others are skipped",
                draft.metric_rows, draft.all_rows
            ));
            lines.push(condition(found));
        }
        (Some(found), false) => {
            let setting = condition(found);
            lines.push(format!("# {setting} would say which rows have a metric"));
        }
    }
}

fn condition(found: &Discriminator) -> String {
    match found {
        Discriminator::OneOf(place, texts) => {
            let texts: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
            let texts = match texts.as_slice() {
                [one] => one.clone(),
                several => format!("[{}]", several.join(", ")),
            };
            format!("where = {{ {} = {texts} }}", key(place))
        }
        Discriminator::Exists(place) => {
            format!("where = {{ {} = {{ exists = true }} }}", key(place))
        }
    }
}

fn time(draft: &Draft, lines: &mut Vec<String>) {
    let Some(time) = &draft.time else {
        lines.push("# nothing looks like a time: Kafka's timestamp is the event time".to_owned());
        return;
    };
    let mut about = format!("# a time in {} of {} rows", time.rows, draft.all_rows);
    if !time.others.is_empty() {
        let others: Vec<String> = time.others.iter().map(|place| quoted(place)).collect();
        about.push_str("; times are in ");
        about.push_str(&others.join(", "));
        about.push_str(" as well");
    }
    lines.push(about);
    if time.is_ambiguous {
        lines.push("# day and month may be the other way round: %m/%d".to_owned());
    }
    let field = match time.places.as_slice() {
        [one] => quoted(one),
        several => list(several),
    };
    let date = time.date.as_ref().map(|date| format!(", date = {}", quoted(date)));
    let setting =
        format!("field = {field}{}, unit = {}", date.unwrap_or_default(), quoted(&time.unit));
    if time.may_have_zone {
        lines
            .push(format!("# no zone is said, so it is UTC; local times need one as well: {ZONE}"));
    }
    lines.push(format!("time = {{ {setting} }}"));
    if !draft.is_ahead {
        return;
    }
    if time.may_have_zone {
        lines.push(
            "# some are ahead of now, as local times east of UTC: with a zone, leave this out"
                .to_owned(),
        );
        lines.push("max_future = \"15h\"".to_owned());
    } else {
        lines.push("# some are ahead of now".to_owned());
        lines.push("max_future = \"400d\"".to_owned());
        lines.push("future_moves_watermark = true".to_owned());
    }
}

/// An example of a zone.
const ZONE: &str = "zone = \"Europe/Berlin\"";

fn series(draft: &Draft, lines: &mut Vec<String>) {
    if draft.series.is_empty() {
        lines.push(
            "# nothing in the records says whose they are: the Kafka key names the series"
                .to_owned(),
        );
        return;
    }
    for part in &draft.series {
        let different = if part.distinct == 1 { "one text" } else { "different texts" };
        let count = if part.distinct == 1 { String::new() } else { format!("{} ", part.distinct) };
        lines.push(format!("# {}: {count}{different}", one_line(&part.place)));
    }
    let written = |part: &Part| SeriesPart::escaped(part.place.clone());
    let places: Vec<String> = draft.series.iter().map(written).collect();
    lines.push(format!("series = {}", list(&places)));
    let missing = draft.series.iter().filter(|part| part.may_be_missing);
    let defaults: Vec<String> =
        missing.map(|part| format!("{} = \"none\"", key(&written(part)))).collect();
    if !defaults.is_empty() {
        lines.push("# not in every row".to_owned());
        lines.push(format!("series_defaults = {{ {} }}", defaults.join(", ")));
    }
}

fn rules(draft: &Draft, lines: &mut Vec<String>) {
    if draft.text_numbers {
        lines.push("# some numbers are texts".to_owned());
        lines.push("text_numbers = true".to_owned());
    }
    if !draft.null_values.is_empty() {
        let texts: Vec<String> = draft.null_values.iter().cloned().collect();
        lines.push("# in place of numbers".to_owned());
        lines.push(format!("null_values = {}", list(&texts)));
    }
    if draft.booleans {
        lines.push("# true is 1, false is 0".to_owned());
        lines.push("booleans = true".to_owned());
    }
    if !draft.states.is_empty() {
        let states = draft.states.iter().map(|(text, number)| format!("{} = {number}", key(text)));
        lines.push("# texts that are one of two states".to_owned());
        lines.push(format!("states = {{ {} }}", states.collect::<Vec<_>>().join(", ")));
    }
    if draft.skips_bad {
        lines.push("# some values or rows are bad: they are left out, and counted".to_owned());
        lines.push("on_bad_value = \"skip_value\"".to_owned());
        lines.push("on_bad_row = \"skip_row\"".to_owned());
    }
}

fn metrics(draft: &Draft, lines: &mut Vec<String>) {
    if let Some((name, value)) = &draft.named {
        lines.push("# each row has one metric, by its name".to_owned());
        lines.push(format!("names = {}", quoted(name)));
        lines.push(format!("value = {}", quoted(value)));
    }
    lines.push(String::new());
    for (place, reason) in &draft.left_out {
        lines.push(format!("# left out: {}; {reason}", one_line(place)));
    }
    lines.push("[stream.values]".to_owned());
    for metric in &draft.metrics {
        let (name, place) = (key(&metric.name), quoted(&metric.place));
        lines.push(format!("{name} = {place} # {}", metric.about));
    }
    let with_unit =
        || draft.metrics.iter().filter_map(|metric| Some((metric, metric.unit.as_ref()?)));
    if with_unit().next().is_some() {
        lines.push(String::new());
        lines.push("# as names say".to_owned());
        lines.push("[stream.unit]".to_owned());
        for (metric, unit) in with_unit() {
            lines.push(format!("{} = {}", key(&metric.name), quoted(unit)));
        }
    }
}

fn list(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
    format!("[{}]", texts.join(", "))
}

/// A text as TOML writes it.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            control if control.is_control() => {
                quoted.extend([format!("\\u{:04X}", u32::from(control))]);
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

/// A key as TOML writes it.
fn key(text: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    if !text.is_empty() && text.chars().all(is_bare) { text.to_owned() } else { quoted(text) }
}

/// Without what would end a comment.
fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}
