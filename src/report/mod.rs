//! What a running and a finished query tells of itself.

mod drawing;
mod figures;
mod profile;
mod run;
mod summary;
mod watch;

pub(crate) use drawing::{Drawing, DrawingFormat};
pub use figures::{Figures, Monitor};
pub use profile::{OperatorFigures, OperatorReport, Profile};
pub use run::Run;
pub use summary::{Report, StatementReport};
pub use watch::{Phase, Watch};
