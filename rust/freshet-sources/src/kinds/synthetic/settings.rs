//! The settings of `synthetic`, and what follows from them.

use std::time::Duration;

use async_trait::async_trait;
use freshet_core::config::{ConfigError, Located, Section};

use super::fleet::Fleet;
use super::load::{Load, Speed};
use super::records::{Records, Shape};
use crate::source::{Context, Cursor, Open, Opened, Resume, SourceError};

const EVERY: Duration = Duration::from_secs(1);
const DISORDER: Duration = Duration::from_secs(5);
const LATE_BY: Duration = Duration::from_hours(1);

/// Which of the two it is.
#[derive(Debug)]
pub(super) enum Settings {
    /// Sensors that read at the same time.
    Fleet { every: Duration, series: u32, seed: u64, limit: u64 },
    /// The load generator.
    Load { speed: Speed, shape: Shape, limit: u64 },
}

impl Settings {
    pub(super) fn read(section: &Section<'_>) -> Result<Self, ConfigError> {
        let speed = read_speed(section)?;
        let limit = section.optional_integer("limit")?.unwrap_or(u64::MAX);
        let shape = read_shape(section, speed.is_some())?;
        let every = section.optional_text("every")?;
        match (speed, every) {
            (Some(_), Some(every)) => Err(every.error(
                "is the time between two readings of a fleet, and means nothing beside `rate` or `unlimited`; leave \
                 it out",
            )),
            (Some(speed), None) => Ok(Self::Load { speed, shape, limit }),
            (None, every) => {
                let every = every.map(|_| section.positive_duration("every")).transpose()?;
                let Shape { series, seed, .. } = shape;
                Ok(Self::Fleet { every: every.unwrap_or(EVERY), series, seed, limit })
            }
        }
    }
}

/// `None` of a fleet.
fn read_speed(section: &Section<'_>) -> Result<Option<Speed>, ConfigError> {
    let rate = section.optional_integer("rate")?;
    let unlimited = section.optional_flag("unlimited")?.filter(|unlimited| unlimited.value);
    match (rate, unlimited) {
        (Some(_), Some(unlimited)) => {
            Err(unlimited.error("means nothing beside `rate`; leave one of them out"))
        }
        (Some(rate), None) => Ok(Some(Speed::Rate(rate))),
        (None, Some(_)) => Ok(Some(Speed::Unlimited)),
        (None, None) => Ok(None),
    }
}

fn read_shape(section: &Section<'_>, is_load: bool) -> Result<Shape, ConfigError> {
    let located =
        |key| match section.optional_number(key)? {
            Some(number) if !is_load => Err(number
                .error("has an effect only beside `rate` or `unlimited = true`; add one of them")),
            found => Ok(found),
        };
    let value = |number: Option<Located<f64>>| number.map_or(0.0, |number| number.value);
    let [skew, bad] = [value(located("skew")?), value(located("bad")?)];
    let (out_of_order, late) = (value(located("out_of_order")?), located("late")?);
    // Each of them alone is 1 at most.
    if let Some(late) = late.as_ref().filter(|late| out_of_order + late.value > 1.0) {
        return Err(late.error(format!(
            "{} and out_of_order = {out_of_order} are shares of all records, and 1 at most together",
            late.value
        )));
    }
    let late = value(late);
    Ok(Shape {
        seed: section.integer("seed")?,
        series: section.integer("series")?,
        skew,
        out_of_order,
        disorder: read_age(section, "disorder", DISORDER, ("out_of_order", out_of_order))?,
        late,
        late_by: read_age(section, "late_by", LATE_BY, ("late", late))?,
        bad,
    })
}

/// How much older the records of a share are.
fn read_age(
    section: &Section<'_>,
    key: &'static str,
    default: Duration,
    (name, share): (&str, f64),
) -> Result<Duration, ConfigError> {
    match section.optional_text(key)? {
        None => Ok(default),
        Some(_) if share > 0.0 => section.positive_duration(key),
        Some(age) => Err(age
            .error(format!("has an effect only beside `{name}`; say which share of the records"))),
    }
}

#[async_trait]
impl Open for Settings {
    fn resume(&self) -> Resume {
        Resume::None
    }

    fn can_wait(&self) -> bool {
        true
    }

    async fn check(&self, _: &Context) -> Result<(), SourceError> {
        Ok(())
    }

    fn open(&self, _: Context, _: Option<&Cursor>) -> Result<Opened, SourceError> {
        Ok(match self {
            Self::Fleet { every, series, seed, limit } => {
                Opened::new(Fleet::new(*every, *series, *seed, *limit))
            }
            Self::Load { speed, shape, limit } => {
                Opened::new(Load::new(Records::new(shape.clone()), *speed, *limit))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use crate::settings::{SourceConfig, parse};

    const STREAM: &str = "[[stream]]\nname = \"s\"\nvalues = { t = \"t\" }\nwindows = [\"10s\"]\n\
                          [[source]]\nkind = \"synthetic\"\nstream = \"s\"\n";

    fn read(keys: &str) -> Result<SourceConfig, String> {
        let loaded = parse(&format!("{STREAM}{keys}"), Path::new("freshet.toml"), BTreeMap::new());
        let mut loaded = loaded.map_err(|error| error.to_string())?;
        Ok(loaded.source_settings.remove(0))
    }

    #[test]
    fn by_default_it_is_a_fleet_of_twenty_that_reads_every_second() {
        let expected = "Fleet { every: 1s, series: 20, seed: 0, limit: 18446744073709551615 }";
        assert_eq!(format!("{:?}", read("").unwrap().open), expected);
        let expected = "Fleet { every: 500ms, series: 5, seed: 7, limit: 12 }";
        let keys = "every = \"500ms\"\nseries = 5\nseed = 7\nlimit = 12";
        assert_eq!(format!("{:?}", read(keys).unwrap().open), expected);
    }

    #[test]
    fn with_a_rate_or_without_any_it_is_a_load() {
        let keys = "rate = 250000\nskew = 1\nout_of_order = 0.1\ndisorder = \"2s\"\nlate = 0.9\nlate_by = \"10m\"\n\
                    bad = 0.001\nseries = 1000\nlimit = 5";
        let expected = "Load { speed: Rate(250000), shape: Shape { seed: 0, series: 1000, skew: 1.0, \
                        out_of_order: 0.1, disorder: 2s, late: 0.9, late_by: 600s, bad: 0.001 }, limit: 5 }";
        assert_eq!(format!("{:?}", read(keys).unwrap().open), expected);
        let unlimited = format!("{:?}", read("unlimited = true").unwrap().open);
        assert!(unlimited.starts_with("Load { speed: Unlimited, "), "{unlimited}");
    }

    #[test]
    fn a_variable_gives_a_number_as_the_file_does() {
        let read = |share: &str| {
            let variable = ("FRESHET_SOURCE__SYNTHETIC__BAD".to_owned(), share.to_owned());
            let text = format!("{STREAM}rate = 5");
            parse(&text, Path::new("freshet.toml"), BTreeMap::from([variable]))
        };
        let mut loaded = read("0.25").unwrap();
        let load = format!("{:?}", loaded.source_settings.remove(0).open);
        assert!(load.contains("bad: 0.25"), "{load}");
        let error = read("a lot").unwrap_err().to_string();
        assert!(
            error.contains("FRESHET_SOURCE__SYNTHETIC__BAD") && error.contains("is not a number"),
            "{error}"
        );
    }

    #[test]
    fn what_does_not_fit_together_is_refused_where_it_stands() {
        let cases = [
            (
                "every = \"1s\"\nrate = 5",
                8,
                "every",
                "means nothing beside `rate` or `unlimited`; leave it out",
            ),
            ("unlimited = true\nevery = \"1s\"", 9, "every", "leave it out"),
            ("rate = 5\nunlimited = true", 9, "unlimited", "leave one of them out"),
            ("rate = 0", 8, "rate", "0 is not between 1 and 10000000"),
            ("every = \"0s\"", 8, "every", "must be longer than zero"),
            ("skew = 1.1", 8, "skew", "only beside `rate` or `unlimited = true`"),
            ("every = \"1s\"\nbad = 0.1", 9, "bad", "only beside `rate` or `unlimited = true`"),
            ("rate = 5\nskew = nan", 9, "skew", "NaN is not between 0 and 10"),
            ("rate = 5\nbad = 1.5", 9, "bad", "1.5 is not between 0 and 1"),
            ("rate = 5\nbad = \"much\"", 9, "bad", "expected a number, found string"),
            ("rate = 5\nlate_by = \"1h\"", 9, "late_by", "only beside `late`"),
            ("rate = 5\ndisorder = \"1s\"", 9, "disorder", "only beside `out_of_order`"),
            ("rate = 5\nlate = 0.6\nout_of_order = 0.5", 9, "late", "1 at most together"),
            ("rate = 5\nlimit = 0", 9, "limit", "0 is not between 1 and"),
        ];
        for (keys, line, key, expected) in cases {
            let error = read(keys).unwrap_err();
            assert!(
                error.contains(&format!("freshet.toml:{line}: source.{key}")),
                "{keys}: {error}"
            );
            assert!(error.contains(expected), "{keys}: {error}");
        }
    }
}
