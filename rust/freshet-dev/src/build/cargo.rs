//! The Rust workspace. Cargo itself sees whether there is anything to do, in a fraction of a second.

use crate::parts::{Part, Step, Work};
use crate::supervise::CommandLine;

pub(super) const RUST: Part = Part {
    name: "rust",
    needs: &[],
    work: Work::Step(|context| {
        let command = CommandLine::new("cargo", &context.root).args([
            "build",
            "--release",
            "--workspace",
            "--locked",
            "--color",
            "never",
        ]);
        Ok(Step { commands: vec![command], stamp: None })
    }),
};
