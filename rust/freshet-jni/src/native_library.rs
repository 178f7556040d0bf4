//! Native methods of `io.freshet.spark.nativelib.NativeLibrary`: the version handshake and the logger.

use jni::objects::{Global, JByteArray, JClass, JString, JValue};
use jni::sys::jint;
use jni::{Env, EnvUnowned, JavaVM, jni_sig, jni_str};
use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::gate;

/// Version and number of the boundary, as `NativeLibrary.HANDSHAKE` has to say it too.
///
/// The boundary is everything that both sides have to agree on: names and signatures of native methods, the layouts of
/// packed records and results, columns and their types, the encoding of panes. Whoever changes any of it
/// raises the number here and in `NativeLibrary.java`: a jar and a library of one version but of two builds would
/// otherwise read each other's bytes wrongly. One literal, so that a test can make a library of another boundary.
const HANDSHAKE: &str = concat!(env!("CARGO_PKG_VERSION"), "+boundary.", 8);

/// `static native byte[] handshake()`: what the jar's has to equal, as ASCII.
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_freshet_spark_nativelib_NativeLibrary_handshake<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
) -> JByteArray<'local> {
    gate::enter(env, |env| Ok(env.byte_array_from_slice(HANDSHAKE.as_bytes())?))
}

/// `static native void forwardLogs(int level)`: from now on what the library logs, up to that level (1 error … 5
/// trace), goes to `NativeLibrary.log`.
#[unsafe(no_mangle)]
pub extern "system" fn Java_io_freshet_spark_nativelib_NativeLibrary_forwardLogs<'local>(
    env: EnvUnowned<'local>,
    class: JClass<'local>,
    level: jint,
) {
    gate::enter(env, |env| {
        let logger = JavaLogger { class: env.new_global_ref(class)? };
        // A second call, from a second copy of the Java class, keeps the first one's logger.
        if log::set_boxed_logger(Box::new(logger)).is_ok() {
            log::set_max_level(filter(level));
        }
        Ok(())
    });
}

fn filter(level: jint) -> LevelFilter {
    match level {
        ..=0 => LevelFilter::Off,
        1 => LevelFilter::Error,
        2 => LevelFilter::Warn,
        3 => LevelFilter::Info,
        4 => LevelFilter::Debug,
        5.. => LevelFilter::Trace,
    }
}

/// Hands log records to the Java class; the one call from this library into Java.
struct JavaLogger {
    class: Global<JClass<'static>>,
}

impl JavaLogger {
    fn forward(&self, env: &mut Env<'_>, record: &Record<'_>) -> jni::errors::Result<()> {
        let target = JString::from_str(env, record.target())?;
        let message = JString::from_str(env, record.args().to_string())?;
        let arguments = [
            JValue::Int(severity(record.level())),
            JValue::Object(&target),
            JValue::Object(&message),
        ];
        let signature = jni_sig!("(ILjava/lang/String;Ljava/lang/String;)V");
        env.call_static_method(&self.class, jni_str!("log"), signature, &arguments)?;
        Ok(())
    }
}

fn severity(level: Level) -> jint {
    match level {
        Level::Error => 1,
        Level::Warn => 2,
        Level::Info => 3,
        Level::Debug => 4,
        Level::Trace => 5,
    }
}

impl Log for JavaLogger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        // Java code must not run while an exception is pending: attaching sets one aside until the end of the call. It
        // would also catch a new one, and look at it with more references than a native method may have.
        let forwarded = JavaVM::singleton().and_then(|vm| {
            vm.attach_current_thread(|env| {
                // A log line that cannot be delivered has nowhere else to go, and is no reason to fail a task.
                self.forward(env, record).inspect_err(|_| env.exception_clear())
            })
        });
        drop(forwarded);
    }

    fn flush(&self) {}
}
