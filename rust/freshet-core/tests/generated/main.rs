//! What other languages and the documentation need to know is generated from the declarations in this crate, and
//! committed. These tests hold the committed files equal to the declarations; with `FRESHET_GENERATE=1` they write
//! them.

// The helpers of tests may fail like the tests themselves; clippy.toml only knows functions marked as tests.
#![allow(clippy::unwrap_used, clippy::panic)]

mod configuration;
mod files;
mod lock_files;
mod names;
mod window;
