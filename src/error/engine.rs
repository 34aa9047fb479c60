//! Errors of the engine and of the libraries below it, in our words.

use std::error::Error as StdError;

use datafusion::common::DataFusionError;
use datafusion::error::DataFusionError as Engine;

use super::{Error, Inner, Kind};

impl From<Engine> for Error {
    /// Classifies the engine's error by its root; one of our own that travelled through the engine comes out as it
    /// went in.
    fn from(error: Engine) -> Self {
        match unwrap_ours(error) {
            Ok(ours) => ours,
            Err(error) => {
                let (kind, message) = describe(error.find_root());
                let ours = Self::new(kind, message);
                if kind == Kind::Spill { ours.with_hint(SPILL_HINT) } else { ours }.with_source(error)
            }
        }
    }
}

impl From<Error> for DataFusionError {
    fn from(error: Error) -> Self {
        Engine::External(Box::new(error))
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Self::new(Kind::Io, error.to_string()).with_source(error)
    }
}

impl From<datafusion::arrow::error::ArrowError> for Error {
    fn from(error: datafusion::arrow::error::ArrowError) -> Self {
        Engine::from(error).into()
    }
}

/// Takes our own error back out of the engine's wrappers.
fn unwrap_ours(error: Engine) -> Result<Error, Engine> {
    match error {
        Engine::External(inner) => inner.downcast::<Error>().map(|ours| *ours).map_err(Engine::External),
        Engine::Context(context, inner) => {
            unwrap_ours(*inner).map_err(|inner| Engine::Context(context, Box::new(inner)))
        }
        Engine::ArrowError(inner, trace) => match *inner {
            datafusion::arrow::error::ArrowError::ExternalError(inner) => match inner.downcast::<Error>() {
                Ok(ours) => Ok(*ours),
                Err(inner) => match inner.downcast::<Engine>() {
                    Ok(engine) => unwrap_ours(*engine),
                    Err(inner) => Err(Engine::External(inner)),
                },
            },
            inner => Err(Engine::ArrowError(Box::new(inner), trace)),
        },
        Engine::Shared(inner) => find_ours(&inner).map(Error::duplicate).ok_or(Engine::Shared(inner)),
        other => Err(other),
    }
}

/// The first error of ours among the causes. The engine's own search for a root would walk past it to its cause.
fn find_ours(error: &Engine) -> Option<&Error> {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(ours) = error.downcast_ref::<Error>() {
            return Some(ours);
        }
        cause = error.source();
    }
    None
}

impl Error {
    /// A copy without the cause: what every partition that shared one failure reports.
    fn duplicate(&self) -> Self {
        let Inner { kind, message, hint, span, .. } = &*self.0;
        Self(Box::new(Inner {
            kind: *kind,
            message: message.clone(),
            hint: hint.clone(),
            span: span.clone(),
            source: None,
        }))
    }
}

fn describe(root: &Engine) -> (Kind, String) {
    match root {
        Engine::ResourcesExhausted(message) if is_full_disk(message) => (Kind::Spill, message.clone()),
        Engine::ResourcesExhausted(message) => (Kind::Memory, message.clone()),
        Engine::SQL(parser, _) => (Kind::User, parser.to_string()),
        Engine::Plan(message) | Engine::Configuration(message) | Engine::NotImplemented(message) => {
            (Kind::User, message.clone())
        }
        Engine::SchemaError(error, _) => (Kind::User, error.to_string()),
        Engine::Diagnostic(_, inner) => describe(inner),
        Engine::Collection(errors) => match errors.first() {
            Some(first) => describe(first.find_root()),
            None => (Kind::Internal, "no error was told".into()),
        },
        Engine::Execution(message) => (Kind::Data, message.clone()),
        Engine::ArrowError(error, _) => describe_arrow(error),
        Engine::ParquetError(error) => (Kind::Data, error.to_string()),
        Engine::ObjectStore(error) => (Kind::Io, error.to_string()),
        Engine::IoError(error) => describe_io(error),
        Engine::External(error) => (Kind::Data, error.to_string()),
        Engine::ExecutionJoin(error) if error.is_cancelled() => (Kind::Cancelled, "the query was cancelled".into()),
        other => (Kind::Internal, other.strip_backtrace()),
    }
}

fn describe_arrow(error: &datafusion::arrow::error::ArrowError) -> (Kind, String) {
    match error {
        // The engine's own operators write what they spill by way of Arrow.
        datafusion::arrow::error::ArrowError::IoError(_, source) => describe_io(source),
        other => (Kind::Data, other.to_string()),
    }
}

fn describe_io(error: &std::io::Error) -> (Kind, String) {
    let message = error.to_string();
    let kind = if is_full_disk(&message) { Kind::Spill } else { Kind::Io };
    (kind, message)
}

/// Whether the engine's disk manager says that `spill_limit` is reached; it has no error of its own for that.
fn is_full_disk(message: &str) -> bool {
    message.contains("disk space during the spilling")
}

pub(super) const SPILL_HINT: &str = "raise spill_limit, or put --spill-dir on a larger disk";
