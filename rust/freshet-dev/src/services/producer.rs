//! The producer: the live sources of the configuration, into Kafka.

use freshet_core::stopping;

use super::{native, tier};
use crate::parts::{Part, Work};

pub(super) const PART: Part = Part {
    name: "producer",
    needs: &["rust", "kafka"],
    work: Work::Service {
        tier: tier::SOURCES,
        grace: stopping::PRODUCER,
        plan: |context| Ok(native(context, "freshet-producer")),
    },
};
