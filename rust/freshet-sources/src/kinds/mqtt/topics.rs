//! Topic filters.

use rumqttc_v5::{matches, valid_filter};

use super::MAX_TEXT_BYTES;

/// A subscription that clients share begins so, with the name of their group behind it.
const SHARED: &str = "$share/";

/// Refuses what is no filter. The reason names it.
pub(super) fn check(filter: &str) -> Result<(), String> {
    let shown = filter.escape_debug();
    if filter.len() > MAX_TEXT_BYTES || filter.contains('\0') {
        return Err(
            "has a topic that is too long for MQTT, or has a character that is none".to_owned()
        );
    }
    let Some(topics) = unshared(filter) else {
        return Err(format!("'{shown}' is no shared topic; write $share/GROUP/TOPIC"));
    };
    if !valid_filter(topics) {
        return Err(format!(
            "'{shown}' is no topic: + stands for one whole level, as in home/+/power, and # for the rest, as in home/#"
        ));
    }
    Ok(())
}

/// The filter without the group that shares it; `None` where that is not well-formed.
pub(super) fn unshared(filter: &str) -> Option<&str> {
    let Some(shared) = filter.strip_prefix(SHARED) else { return Some(filter) };
    let (group, topics) = shared.split_once('/')?;
    (!group.is_empty() && !group.contains(['+', '#'])).then_some(topics)
}

/// Whether a topic is one of those that are subscribed to.
pub(super) fn is_one_of(topic: &str, filters: &[String]) -> bool {
    filters.iter().filter_map(|filter| unshared(filter)).any(|filter| {
        match (topic.strip_prefix('$'), filter.strip_prefix('$')) {
            // No wildcard stands for the topics of the broker itself.
            (Some(topic), Some(filter)) => matches(topic, filter),
            (None, None) => matches(topic, filter),
            _ => false,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_well_formed() {
        for filter in ["home", "home/#", "#", "+/power", "/", "$SYS/#", "$share/all/home/+"] {
            assert_eq!(check(filter), Ok(()), "{filter}");
        }
        for filter in
            ["", "home#", "home/#/power", "ho+me/power", "$share/all", "$share//home", "$share/+/a"]
        {
            assert!(check(filter).is_err(), "{filter}");
        }
        assert_eq!(
            check("home/#/power").unwrap_err(),
            "'home/#/power' is no topic: + stands for one whole level, as in home/+/power, and # for the rest, as in \
             home/#"
        );
    }

    #[test]
    fn a_topic_is_one_that_is_subscribed_to() {
        let filters: Vec<String> =
            ["home/+/power", "$share/g/garden/#", "$SYS/broker/#"].map(str::to_owned).into();
        for topic in ["home/cellar/power", "garden", "garden/a/b", "$SYS/broker/uptime"] {
            assert!(is_one_of(topic, &filters), "{topic}");
        }
        for topic in ["home/cellar", "gardens", "$SYS/other"] {
            assert!(!is_one_of(topic, &filters), "{topic}");
        }
        assert!(!is_one_of("$SYS/broker/uptime", &["#".to_owned()]));
    }
}
