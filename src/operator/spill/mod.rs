//! Rows on disk, for every operator of ours that spills.
//!
//! ```text
//! batches ─► Partitioner ─► 32 to 128 Partitions, each a list of Segments (one batch on disk) ─► rows_of ─► batches
//!                │
//!              Loan: what the budget has granted the operator, and what is insisted on
//! ```

mod compact;
mod footprint;
mod kept;
mod loan;
mod metrics;
mod partitioner;
mod queue;
mod segment;
mod spool;

pub(in crate::operator) use compact::compact;
pub(in crate::operator) use footprint::Footprint;
pub(in crate::operator) use kept::Kept;
pub(in crate::operator) use loan::{Loan, capacity};
pub(in crate::operator) use metrics::SpillFigures;
pub(in crate::operator) use partitioner::{
    BATCH_BYTES, Partition, Partitioned, Partitioner, Side, evaluate, partition_of, select,
};
pub(in crate::operator) use queue::{Queue, Waiting};
pub(in crate::operator) use segment::{Segment, batches_of, rows_of};
pub(in crate::operator) use spool::{Spool, unnamed};

/// How many times rows are partitioned at most, into 32 or more partitions each time, before there is another way or none.
pub(in crate::operator) const DEEPEST: usize = 6;
