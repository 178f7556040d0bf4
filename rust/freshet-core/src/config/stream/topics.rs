//! The topics that have the records of a stream.

use regex_lite::Regex;

use super::super::error::ConfigError;
use super::super::section::{Located, Section};
use super::keys::{TOPIC_FORM, TOPICS_PATTERN};

/// The topics that the file names; `None` where it names none.
pub(in crate::config) fn read_topics(
    section: &Section<'_>,
) -> Result<Option<Located<Vec<String>>>, ConfigError> {
    let Some(one) = section.optional_text("topic")? else {
        let found = section.optional_texts("topics")?;
        return found.map(|found| found.convert(distinct_topics)).transpose();
    };
    section.refuse(
        "topics",
        "stands beside 'topic': name all topics in 'topics', or one in 'topic'",
    )?;
    one.convert(|name| Ok::<_, String>(vec![name])).map(Some)
}

fn distinct_topics(topics: Vec<String>) -> Result<Vec<String>, String> {
    if topics.is_empty() {
        return Err("name at least one, such as \"sensors.eu\"".to_owned());
    }
    let form = Regex::new(TOPICS_PATTERN).map_err(|error| error.to_string())?;
    for (position, topic) in topics.iter().enumerate() {
        if !form.is_match(topic) {
            return Err(format!("{TOPIC_FORM}, and '*' for any of them; '{topic}' has others"));
        }
        if topics[..position].contains(topic) {
            return Err(format!("'{topic}' is there twice"));
        }
    }
    Ok(topics)
}
