//! What several tests share.

pub mod tpch;
