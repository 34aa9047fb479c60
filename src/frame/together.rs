//! Several frames at once.
