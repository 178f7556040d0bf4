//! The gate that every call from Java passes: nothing but a value or a typed Java exception gets out.

use std::any::Any;

use freshet_core::config::ConfigError;
use freshet_core::wire::health::InvalidReport;
use freshet_registry::NoAnswer;
use jni::errors::ErrorPolicy;
use jni::strings::{JNIStr, JNIString};
use jni::{Env, EnvUnowned, jni_str};
use log::error;
use thiserror::Error;

/// What a native method fails with. Each variant is one Java exception class.
#[derive(Debug, Error)]
pub(crate) enum NativeError {
    /// `ConfigurationException`: the user can repair it.
    #[error("{0}")]
    Configuration(#[from] ConfigError),
    /// `NativeException`: the Java side broke the contract of the call.
    #[error("{0}")]
    Contract(String),
    /// `NativeException`: what came from Kafka is damaged, and reading it once more may help.
    #[error("{0}")]
    Damaged(String),
    /// `NativeException`: what records are written with is not known now, and reading them once more may help.
    #[error("{0}")]
    Unanswered(String),
    /// `NativeException`: a health report is not as it is declared.
    #[error("{0}")]
    Report(#[from] InvalidReport),
    /// `NativeException`: the library itself failed.
    #[error("the native library failed: {0}")]
    Panic(String),
    /// `NativeException`: the Java Native Interface refused a call.
    #[error("the Java Native Interface refused a call: {0}")]
    Jni(#[from] jni::errors::Error),
    /// `NativeException`: columns could not be handed over.
    #[error("columns could not be handed over: {0}")]
    Arrow(#[from] arrow::error::ArrowError),
}

impl From<NoAnswer> for NativeError {
    fn from(error: NoAnswer) -> Self {
        Self::Unanswered(error.to_string())
    }
}

impl NativeError {
    fn exception_class(&self) -> &'static JNIStr {
        match self {
            Self::Configuration(_) => jni_str!("io/freshet/spark/nativelib/ConfigurationException"),
            Self::Contract(_)
            | Self::Damaged(_)
            | Self::Unanswered(_)
            | Self::Report(_)
            | Self::Panic(_)
            | Self::Jni(_)
            | Self::Arrow(_) => {
                jni_str!("io/freshet/spark/nativelib/NativeException")
            }
        }
    }

    /// An error for a panic that was caught; `context` says what was being done.
    pub(crate) fn from_panic(context: &str, payload: &(dyn Any + Send)) -> Self {
        let message = payload
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "a panic without a message".to_owned());
        Self::Panic(format!("{context}: {message}"))
    }
}

/// Runs the body of a native method. An error or a panic becomes the pending Java exception; the value that is returned
/// then is never seen by Java code.
pub(crate) fn enter<'local, T: Default>(
    mut unowned: EnvUnowned<'local>,
    body: impl FnOnce(&mut Env<'local>) -> Result<T, NativeError>,
) -> T {
    unowned.with_env(body).resolve::<Throw>()
}

struct Throw;

impl<T: Default> ErrorPolicy<T, NativeError> for Throw {
    type Captures<'unowned_env_local: 'native_method, 'native_method> = ();

    fn on_error<'unowned_env_local: 'native_method, 'native_method>(
        env: &mut Env<'unowned_env_local>,
        _captures: &mut (),
        error: NativeError,
    ) -> jni::errors::Result<T> {
        // An exception that Java code called from here has thrown says more than ours.
        if !env.exception_check() {
            let thrown = env.throw_new(error.exception_class(), JNIString::from(error.to_string()));
            match thrown {
                // Throwing reports the exception that is now pending.
                Ok(()) | Err(jni::errors::Error::JavaException) => {}
                Err(other) => return Err(other),
            }
        }
        Ok(T::default())
    }

    fn on_panic<'unowned_env_local: 'native_method, 'native_method>(
        env: &mut Env<'unowned_env_local>,
        captures: &mut (),
        payload: Box<dyn Any + Send + 'static>,
    ) -> jni::errors::Result<T> {
        let error = NativeError::from_panic("unexpected panic", payload.as_ref());
        error!("{error}");
        <Self as ErrorPolicy<T, NativeError>>::on_error(env, captures, error)
    }
}
