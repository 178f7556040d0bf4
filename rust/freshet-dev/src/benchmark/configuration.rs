//! The configuration of a benchmark: a broker of its own, and one stream for each case.

use std::path::Path;

use super::WINDOW_CASES;

/// The text of a configuration that checks against the same rules as everybody's.
///
/// What it says about Spark is for the latency, whose query keeps its state in `checkpoints`: as soon as possible, and
/// the fewest tasks. The throughput's queries have a shuffle partition per core, and checkpoints of their own.
pub fn configuration(kafka_port: u16, controller_port: u16, checkpoints: &Path) -> String {
    let streams = WINDOW_CASES.map(|(name, window)| {
        format!(
            "[[stream]]\n\
             name = \"{name}\"\n\
             series = [\"sensor\"]\n\
             time = {{ field = \"at\", unit = \"ms\" }}\n\
             values = {{ temperature = \"temperature\" }}\n\
             windows = [\"{window}\"]\n\
             lateness = \"10s\"\n"
        )
    });
    format!(
        "[kafka]\n\
         bootstrap_servers = \"127.0.0.1:{kafka_port}\"\n\
         [spark]\n\
         trigger = \"0s\"\n\
         shuffle_partitions = 1\n\
         checkpoint_location = '{}'\n\
         [dev]\n\
         kafka_port = {kafka_port}\n\
         kafka_controller_port = {controller_port}\n\
         {}",
        checkpoints.display(),
        streams.concat()
    )
}

/// The text of the configuration of the producer's benchmark: one source that sends so many records as fast as it can.
pub fn producer_configuration(
    kafka_port: u16,
    controller_port: u16,
    records: u64,
    series: u32,
) -> String {
    format!(
        "[kafka]\n\
         bootstrap_servers = \"127.0.0.1:{kafka_port}\"\n\
         [dev]\n\
         kafka_port = {kafka_port}\n\
         kafka_controller_port = {controller_port}\n\
         [[stream]]\n\
         name = \"load\"\n\
         series = [\"sensor\"]\n\
         time = {{ field = \"time\", unit = \"ms\" }}\n\
         values = {{ temperature = \"temperature\" }}\n\
         windows = [\"10s\"]\n\
         [[source]]\n\
         kind = \"synthetic\"\n\
         stream = \"load\"\n\
         unlimited = true\n\
         limit = {records}\n\
         series = {series}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use freshet_core::config::Config;
    use std::collections::BTreeMap;

    #[test]
    fn it_is_a_valid_configuration_with_a_stream_for_each_case() {
        let text = configuration(5000, 5001, Path::new("/bench folder"));
        let config = Config::parse(&text, Path::new("bench.toml"), BTreeMap::new()).unwrap();
        assert_eq!((config.dev.kafka_port, config.dev.kafka_controller_port), (5000, 5001));
        let names: Vec<&str> = config.streams.iter().map(|stream| stream.name.as_str()).collect();
        assert_eq!(names, WINDOW_CASES.map(|(name, _)| name));
        assert!(config.sources.is_empty());
        assert!(config.spark.trigger.is_zero());
    }

    #[test]
    fn the_producers_has_a_source_that_ends() {
        let text = producer_configuration(5000, 5001, 100_000, 7);
        let loaded =
            freshet_sources::parse(&text, Path::new("bench.toml"), BTreeMap::new()).unwrap();
        assert_eq!(loaded.config.dev.kafka_port, 5000);
        let source = format!("{:?}", loaded.source_settings[0].open);
        assert!(source.contains("Unlimited") && source.contains("limit: 100000"), "{source}");
    }
}
