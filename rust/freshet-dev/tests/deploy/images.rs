//! The Dockerfiles, as far as they can be judged without building them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::dockerfile::Dockerfile;
use crate::kubernetes::run;
use crate::versions::{read, root};

#[test]
fn every_base_has_an_exact_tag() {
    for file in Dockerfile::all() {
        let stages = file.stages();
        for (from, _) in &stages {
            let base = from.split(' ').next().unwrap();
            let is_stage = stages.iter().any(|(from, _)| from.ends_with(&format!(" AS {base}")));
            if base == "scratch" || is_stage {
                continue;
            }
            // Full names: what a short one means is up to each machine.
            assert!(base.starts_with("docker.io/"), "{}: {base}", file.name);
            let (_, tag) = base.split_once(':').unwrap_or_else(|| panic!("{base} has no tag"));
            assert!(tag.contains("_VERSION}") && !tag.contains("latest"), "{}: {base}", file.name);
        }
    }
}

#[test]
fn nobody_is_root_and_everybody_can_be_asked() {
    let mut images = 0;
    for file in Dockerfile::all() {
        for (from, instructions) in file.images() {
            images += 1;
            let last = |kind: &str| {
                let mut of_kind = instructions.iter().filter(|(name, _)| name == kind);
                of_kind.next_back().map(|(_, rest)| rest.clone())
            };
            let user = last("USER").unwrap_or_else(|| panic!("{from}: no USER"));
            let number: u32 = user.split(':').next().unwrap().parse().unwrap();
            assert!(number > 0, "{from}: USER {user}");
            let health = last("HEALTHCHECK").unwrap_or_else(|| panic!("{from}: no HEALTHCHECK"));
            let (_, command) = health.split_once("CMD ").unwrap();
            for command in [Some(command.to_owned()), last("ENTRYPOINT"), last("CMD")] {
                let Some(command) = command else { continue };
                // As a text it would need a shell.
                let words: Vec<String> = serde_json::from_str(&command)
                    .unwrap_or_else(|error| panic!("{from}: {command}: {error}"));
                assert!(!words[0].ends_with("sh"), "{from}: {words:?}");
            }
        }
    }
    assert_eq!(images, 4);
}

#[test]
fn layers_of_dependencies_have_the_manifest_of_every_crate() {
    let crates = fs::read_dir(root().join("rust")).unwrap();
    let manifests: BTreeSet<String> = crates
        .map(|entry| format!("rust/{}/Cargo.toml", entry.unwrap().file_name().display()))
        .collect();
    for file in Dockerfile::all().iter().filter(|file| file.name != "dashboard.Dockerfile") {
        let copied: BTreeSet<String> = file
            .each("COPY")
            .flat_map(|copy| copy.split(' '))
            .filter(|word| word.ends_with("/Cargo.toml"))
            .map(str::to_owned)
            .collect();
        assert_eq!(copied, manifests, "{}", file.name);
    }
}

/// `.dockerignore` lets in what the Dockerfiles copy, and no more than their sources.
#[test]
fn the_context_has_what_is_copied_and_little_else() {
    let text = read(".dockerignore");
    let mut lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    assert_eq!(lines.next(), Some("*"));
    let rest: Vec<&str> = lines.collect();
    let allowed: Vec<&str> = rest.iter().filter_map(|line| line.strip_prefix('!')).collect();
    for file in Dockerfile::all() {
        for copy in file.each("COPY").filter(|copy| !copy.starts_with("--from")) {
            let words: Vec<&str> = copy.split(' ').collect();
            for source in words[..words.len() - 1].iter().filter(|word| **word != "${PREBUILT}") {
                let is_there = root().join(source).exists();
                let is_let_in = allowed
                    .iter()
                    .any(|allowed| source == allowed || source.starts_with(&format!("{allowed}/")));
                assert!(is_there && is_let_in, "{}: COPY {source}", file.name);
            }
        }
    }
    for heavy in [".git", "target", "build", ".freshet", "docs"] {
        assert!(!allowed.contains(&heavy), "{heavy}");
    }
    assert!(rest.contains(&"node-dashboard/node_modules"));
}

/// What a Dockerfile has copied before it compiles dependencies, with the empty sources that its script makes, is a
/// workspace whose lock fits, and in which every target is there.
#[test]
fn layers_of_dependencies_are_a_workspace_before_the_sources_come() {
    for (file, stage) in [("programs.Dockerfile", "programs"), ("spark.Dockerfile", "library")] {
        let folder = tempfile::tempdir().unwrap();
        let all = Dockerfile::all();
        let of_file = all.iter().find(|dockerfile| dockerfile.name == file).unwrap().stages();
        let is_it = |(from, _): &&(&str, _)| from.ends_with(&format!(" AS {stage}"));
        let (_, instructions) = of_file.iter().find(is_it).unwrap();
        let before = instructions.iter().take_while(|(_, rest)| !rest.starts_with("find rust"));
        for (_, copy) in before.filter(|(name, _)| name == "COPY") {
            copy_into(folder.path(), copy);
        }
        let script = root().join("docker/build/empty-crates.sh");
        run(Command::new("sh").arg(script).current_dir(folder.path()));
        run(Command::new("cargo")
            .args(["metadata", "--locked", "--offline", "--format-version=1"])
            .current_dir(folder.path()));
    }
}

/// Copies files as the instruction says, but for what is built elsewhere.
fn copy_into(folder: &Path, copy: &str) {
    let words: Vec<&str> = copy.split(' ').collect();
    let (target, sources) = words.split_last().unwrap();
    for source in sources.iter().filter(|source| source.contains("Cargo.")) {
        let target = folder.join(target);
        fs::create_dir_all(&target).unwrap();
        fs::copy(root().join(source), target.join(Path::new(source).file_name().unwrap())).unwrap();
    }
}
