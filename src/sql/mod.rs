//! Text in: statements with spans, statements of our own, parameters.

mod split;

pub use split::{Piece, is_complete, split};
