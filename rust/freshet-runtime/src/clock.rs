//! What time it is, and where.

use std::time::{SystemTime, UNIX_EPOCH};

use sysinfo::System;

/// Milliseconds since the epoch, now.
pub fn epoch_ms() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}

/// The machine's name, or `localhost` where it has none.
pub fn host_name() -> String {
    System::host_name().unwrap_or_else(|_| "localhost".to_owned())
}
