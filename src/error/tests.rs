//! What errors look like, and that ours come through the engine as they went in.

use std::sync::Arc;

use datafusion::error::DataFusionError as Engine;

use super::*;

/// An operator of the engine that met the limit of the spill folder failed as if a file of the user's were bad,
/// without a word of what to do: the message came through Arrow.
#[test]
fn a_full_spill_folder_is_known_in_every_wrapper() {
    let full = || std::io::Error::other("The used disk space during the spilling process has exceeded 1 MB");
    let arrow = datafusion::arrow::error::ArrowError::from(full());
    let exhausted = Engine::ResourcesExhausted(full().to_string());
    for engine in [Engine::from(arrow), Engine::IoError(full()), exhausted] {
        let error = Error::from(engine);
        assert!(error.is_spill() && error.hint().is_some(), "{error:?}");
    }
    assert!(!Error::from(Engine::IoError(std::io::Error::other("no such file"))).is_spill());
}

#[test]
fn caret_stands_below_the_word() {
    let span = Span::new(2, 8).with_excerpt("SELECT carier FROM flights", 6);
    assert_eq!(span.caret(), "2 | SELECT carier FROM flights\n  |        ^^^^^^");
}

/// Under an aggregate that several partitions share, an error of ours with a cause came out as that cause.
#[test]
fn our_error_survives_being_shared() {
    let ours = Error::data("line 3: 'x' is no number").with_source(std::io::Error::other("inner"));
    let back = Error::from(Engine::Shared(Arc::new(Engine::from(ours))));
    assert_eq!(back.message(), "line 3: 'x' is no number");
}

#[test]
fn our_error_survives_the_engine() {
    let ours = Error::memory("too little").with_hint("give it more");
    let engine = Engine::Context("while joining".into(), Box::new(ours.into()));
    let back = Error::from(engine);
    assert!(back.is_memory());
    assert_eq!(back.hint(), Some("give it more"));
}
