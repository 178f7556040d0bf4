//! Prometheus, where somebody asks for it: it watches the stack by the rules that it has everywhere else.

use std::env;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use freshet_core::config::{Config, reachable};

use super::{HOST, tier};
use crate::parts::{Context, Part, Plan, PlanError, Work};
use crate::probe::{Readiness, dashboard_url};
use crate::supervise::{CommandLine, DiskUse};

/// The name of the part.
pub const NAME: &str = "prometheus";

pub(super) const PART: Part = Part {
    name: NAME,
    // Else it would ring while they are built and started.
    needs: &["producer", "writer", "spark-job", "dashboard"],
    work: Work::Service {
        tier: tier::READERS,
        // It writes what it has in memory to its log all along.
        grace: Duration::from_secs(5),
        disk: DiskUse::Keeps,
        plan,
    },
};

/// Its data: weeks of a stack of this size, and never more than this.
const RETENTION: [&str; 2] =
    ["--storage.tsdb.retention.time=30d", "--storage.tsdb.retention.size=512MB"];
const FOLDER: &str = "docker/prometheus";
const CONFIGURATION: &str = "prometheus.yml";
const RULES: &str = "rules.yml";
/// Where the configuration says that the dashboard's token stands.
const TOKEN: &str = "dashboard-token";
/// Its lines there, which have to go where there is no token.
const AUTHORIZATION: &str = "    authorization:\n      credentials_file: dashboard-token\n";
const INSTALL: &str = "Debian and Ubuntu have it: `sudo apt-get install prometheus`, which with systemd also starts a \
                       server of its own on port 9090 (`sudo systemctl disable --now prometheus` ends that); or \
                       only its files, without root: `mkdir -p target/prometheus && cd target/prometheus && apt-get \
                       download prometheus && dpkg -x prometheus_*.deb .`";

/// The program `prometheus` or `promtool`: of `PATH`, or what was unpacked into cargo's target folder.
pub fn program(name: &str, target: &Path) -> Option<PathBuf> {
    let folders = env::var_os("PATH").unwrap_or_default();
    let unpacked = target.join("prometheus/usr/bin");
    env::split_paths(&folders)
        .chain([unpacked])
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// Whether it is there, and would find what it watches; says which version, or what is missing.
///
/// # Errors
/// What has to be done first, for people.
pub fn check(context: &Context) -> Result<String, String> {
    targets(&context.config)?;
    let program =
        program(NAME, &context.target).ok_or_else(|| format!("it was not found; {INSTALL}"))?;
    let output = Command::new(&program)
        .arg("--version")
        .output()
        .map_err(|error| format!("{} cannot be run: {error}; {INSTALL}", program.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let version = text.split_whitespace().skip_while(|word| *word != "version").nth(1);
    version
        .map(|version| version.trim_end_matches(',').to_owned())
        .ok_or_else(|| format!("{} does not say its version; {INSTALL}", program.display()))
}

fn plan(context: &Context) -> Result<Plan, PlanError> {
    let folder = context.home.prometheus();
    write_configuration(context, &folder)?;
    let program = program(NAME, &context.target)
        .ok_or_else(|| PlanError::because("start prometheus", INSTALL))?;
    let address = format!("{HOST}:{}", context.config.dev.prometheus_port);
    let command = CommandLine::new(program, &folder)
        .arg(format!("--config.file={CONFIGURATION}"))
        .arg(format!("--storage.tsdb.path={}", context.home.data(NAME).display()))
        .args(RETENTION)
        .arg(format!("--web.listen-address={address}"))
        .arg("--log.level=warn");
    Ok(Plan {
        before: Vec::new(),
        command,
        readiness: Readiness::Http(format!("http://{address}/-/ready")),
        address: Some(format!("http://{address}")),
        refusal: None,
        done: None,
        notices: Vec::new(),
    })
}

/// Writes its configuration with the addresses of this stack, the rules, and the dashboard's token, which only its
/// owner may read.
fn write_configuration(context: &Context, folder: &Path) -> Result<(), PlanError> {
    fs::create_dir_all(folder).map_err(PlanError::at("create", folder))?;
    let (original, rules) =
        (context.root.join(FOLDER).join(CONFIGURATION), context.root.join(FOLDER).join(RULES));
    let text = fs::read_to_string(&original).map_err(PlanError::at("read", &original))?;
    let text = configuration(&text, &context.config)
        .map_err(|why| PlanError::because(&format!("use {}", original.display()), why))?;
    let file = folder.join(CONFIGURATION);
    fs::write(&file, text).map_err(PlanError::at("write", &file))?;
    fs::copy(&rules, folder.join(RULES)).map_err(PlanError::at("copy", &rules))?;
    let token = folder.join(TOKEN);
    keep_token(&context.config, &token).map_err(PlanError::at("write", &token))
}

fn keep_token(config: &Config, file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let Some(token) = &config.dashboard.token else { return Ok(()) };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    file.write_all(token.expose().as_bytes())
}

/// The configuration that Freshet has in a container, with the addresses of a stack on this machine.
fn configuration(original: &str, config: &Config) -> Result<String, String> {
    let mut text = original.to_owned();
    if config.dashboard.token.is_none() {
        text = replaced(&text, AUTHORIZATION, "")?;
    }
    // A sample every 5 s: on a laptop people look at what has just happened.
    text = replaced(&text, "scrape_interval: 15s", "scrape_interval: 5s")?;
    text = replaced(&text, "evaluation_interval: 15s", "evaluation_interval: 5s")?;
    for (original, target) in targets(config)? {
        text = replaced(&text, &format!("\"{original}\""), &format!("\"{target}\""))?;
    }
    Ok(text)
}

fn replaced(text: &str, what: &str, by: &str) -> Result<String, String> {
    match text.matches(what).count() {
        1 => Ok(text.replacen(what, by, 1)),
        times => Err(format!("{what:?} is there {times} times; it has to be there once")),
    }
}

/// The targets in a container, and where they are on this machine.
fn targets(config: &Config) -> Result<[(&'static str, String); 4], String> {
    let of_program = |program: &str, address: &Option<String>| {
        reachable(address.as_deref()).ok_or_else(|| {
            format!(
                "{program}.metrics_address names no address that could be asked for metrics; set it to such as \
                 127.0.0.1:9464 in freshet.toml, or leave out --observability"
            )
        })
    };
    let dashboard = dashboard_url(config).trim_start_matches("http://").to_owned();
    Ok([
        ("producer:9464", of_program("producer", &config.producer.metrics_address)?),
        ("writer:9465", of_program("writer", &config.writer.metrics_address)?),
        ("dashboard:3000", dashboard),
        ("spark-job:4040", format!("{HOST}:{}", config.dev.spark_ui_port)),
    ])
}

#[cfg(test)]
mod tests {
    use freshet_core::config::Secret;

    use super::*;
    use crate::parts::tests::context;

    const ORIGINAL: &str = include_str!("../../../../docker/prometheus/prometheus.yml");

    #[test]
    fn the_targets_are_those_of_this_stack_and_nothing_else_differs() {
        let mut context = context();
        context.config.writer.metrics_address = Some("0.0.0.0:19465".to_owned());
        let text = configuration(ORIGINAL, &context.config).unwrap();
        for target in ["127.0.0.1:9464", "127.0.0.1:19465", "127.0.0.1:3000", "127.0.0.1:4040"] {
            assert!(text.contains(&format!("- targets: [\"{target}\"]")), "{target}: {text}");
        }
        let settings = || text.lines().filter(|line| !line.trim_start().starts_with('#'));
        assert!(!settings().any(|line| line.contains("authorization:")), "{text}");
        assert!(!settings().any(|line| line.contains("15s")), "{text}");
        let of_relabelling =
            |text: &str| text[text.find("metric_relabel_configs").unwrap()..].to_owned();
        assert_eq!(of_relabelling(&text), of_relabelling(ORIGINAL));
    }

    #[test]
    fn who_cannot_be_asked_is_named_before_anything_starts() {
        let mut context = context();
        context.config.producer.metrics_address = Some("127.0.0.1:0".to_owned());
        let said = check(&context).unwrap_err();
        assert!(said.starts_with("producer.metrics_address names no address"), "{said}");
        context.config.producer.metrics_address = None;
        assert!(check(&context).is_err());
    }

    #[test]
    fn an_original_that_has_changed_is_refused_and_not_half_used() {
        let other = ORIGINAL.replace("writer:9465", "store:9465");
        let said = configuration(&other, &context().config).unwrap_err();
        assert_eq!(said, "\"\\\"writer:9465\\\"\" is there 0 times; it has to be there once");
    }

    #[test]
    fn only_the_owner_may_read_the_token() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(TOKEN);
        let mut config = context().config;
        keep_token(&config, &file).unwrap();
        assert!(!file.exists());
        config.dashboard.token = Some(Secret::new("not for everybody".to_owned()));
        keep_token(&config, &file).unwrap();
        keep_token(&config, &file).unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(configuration(ORIGINAL, &config).unwrap().contains(AUTHORIZATION));
    }
}
