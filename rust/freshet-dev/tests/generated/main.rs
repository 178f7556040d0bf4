//! The documentation of `./freshet plan` is what it prints, and counts with what the documentation prints. With
//! `FRESHET_GENERATE=1` these tests write what they otherwise compare.

// The helpers of tests may fail like the tests themselves; clippy.toml only knows functions marked as tests.
#![allow(clippy::unwrap_used, clippy::panic)]

#[expect(dead_code, reason = "another crate's tests have whole files that are generated")]
#[path = "../../../freshet-core/tests/generated/files.rs"]
mod files;

mod figures;
mod scaling;
