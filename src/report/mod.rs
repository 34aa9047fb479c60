//! What a running and a finished query tells of itself.

mod run;
mod watch;

pub use run::{Figures, Meter, Run};
pub use watch::{Phase, Watch};
