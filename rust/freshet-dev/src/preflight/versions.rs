//! The tools that are run: there, and of a version that works.

use std::env;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;

use super::Check;
use crate::parts::Context;
use crate::services::check_prometheus;

const JAVA: [u32; 2] = [17, 21];
const NODE_AT_LEAST: u32 = 20;
const GRADLE_AT_LEAST: (u32, u32) = (4, 4);
const INSTALL_JAVA: &str = "install one (Debian and Ubuntu: apt-get install openjdk-17-jdk-headless) or point \
                            JAVA_HOME at it";
const INSTALL_NODE: &str =
    "install Node.js 20 or newer with npm (Debian and Ubuntu: apt-get install nodejs npm)";
const INSTALL_GRADLE: &str =
    "install Gradle 4.4.1 or newer (Debian and Ubuntu: apt-get install gradle)";

/// The Java program: that of `JAVA_HOME`, or whatever `PATH` has.
pub fn java_program() -> PathBuf {
    env::var_os("JAVA_HOME")
        .filter(|home| !home.is_empty())
        .map_or_else(|| PathBuf::from("java"), |home| PathBuf::from(home).join("bin/java"))
}

pub(super) fn all(context: &Context) -> Vec<Check> {
    let mut checks = of_everything(context);
    if context.observability {
        checks.push(Check::new("prometheus", check_prometheus(context)));
    }
    checks
}

fn of_everything(context: &Context) -> Vec<Check> {
    side_by_side([
        ("java", &|| java(&context.java)),
        ("node", &node),
        ("npm", &|| present("npm", INSTALL_NODE)),
        ("gradle", &gradle),
    ])
}

/// What the JVM side alone needs.
pub(super) fn of_jvm(context: &Context) -> Vec<Check> {
    side_by_side([("java", &|| java(&context.java)), ("gradle", &gradle)])
}

type Look<'a> = &'a (dyn Fn() -> Result<String, String> + Sync);

/// Each starts a program, Gradle a whole JVM: side by side they take as long as the slowest.
fn side_by_side<const N: usize>(looks: [(&str, Look<'_>); N]) -> Vec<Check> {
    thread::scope(|scope| {
        let checks = looks.map(|(subject, look)| (subject, scope.spawn(look)));
        let crashed = |_| Err("the check itself crashed; please report this".to_owned());
        let judge = |(subject, check): (&str, thread::ScopedJoinHandle<'_, _>)| {
            Check::new(subject, check.join().unwrap_or_else(crashed))
        };
        checks.into_iter().map(judge).collect()
    })
}

fn java(program: &Path) -> Result<String, String> {
    let text = run(program, &["-version"]).map_err(|wrong| format!("{wrong}; {INSTALL_JAVA}"))?;
    judge_java(&text)
}

fn judge_java(text: &str) -> Result<String, String> {
    let quoted = text.split('"').nth(1).unwrap_or_default();
    match version(quoted) {
        Some((major, _)) if JAVA.contains(&major) => Ok(quoted.to_owned()),
        Some(_) => Err(format!("have {quoted}, need 17 or 21; {INSTALL_JAVA}")),
        None => Err(format!("its version is not to be read; {INSTALL_JAVA}")),
    }
}

fn node() -> Result<String, String> {
    let text = run(Path::new("node"), &["--version"])
        .map_err(|wrong| format!("{wrong}; {INSTALL_NODE}"))?;
    judge_node(&text)
}

fn judge_node(text: &str) -> Result<String, String> {
    let found = text.trim().trim_start_matches('v');
    match version(found) {
        Some((major, _)) if major >= NODE_AT_LEAST => Ok(found.to_owned()),
        _ => Err(format!("have {found}, need {NODE_AT_LEAST} or newer; {INSTALL_NODE}")),
    }
}

fn gradle() -> Result<String, String> {
    let text = run(Path::new("gradle"), &["--version"])
        .map_err(|wrong| format!("{wrong}; {INSTALL_GRADLE}"))?;
    judge_gradle(&text)
}

fn judge_gradle(text: &str) -> Result<String, String> {
    let found =
        text.lines().find_map(|line| line.strip_prefix("Gradle ")).unwrap_or_default().trim();
    match version(found) {
        Some(have) if have >= GRADLE_AT_LEAST => Ok(found.to_owned()),
        _ => Err(format!("have '{found}', need 4.4.1 or newer; {INSTALL_GRADLE}")),
    }
}

fn present(program: &str, repair: &str) -> Result<String, String> {
    run(Path::new(program), &["--version"])
        .map(|text| text.trim().to_owned())
        .map_err(|wrong| format!("{wrong}; {repair}"))
}

/// What a program prints, on whichever output.
fn run(program: &Path, arguments: &[&str]) -> Result<String, String> {
    let Output { stdout, stderr, .. } =
        Command::new(program).args(arguments).output().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => format!("{} was not found", program.display()),
            _ => format!("{} cannot be run: {error}", program.display()),
        })?;
    Ok(String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned())
}

/// Major and minor number at the beginning of a text.
fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u32>);
    let major = numbers.next()?.ok()?;
    Some((major, numbers.next().and_then(Result::ok).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn java_17_and_21_are_accepted_and_others_named() {
        let openjdk = |version: &str| format!("openjdk version \"{version}\" 2025-04-15\nOpenJDK");
        assert_eq!(judge_java(&openjdk("17.0.15")), Ok("17.0.15".to_owned()));
        assert_eq!(judge_java(&openjdk("21")), Ok("21".to_owned()));
        let old = judge_java("java version \"1.8.0_402\"").unwrap_err();
        assert!(old.starts_with("have 1.8.0_402, need 17 or 21; install"), "{old}");
        assert!(judge_java("Picked up JAVA_TOOL_OPTIONS").is_err());
    }

    #[test]
    fn node_20_or_newer_is_accepted() {
        assert_eq!(judge_node("v20.19.1\n"), Ok("20.19.1".to_owned()));
        assert!(judge_node("v18.20.4\n").unwrap_err().starts_with("have 18.20.4, need 20"));
    }

    #[test]
    fn gradle_from_4_4_to_9_is_accepted() {
        let gradle = |version: &str| format!("\n-----\nGradle {version}\n-----\n");
        for accepted in ["4.4.1", "8.14", "9.1.0"] {
            assert!(judge_gradle(&gradle(accepted)).is_ok(), "{accepted}");
        }
        assert!(judge_gradle(&gradle("4.3")).is_err());
        assert!(judge_gradle("").is_err());
    }

    #[test]
    fn a_missing_program_is_named_with_what_to_do() {
        let wrong = java(Path::new("/nowhere/bin/java")).unwrap_err();
        assert!(wrong.contains("/nowhere/bin/java was not found; install one"), "{wrong}");
    }
}
