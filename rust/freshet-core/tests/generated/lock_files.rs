//! The fuzz targets have a lock file of their own; these tests hold it to that of the project. And tests are built from
//! the artefacts of the programs.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use crate::files::project;

/// What cargo knows of the packages of a lock file. Fails where the lock file is not up to date.
fn packages(manifest: &str) -> Vec<Value> {
    let cargo = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--format-version", "1", "--manifest-path"])
        .arg(project().join(manifest))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&cargo.stderr);
    assert!(
        cargo.status.success(),
        "{manifest}: run cargo update --workspace in its folder\n{said}"
    );
    let mut metadata: Value = serde_json::from_slice(&cargo.stdout).unwrap();
    std::mem::take(metadata["packages"].as_array_mut().unwrap())
}

fn versions<'a>(packages: &'a [Value], name: &str) -> BTreeSet<&'a str> {
    let named = packages.iter().filter(|package| package["name"] == name);
    named.map(|package| package["version"].as_str().unwrap()).collect()
}

/// What the parser and the panes are built on, without what only their tests need.
fn needed(packages: &[Value]) -> BTreeSet<&str> {
    let core = packages.iter().find(|package| package["name"] == "freshet-core").unwrap();
    let dependencies = core["dependencies"].as_array().unwrap().iter();
    let built = dependencies.filter(|dependency| dependency["kind"].is_null());
    built.map(|dependency| dependency["name"].as_str().unwrap()).collect()
}

#[test]
fn what_is_fuzzed_is_built_from_what_is_shipped() {
    let shipped = packages("Cargo.toml");
    let fuzzed = packages("rust/freshet-core/fuzz/Cargo.toml");
    let needed = needed(&shipped);
    assert!(needed.contains("jiff"), "{needed:?}");
    for name in needed {
        let (shipped, fuzzed) = (versions(&shipped, name), versions(&fuzzed, name));
        assert!(!fuzzed.is_disjoint(&shipped), "{name}: {shipped:?} is shipped, {fuzzed:?} fuzzed");
    }
}

/// Each package as it is built, with its features, as `cargo tree` lists them for these kinds of dependencies.
fn built(kinds: &str) -> BTreeMap<String, BTreeSet<String>> {
    let cargo = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--workspace", "--prefix", "none", "--edges", kinds])
        .args(["--format", "{p}\t{f}", "--manifest-path"])
        .arg(project().join("Cargo.toml"))
        .output()
        .unwrap();
    assert!(cargo.status.success(), "{}", String::from_utf8_lossy(&cargo.stderr));
    let mut built = BTreeMap::<String, BTreeSet<String>>::new();
    for line in String::from_utf8(cargo.stdout).unwrap().lines() {
        let Some((package, features)) = line.split_once('\t') else { continue };
        let features = features.trim_end_matches(" (*)").to_owned();
        built.entry(package.replace(" (proc-macro)", "")).or_default().insert(features);
    }
    built
}

/// One more set of features is one more build of the package and of all that stands on it.
#[test]
fn tests_are_built_from_the_artefacts_of_the_programs() {
    let (programs, tests) = (built("normal,build"), built("normal,build,dev"));
    assert!(programs.len() > 100 && tests.len() > programs.len());
    for (package, features) in programs {
        let others: Vec<_> = tests[&package].difference(&features).collect();
        assert!(
            others.is_empty(),
            "{package}: programs have {features:?}, tests {others:?}: see freshet-dev-health's manifest"
        );
    }
}
