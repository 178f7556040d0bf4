//! How the C library's allocator, which librdkafka uses as well, hands out memory.

/// As many arenas as a machine with two cores has use for.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const ARENAS: libc::c_int = 2;

/// Keeps the allocator of glibc from opening an arena for each of many threads. Records are allocated on one thread and
/// freed on another, which leaves every arena full of holes: a file that was read at full speed took twice the memory.
/// To be called before there are threads; a platform with another allocator has no need for it.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "there is no safe wrapper of a call that sets one number")]
pub(crate) fn limit_arenas() {
    // SAFETY: mallopt takes two integers, and may be called at any time by a process with one thread. It tells by its
    // result that it does not know a parameter; then all is as it was.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, ARENAS) };
}

/// There is no such limit on this platform.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn limit_arenas() {}
