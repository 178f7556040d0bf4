//! Files, and parts of files, that are held equal to what is generated. The tests of several crates have this file.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// Set to write what is generated instead of comparing it.
const GENERATE: &str = "FRESHET_GENERATE";

/// The command that brings generated files up to date.
const COMMAND: &str =
    "FRESHET_GENERATE=1 cargo test --release --locked --workspace --test generated";

/// Holds a file equal to what is generated.
#[track_caller]
pub(crate) fn check_file(path: &str, generated: &str) {
    let file = project().join(path);
    let committed = fs::read_to_string(&file).unwrap_or_default();
    check(&file, &committed, generated);
}

/// Holds the part of a file between `<!-- generated: NAME -->` and `<!-- end of generated -->` equal to what is
/// generated.
#[track_caller]
pub(crate) fn check_section(path: &str, name: &str, generated: &str) {
    const END: &str = "<!-- end of generated -->";
    let file = project().join(path);
    let committed = fs::read_to_string(&file).unwrap();
    let begin = format!("<!-- generated: {name} -->\n");
    let (before, rest) = committed
        .split_once(&begin)
        .unwrap_or_else(|| panic!("{path} has no line '{}'", begin.trim_end()));
    let (_, after) =
        rest.split_once(END).unwrap_or_else(|| panic!("{path} has no line '{END}' after it"));
    let whole = format!("{before}{begin}{generated}{END}{after}");
    check(&file, &committed, &whole);
}

#[track_caller]
fn check(file: &Path, committed: &str, generated: &str) {
    if committed == generated {
        return;
    }
    if env::var_os(GENERATE).is_some_and(|value| value == "1") {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, generated).unwrap();
        return;
    }
    let lines = committed.lines().zip(generated.lines());
    let line = 1 + lines.take_while(|(committed, generated)| committed == generated).count();
    let file = file.display();
    panic!(
        "{file} is not what is generated, from line {line} on; to bring it up to date: {COMMAND}"
    );
}

pub(crate) fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
