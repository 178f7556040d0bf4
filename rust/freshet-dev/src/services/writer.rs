//! The writer: windows from Kafka into Cassandra.

use super::{native, tier};
use crate::parts::{Part, Work};

pub(super) const PART: Part = Part {
    name: "writer",
    needs: &["rust", "kafka", "cassandra"],
    work: Work::Service {
        tier: tier::READERS,
        plan: |context| Ok(native(context, "freshet-cassandra-writer")),
    },
};
