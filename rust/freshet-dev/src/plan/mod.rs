//! `./freshet plan`: how much of what a pipeline needs, from measured figures and the user's own numbers.
//!
//! Reading order: [`Demand`] is what is asked for, [`figures`] what was measured, [`Plan`] the sum, [`report`] and
//! [`settings`] what comes of it.

mod arguments;
mod demand;
pub mod figures;
mod job;
mod replication;
pub mod report;
pub mod settings;
mod sum;
mod whole;

#[cfg(test)]
mod arithmetic;
#[cfg(test)]
mod sizes;
#[cfg(test)]
mod tests;

pub use demand::{Demand, Nonsense};
pub use job::Spark;
pub use sum::{Bottleneck, Cassandra, Instances, Kafka, Load, Plan};
