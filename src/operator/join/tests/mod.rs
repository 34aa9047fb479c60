//! The spilling join against the engine's own, unlimited: the same rows.

mod cases;
mod equality;
mod plans;
