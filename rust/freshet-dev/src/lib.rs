//! What is behind `./freshet`: the whole pipeline on one machine, from real services that run without Docker.
//!
//! Reading order: [`parts`] says what the stack is made of, [`build`] and [`services`] name the parts, [`supervise`]
//! runs them, [`state`] is what stays on disk, [`commands`] are what people type, [`benchmark`] makes figures of what
//! was measured, and [`plan`] a sum of such figures.

pub mod benchmark;
pub mod build;
pub mod cli;
pub mod commands;
pub mod display;
pub mod parts;
pub mod plan;
pub mod preflight;
pub mod probe;
pub mod services;
pub mod state;
pub mod suite;
pub mod supervise;
