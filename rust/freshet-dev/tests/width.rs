//! No line of the project is longer than CONTRIBUTING.md says.

// The helpers of tests may fail like the tests themselves; clippy.toml only knows functions marked as tests.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

/// The characters that a line may have.
const WIDTH: usize = 120;

/// Files and folders whose lines nobody breaks: programs write or draw them, or each line is one record or message that
/// a test is given.
const UNBREAKABLE: [&str; 15] = [
    "Cargo.lock",
    "docker/grafana/dashboards",
    "examples/records",
    "freshet.schema.json",
    "gradle/jars.lock",
    "node-dashboard/package-lock.json",
    "node-dashboard/src/server/generated",
    "node-dashboard/src/shared/generated",
    "node-dashboard/src/web/icon.svg",
    "rust/freshet-core/fuzz/Cargo.lock",
    "rust/freshet-core/fuzz/corpus",
    "rust/freshet-core/tests/configurations.json",
    "rust/freshet-core/tests/fixtures/health_reports.jsonl",
    "rust/freshet-sources/tests/payloads",
    "spark-job/src/test/resources/earlier",
];

/// What a block of Markdown is called that shows what a program prints, character by character.
const PRINTED: [&str; 2] = ["console", "text"];

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// What .gitignore keeps out: a name ending (`*.log`), a name (`node_modules/`) or a path (`/target/`).
struct Ignored(Vec<String>);

impl Ignored {
    fn read(root: &Path) -> Self {
        let patterns = fs::read_to_string(root.join(".gitignore")).unwrap();
        Self(patterns.lines().map(|line| line.trim_end_matches('/').to_owned()).collect())
    }

    fn has(&self, path: &str) -> bool {
        let name = path.rsplit('/').next().unwrap();
        name == ".git"
            || self.0.iter().any(|pattern| match (pattern.get(..1), pattern.get(1..)) {
                (Some("/"), Some(whole)) => path == whole,
                (Some("*"), Some(ending)) => name.ends_with(ending),
                _ => name == pattern,
            })
    }
}

/// The paths of the project's files below a folder, from its root on, but for `UNBREAKABLE`.
fn files(root: &Path, folder: &Path, ignored: &Ignored) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        if ignored.has(&name) || UNBREAKABLE.contains(&name.as_str()) {
            continue;
        }
        if path.is_dir() {
            found.extend(files(root, &path, ignored));
        } else {
            found.push(name);
        }
    }
    found
}

/// The number of each line that is too long and could be broken, and how many characters it has.
fn long_lines(file: &str, text: &str) -> Vec<(usize, usize)> {
    let is_markdown = Path::new(file).extension().is_some_and(|extension| extension == "md");
    let mut is_printed = false;
    let mut found = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        if is_markdown && let Some(block) = line.strip_prefix("```") {
            is_printed = PRINTED.contains(&block);
        }
        let is_row = is_markdown && line.trim_start().starts_with('|');
        let length = line.chars().count();
        if length > WIDTH && !is_printed && !is_row && !is_address(line) {
            found.push((number, length));
        }
    }
    found
}

/// Whether a line is one URL, alone or behind the sign of a comment.
fn is_address(line: &str) -> bool {
    let mut words =
        line.split_whitespace().skip_while(|word| ["//", "///", "//!", "#", "*"].contains(word));
    words.next().is_some_and(|word| word.contains("://")) && words.next().is_none()
}

#[test]
fn no_line_is_too_long_to_be_read_at_once() {
    let root = project();
    let files = files(&root, &root, &Ignored::read(&root));
    for known in ["freshet", "ARCHITECTURE.md", "rust/freshet-dev/src/build/mod.rs"] {
        assert!(files.iter().any(|file| file == known), "{known} was not looked at");
    }
    let mut offenders = Vec::new();
    for file in files {
        // What is no text, such as an image, has no lines.
        let Ok(text) = fs::read_to_string(root.join(&file)) else { continue };
        let long = long_lines(&file, &text);
        offenders.extend(long.iter().map(|(line, length)| format!("{file}:{line}: {length}")));
    }
    offenders.sort_unstable();
    assert!(
        offenders.is_empty(),
        "lines of more than {WIDTH} characters; break them:\n{}",
        offenders.join("\n")
    );
}

#[test]
fn what_is_excepted_is_there() {
    let root = project();
    for path in UNBREAKABLE {
        assert!(root.join(path).exists(), "{path} is gone: take it out of UNBREAKABLE");
    }
}

#[test]
fn a_long_line_is_excepted_only_where_it_cannot_be_broken() {
    let words = |characters: usize| "é ".repeat(characters / 2);
    assert_eq!(long_lines("a.rs", &words(WIDTH)), []);
    let long = words(WIDTH + 2);
    assert_eq!(long_lines("a.rs", &format!("short\n{long}\n")), [(2, WIDTH + 2)]);

    let (row, printed) = (format!("| {long}|"), format!("```console\n{long}\n```\n{long}"));
    assert_eq!(long_lines("a.md", &row), []);
    assert_eq!(long_lines("a.rs", &row), [(1, WIDTH + 5)]);
    assert_eq!(long_lines("a.md", &printed), [(4, WIDTH + 2)]);
    assert_eq!(long_lines("a.md", &format!("```sql\n{long}\n```")), [(2, WIDTH + 2)]);

    let address = format!("/// https://example.com/{}", "a".repeat(WIDTH));
    assert_eq!(long_lines("a.rs", &address), []);
    assert_eq!(long_lines("a.rs", &format!("{address} and more")).len(), 1);
}
