//! The tables of TPC-H, generated while they are read: the rows that the standard generator makes.

mod columns;
mod scan;
mod table;

pub(crate) use table::Tpch;
