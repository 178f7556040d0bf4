//! The modules of this crate depend on each other in one direction only: none reaches itself again through others.

// The helpers of tests may fail like the tests themselves; clippy.toml only knows functions marked as tests.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each module with the modules that its code names.
type Modules = BTreeMap<String, BTreeSet<String>>;

#[test]
fn no_module_depends_on_itself_through_others() {
    let modules = modules(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    assert!(modules["config"].contains("record"), "nothing was found: {modules:?}");
    for module in modules.keys() {
        let reached = reached_from(module, &modules);
        assert!(!reached.contains(module), "{module} depends on itself, by way of {reached:?}");
    }
}

#[test]
fn a_circle_is_found() {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let modules = Modules::from([
        ("config".to_owned(), names(&["record"])),
        ("record".to_owned(), names(&["wire"])),
        ("wire".to_owned(), names(&["config"])),
    ]);
    assert!(reached_from("record", &modules).contains("record"));
}

/// All modules that a module depends on, itself too if there is a circle.
fn reached_from(module: &str, modules: &Modules) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut waiting = vec![module.to_owned()];
    while let Some(next) = waiting.pop() {
        let new = modules.get(&next).into_iter().flatten();
        waiting.extend(new.filter(|name| reached.insert((*name).clone())).cloned());
    }
    reached
}

fn modules(source: &Path) -> Modules {
    let mut modules = Modules::new();
    for file in files(source) {
        let inside = file.strip_prefix(source).unwrap().with_extension("");
        let module = inside.iter().next().unwrap().to_str().unwrap().to_owned();
        let named = named_in(&code_of(&file)).filter(|name| *name != module).collect::<Vec<_>>();
        modules.entry(module).or_default().extend(named);
    }
    modules
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// The code of a file without its comments and its tests, which may use anything.
fn code_of(file: &Path) -> String {
    let test_files = ["tests", "properties", "documentation", "state_tests"];
    if test_files.contains(&file.file_stem().unwrap().to_str().unwrap()) {
        return String::new();
    }
    let text = fs::read_to_string(file).unwrap();
    let code = text.split("#[cfg(test)]\nmod ").next().unwrap();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn named_in(code: &str) -> impl Iterator<Item = String> {
    code.split("crate::").skip(1).map(|rest| {
        rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>()
    })
}
