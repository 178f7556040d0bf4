//! `./freshet logs`

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, bail};

use super::project::Project;
use crate::cli::LogsArgs;
use crate::display::say;
use crate::state::Home;
use crate::supervise::last_lines;

const INTERVAL: Duration = Duration::from_millis(200);

pub(super) fn run(arguments: &LogsArgs) -> anyhow::Result<ExitCode> {
    let home = Project::find()?.home;
    let logs = select(&home, arguments.component.as_deref())?;
    let prefixed = logs.len() > 1;
    let mut tails = Vec::new();
    for log in logs {
        let name = if prefixed { format!("{} | ", name(&log)) } else { String::new() };
        // Measured before reading: a line that comes between is shown twice rather than never.
        let end = fs::metadata(&log).map_or(0, |metadata| metadata.len());
        for line in last_lines(&log, arguments.lines)? {
            say(format_args!("{name}{line}"))?;
        }
        tails.push(Tail { log, name, position: end, half_line: String::new() });
    }
    if arguments.follow {
        follow(&mut tails)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Until Ctrl-C, or until nobody reads any more.
fn follow(tails: &mut [Tail]) -> io::Result<()> {
    loop {
        for tail in tails.iter_mut() {
            for line in tail.new_lines()? {
                say(format_args!("{}{line}", tail.name))?;
            }
        }
        thread::sleep(INTERVAL);
    }
}

fn select(home: &Home, component: Option<&str>) -> anyhow::Result<Vec<PathBuf>> {
    let all = all_logs(home)?;
    let Some(component) = component else { return Ok(all) };
    let known: Vec<String> = all.iter().map(|log| name(log)).collect();
    match all.into_iter().find(|log| name(log) == component) {
        Some(log) => Ok(vec![log]),
        None => bail!("there is no log of '{component}'; there are: {}", known.join(", ")),
    }
}

fn all_logs(home: &Home) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(home.logs()).with_context(|| {
        format!("there are no logs in {}; start with `./freshet up`", home.logs().display())
    })?;
    let mut logs =
        entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()?;
    logs.retain(|log| log.extension().is_some_and(|extension| extension == "log"));
    logs.sort();
    Ok(logs)
}

fn name(log: &Path) -> String {
    log.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// A log that is followed.
struct Tail {
    log: PathBuf,
    name: String,
    position: u64,
    half_line: String,
}

impl Tail {
    fn new_lines(&mut self) -> io::Result<Vec<String>> {
        let mut file = match File::open(&self.log) {
            Ok(file) => file,
            // Between two logs: the old one was renamed, the new one has not begun.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        if file.metadata()?.len() < self.position {
            self.position = 0;
        }
        file.seek(SeekFrom::Start(self.position))?;
        let mut bytes = Vec::new();
        self.position += file.read_to_end(&mut bytes)? as u64;
        self.half_line.push_str(&String::from_utf8_lossy(&bytes));
        let Some(end) = self.half_line.rfind('\n') else { return Ok(Vec::new()) };
        let rest = self.half_line.split_off(end + 1);
        let lines = self.half_line.lines().map(str::to_owned).collect();
        self.half_line = rest;
        Ok(lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn following_shows_whole_lines_and_survives_a_new_log() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("kafka.log");
        fs::write(&log, "one\ntw").unwrap();
        let mut tail =
            Tail { log: log.clone(), name: String::new(), position: 0, half_line: String::new() };
        assert_eq!(tail.new_lines().unwrap(), ["one"]);
        fs::write(&log, "one\ntwo\n").unwrap();
        assert_eq!(tail.new_lines().unwrap(), ["two"]);
        fs::remove_file(&log).unwrap();
        assert!(tail.new_lines().unwrap().is_empty());
        fs::write(&log, "new\n").unwrap();
        assert_eq!(tail.new_lines().unwrap(), ["new"]);
    }

    #[test]
    fn an_unknown_component_is_answered_with_the_known_ones() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path());
        home.create().unwrap();
        for name in ["kafka", "writer"] {
            fs::write(home.log(name), "").unwrap();
        }
        let error = select(&home, Some("kafak")).unwrap_err().to_string();
        assert_eq!(error, "there is no log of 'kafak'; there are: kafka, writer");
        assert_eq!(select(&home, None).unwrap().len(), 2);
    }
}
