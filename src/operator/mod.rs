//! Physical operators of ours, one a file: what the engine's own do not keep to.
//!
//! Writes of files: `CommitExec` makes them all or nothing out of a [`Staging`], `WriteInputExec` feeds them,
//! `ParquetFiles` writes Parquet, `PartitionedParquet` one partition at a time, `SizedText` files of about a size.
//! `SpillingJoinExec` is a join whose build side may be larger than memory, `SpillingAggregateExec` a grouped
//! aggregate whose groups may be, `SpillingSortExec` a sort of any number of rows, `TopRowsExec` the first rows of
//! an order, however many, `SpillingWindowExec` window functions over partitions, however large, `RunningWindowExec`
//! those that look at few rows, `SpillingRecursionExec` a recursive query, `SpillingRepartitionExec` rows dealt out
//! to partitions anew. `LazyExec` starts a side of a join when it is wanted, `KeyFilterExec` leaves rows out that no
//! join above has a partner for, `SmallBatchesExec` is above a plan over long rows, `KeyColumnsExec` above keys of very
//! many columns, which are one column below; `PiecesExec` hands a few rows at a
//! time to what may make them long. `partition` has what frames do
//! with partitions. What they share is in `spill` and `slot`.

mod aggregate;
mod cancellable;
mod collected;
mod column_groups;
mod commit;
mod join;
mod key_filter;
mod lazy;
mod parquet;
mod partition;
mod pass;
mod pieces;
mod recursion;
mod repartition;
mod row_count;
mod row_key;
mod sized_text;
mod slot;
mod small_batches;
mod sort;
mod spill;
mod staging;
mod staging_store;
mod stand_in;
#[cfg(test)]
mod tests;
mod top_rows;
mod turns;
mod window;
mod write_input;

pub(crate) use aggregate::{Aggregate, keeps_every_value, wants_all_rows};
pub(crate) use cancellable::{CancelFlag, Cancellable};
pub(crate) use collected::collects_values;
pub(crate) use column_groups::ColumnGroups;
pub(crate) use commit::CommitExec;
pub(crate) use join::{EngineJoin, SpillingJoinExec};
pub(crate) use key_filter::{KeyFilter, KeyFilterExec};
pub(crate) use lazy::{Lazy, LazyExec};
pub(crate) use parquet::{ParquetFiles, PartitionedParquet};
pub(crate) use partition::{Exchange, ExchangeExec, MapExec, MapFunction, PickExec, boxed, drive};
pub(crate) use pieces::{LearnPieces, LearnPiecesExec, PieceRows, Pieces, PiecesExec};
pub(crate) use recursion::SpillingRecursionExec;
pub(crate) use repartition::Repartition;
pub(crate) use row_count::row_count;
pub(crate) use row_key::{
    ColumnSource, FIRST_ROW, KeyColumns, KeyColumnsExec, KeyEncoding, RowKey, RowKeys, RowKeysExec, first_row,
};
pub(crate) use sized_text::SizedText;
pub(crate) use small_batches::{SmallBatches, SmallBatchesExec};
pub(crate) use sort::Sorting;
pub(crate) use staging::Staging;
pub(crate) use stand_in::stand_in;
pub(crate) use top_rows::TopRowsExec;
pub(crate) use turns::Turn;
pub(crate) use window::{PartitionWindows, RunningWindows};
pub(crate) use write_input::{WriteInput, WriteInputExec};
