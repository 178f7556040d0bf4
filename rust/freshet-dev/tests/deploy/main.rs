//! The files that deploy Freshet, each checked by what will read it: versions, Dockerfiles, compose, Kubernetes,
//! Prometheus and Grafana. What they start is tested in the system tests under `deploy::`.

// The helpers of tests may fail like the tests themselves; clippy.toml only knows functions that are marked as tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod compose;
mod dockerfile;
mod go;
mod images;
mod kubernetes;
mod rules;
mod versions;
