//! Direct buffers: memory that Java allocated and both sides read and write in place.

use jni::Env;
use jni::objects::JByteBuffer;
use jni::sys::jint;

use crate::gate::NativeError;

/// The first `length` bytes of a direct buffer.
///
/// # Safety
///
/// The buffer stays alive and unchanged as long as the slice is used.
pub(crate) unsafe fn bytes<'a>(
    env: &Env<'_>,
    buffer: &'a JByteBuffer<'_>,
    length: jint,
) -> Result<&'a [u8], NativeError> {
    let address = env.get_direct_buffer_address(buffer)?;
    let capacity = env.get_direct_buffer_capacity(buffer)?;
    let length =
        usize::try_from(length).ok().filter(|length| *length <= capacity).ok_or_else(|| {
            NativeError::Contract(format!("{length} bytes in a buffer of {capacity}"))
        })?;
    // SAFETY: the JVM says that the buffer has `capacity` bytes there; the caller that they do not change.
    Ok(unsafe { std::slice::from_raw_parts(address, length) })
}

/// Copies the bytes to the beginning of a direct buffer; false, and nothing is copied, when they do not fit.
///
/// # Safety
///
/// Nobody else uses the buffer during the call, and the bytes are not its own.
pub(crate) unsafe fn fill(
    env: &Env<'_>,
    buffer: &JByteBuffer<'_>,
    bytes: &[u8],
) -> Result<bool, NativeError> {
    if bytes.len() > env.get_direct_buffer_capacity(buffer)? {
        return Ok(false);
    }
    let address = env.get_direct_buffer_address(buffer)?;
    // SAFETY: the JVM says that the buffer has room for the bytes; the caller that they do not overlap.
    unsafe { address.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    Ok(true)
}

/// As [`fill`]; an error when the bytes do not fit.
///
/// # Safety
///
/// As for [`fill`].
pub(crate) unsafe fn fill_whole(
    env: &Env<'_>,
    buffer: &JByteBuffer<'_>,
    bytes: &[u8],
) -> Result<(), NativeError> {
    // SAFETY: the caller promises the same.
    if unsafe { fill(env, buffer, bytes) }? {
        return Ok(());
    }
    let length = bytes.len();
    Err(NativeError::Contract(format!("a result of {length} bytes does not fit the buffer")))
}
