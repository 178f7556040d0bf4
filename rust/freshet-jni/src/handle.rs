//! Handles: the number by which a Java object knows the Rust value that belongs to it.

use std::ptr::NonNull;

use jni::sys::jlong;
use jni::{Env, EnvUnowned};

use crate::gate::{self, NativeError};

/// A value that a Java object holds by a handle.
pub(crate) trait Handled: Sized {
    /// What it is to the Java object's users, for messages.
    const NAME: &'static str;
}

/// Hands a value over to Java: it lives until [`take`].
pub(crate) fn put<T: Handled>(value: T) -> Result<jlong, NativeError> {
    let address = Box::into_raw(Box::new(value)).expose_provenance();
    jlong::try_from(address)
        .map_err(|_| NativeError::Contract("an address does not fit a Java long".to_owned()))
}

/// The value behind a handle; an error for zero, which Java keeps after closing.
///
/// # Safety
///
/// The handle is zero, or came from [`put`] for this type and was not taken, and nobody else uses the value for `'a`.
unsafe fn get<'a, T: Handled>(handle: jlong) -> Result<&'a mut T, NativeError> {
    // SAFETY: the caller promises a live value of this type there, which nobody else uses.
    Ok(unsafe { address(handle)?.as_mut() })
}

/// Takes the value back; an error for zero.
///
/// # Safety
///
/// As for [`get`]; and nobody uses the handle again.
unsafe fn take<T: Handled>(handle: jlong) -> Result<T, NativeError> {
    let address = address(handle)?.as_ptr();
    // SAFETY: the caller promises that the address came from `Box::into_raw` in `put`, and that nobody uses it again.
    Ok(*unsafe { Box::from_raw(address) })
}

/// Enters a native method that works on the value behind a handle.
///
/// Every Java class with handles keeps them to itself: a handle other than zero came from its `open`, was not closed,
/// and one thread at a time uses it.
pub(crate) fn enter_with<'local, H: Handled, T: Default>(
    env: EnvUnowned<'local>,
    handle: jlong,
    body: impl FnOnce(&mut Env<'local>, &mut H) -> Result<T, NativeError>,
) -> T {
    gate::enter(env, |env| {
        // SAFETY: the Java class promises that a handle other than zero is a live value that nobody else uses.
        body(env, unsafe { get(handle) }?)
    })
}

/// Frees the value behind a handle, for the native method `close`.
pub(crate) fn close<H: Handled>(env: EnvUnowned<'_>, handle: jlong) {
    gate::enter(env, |_env| {
        // SAFETY: the Java class forgets the handle, which came from its `open`.
        drop(unsafe { take::<H>(handle) }?);
        Ok(())
    });
}

fn address<T: Handled>(handle: jlong) -> Result<NonNull<T>, NativeError> {
    let address = usize::try_from(handle).unwrap_or_default();
    NonNull::new(std::ptr::with_exposed_provenance_mut(address))
        .ok_or_else(|| NativeError::Contract(format!("the {} is closed", T::NAME)))
}
