//! COPY … TO in the words people know.
pub(crate) fn copy_text() {}
pub(crate) fn copy_words() {}
