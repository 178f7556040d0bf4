//! The writer: windows from Kafka into Cassandra.

use freshet_core::stopping;

use super::{native, tier};
use crate::parts::{Part, Work};
use crate::supervise::DiskUse;

pub(super) const PART: Part = Part {
    name: "writer",
    needs: &["rust", "kafka", "cassandra"],
    work: Work::Service {
        tier: tier::READERS,
        grace: stopping::WRITER,
        disk: DiskUse::Spares,
        plan: |context| Ok(native(context, "freshet-cassandra-writer")),
    },
};
