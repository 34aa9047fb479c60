//! What a running and a finished query tells of itself.

mod run;

pub use run::{Figures, Run};
