//! What is counted is whole: instances, cores, rows and bytes are sums of floats, and are told as whole numbers.

use serde::Serializer;

/// Tells a number that is counted as a whole one: up, since there is no half a machine.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference over")]
pub(super) fn whole<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    // Far below 2^64: the demand has bounds.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let value = value.ceil() as u64;
    serializer.serialize_u64(value)
}
