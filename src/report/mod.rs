//! What a running and a finished query tells of itself.

mod figures;
mod run;
mod summary;
mod watch;

pub use figures::{Figures, Monitor};
pub use run::Run;
pub use summary::{Report, StatementReport};
pub use watch::{Phase, Watch};
