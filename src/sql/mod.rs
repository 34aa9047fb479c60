//! Text in: statements with spans, statements of our own, parameters.

mod split;

pub(crate) use split::tokens;
pub use split::{Piece, is_complete, split};
