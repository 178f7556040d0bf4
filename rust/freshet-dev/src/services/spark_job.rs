//! The Spark job, through Spark's own `SparkSubmit`.

use std::fs;

use freshet_core::stopping;

use super::java::{add_opens, java};
use super::{HOST, REFUSAL, endpoints, tier};
use crate::parts::{Context, Part, Plan, PlanError, Work};
use crate::probe::Readiness;
use crate::supervise::DiskUse;

pub(super) const PART: Part = Part {
    name: "spark-job",
    needs: &["classpaths", "spark-jar", "kafka"],
    work: Work::Service {
        tier: tier::COMPUTING,
        grace: stopping::SPARK_JOB,
        disk: DiskUse::Fills,
        plan,
    },
};

const SUBMIT: &str = "org.apache.spark.deploy.SparkSubmit";
const MAIN_CLASS: &str = "io.freshet.spark.WindowedAverages";
/// What Spark's own launcher opens on JDK 17.
const OPENED: &[&str] = &[
    "java.base/java.lang",
    "java.base/java.lang.invoke",
    "java.base/java.lang.reflect",
    "java.base/java.io",
    "java.base/java.net",
    "java.base/java.nio",
    "java.base/java.util",
    "java.base/java.util.concurrent",
    "java.base/java.util.concurrent.atomic",
    "java.base/sun.nio.ch",
    "java.base/sun.nio.cs",
    "java.base/sun.security.action",
    "java.base/sun.util.calendar",
];

/// Everything goes to standard error, which the guard writes to the log. At its own level, Spark describes every
/// micro-batch in some hundred lines.
const LOG4J2: &str = "\
rootLogger.level = warn
rootLogger.appenderRef.err.ref = err
appender.err.type = Console
appender.err.name = err
appender.err.target = SYSTEM_ERR
appender.err.layout.type = PatternLayout
appender.err.layout.pattern = %d{yyyy-MM-dd HH:mm:ss.SSS} %-5p %c{1}: %m%n%ex
logger.freshet.name = io.freshet
logger.freshet.level = info
# Warns of every streaming query, whatever it asks for, and of every batch that takes longer than the trigger.
logger.streaming.name = org.apache.spark.sql.execution.streaming
logger.streaming.level = error
";

/// For a few records per second on a laptop. What the optimising compiler saves then is less than what it takes: over
/// the first minutes it is most of the job's work, and the hot path is native code anyway. The code that Spark
/// generates would not fit the small code cache that comes with the other compiler alone.
const AT_HOME: &[&str] = &["-XX:TieredStopAtLevel=1", "-XX:ReservedCodeCacheSize=128m"];

/// Spark's page answers to Prometheus then: by itself it tells its metrics in JSON only.
const FOR_PROMETHEUS: [&str; 3] = [
    "spark.ui.prometheus.enabled=true",
    "spark.metrics.conf.*.sink.prometheusServlet.class=org.apache.spark.metrics.sink.PrometheusServlet",
    "spark.metrics.conf.*.sink.prometheusServlet.path=/metrics/prometheus",
];

fn plan(context: &Context) -> Result<Plan, PlanError> {
    let port = context.config.dev.spark_ui_port;
    let checkpoints = context.home.checkpoints(context.topology);
    fs::create_dir_all(&checkpoints).map_err(PlanError::at("create", &checkpoints))?;
    let options = options(context)?.chain(AT_HOME.iter().map(|&option| option.to_owned()));
    let command = java(context, "spark", &context.config.dev.spark_heap, options, SUBMIT)?
        .args(["--class", MAIN_CLASS, "--master", "local[2]"])
        .args(settings(context).iter().flat_map(|setting| ["--conf", setting]))
        .arg(context.spark_jar())
        .arg("-c")
        .arg(&context.config_file)
        .envs(endpoints(context))
        .env("SPARK_LOCAL_IP", HOST);
    Ok(Plan {
        before: Vec::new(),
        command,
        readiness: Readiness::Http(format!("http://{HOST}:{port}/api/v1/applications")),
        address: Some(format!("http://{HOST}:{port}")),
        refusal: REFUSAL,
        done: None,
        notices: Vec::new(),
    })
}

/// What Spark's process has to be told, whatever it runs; writes the configuration of its log.
pub(super) fn options(context: &Context) -> Result<impl Iterator<Item = String>, PlanError> {
    let logging = context.home.scratch().join("spark-log4j2.properties");
    fs::write(&logging, LOG4J2).map_err(PlanError::at("write", &logging))?;
    Ok(add_opens(OPENED).chain([
        format!("-Dlog4j2.configurationFile={}", logging.display()),
        "-XX:+IgnoreUnrecognizedVMOptions".to_owned(),
        "--enable-native-access=ALL-UNNAMED".to_owned(),
        "-Djdk.reflect.useDirectMethodHandle=false".to_owned(),
    ]))
}

fn settings(context: &Context) -> Vec<String> {
    let scratch = context.home.scratch();
    let mut settings = vec![
        format!("spark.driver.bindAddress={HOST}"),
        format!("spark.driver.host={HOST}"),
        format!("spark.ui.port={}", context.config.dev.spark_ui_port),
        // Spark would try the next ports: the page would be where nobody looks for it.
        "spark.port.maxRetries=0".to_owned(),
        "spark.ui.showConsoleProgress=false".to_owned(),
        format!("spark.sql.streaming.stopTimeout={}ms", stopping::SPARK_BATCH.as_millis()),
        format!("spark.local.dir={}", scratch.display()),
        format!("spark.sql.warehouse.dir={}", scratch.join("warehouse").display()),
    ];
    if context.observability {
        settings.extend(FOR_PROMETHEUS.map(str::to_owned));
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parts::tests::context;

    #[test]
    fn spark_answers_to_prometheus_where_it_runs_only() {
        let mut context = context();
        let path =
            "spark.metrics.conf.*.sink.prometheusServlet.path=/metrics/prometheus".to_owned();
        assert!(!settings(&context).contains(&path));
        context.observability = true;
        assert!(settings(&context).contains(&path));
    }

    #[test]
    fn a_batch_may_take_as_long_to_end_as_the_supervisor_reckons_with() {
        let settings = settings(&context());
        let wanted =
            format!("spark.sql.streaming.stopTimeout={}ms", stopping::SPARK_BATCH.as_millis());
        assert!(settings.contains(&wanted), "{settings:?}");
    }
}
