//! Tables in: where the rows of a table come from.

mod stored;

pub(crate) use stored::{Change, ChangeTarget, StoredTable};
