//! Completion: what may stand at the cursor, from a snapshot of the catalog and the statement around it.

mod candidates;
mod files;
mod names;
mod place;
mod scope;
mod words;

pub(super) use candidates::complete;
pub(super) use names::Names;
pub(super) use words::{FUNCTION_LIKE, KEYWORDS};

#[cfg(test)]
mod tests;
