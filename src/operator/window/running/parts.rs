//! Where partitions and peers begin.

use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::compute::SortColumn;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::utils::evaluate_partition_ranges;
use datafusion::common::{Result, ScalarValue};
use datafusion::physical_expr::window::WindowExpr;

/// Rows of a batch that have something in common.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) rows: Range<usize>,
    /// Whether they are the first of a partition.
    pub(super) starts_partition: bool,
    /// Whether they are no peers of the row before.
    pub(super) starts_peers: bool,
}

/// A batch with its parts.
pub(super) struct Parts {
    pub(super) batch: RecordBatch,
    /// The rows of each partition.
    pub(super) partitions: Vec<Part>,
    /// The rows that are equal in the order of the window, too.
    pub(super) peers: Vec<Part>,
}

/// Looks for parts in batches that follow one another.
#[derive(Default)]
pub(super) struct Finder {
    partition: Changes,
    peers: Changes,
}

impl Finder {
    /// `function` stands for all: they have partitions and order in common.
    pub(super) fn parts(&mut self, function: &Arc<dyn WindowExpr>, batch: RecordBatch) -> Result<Parts> {
        let rows = batch.num_rows();
        let keys = function.partition_by().iter().map(|key| key.evaluate(&batch)?.into_array(rows));
        let mut columns = keys.collect::<Result<Vec<ArrayRef>>>()?;
        let (partitions, begins) = self.partition.find(&columns, rows)?;
        let part = |(index, rows): (usize, &Range<usize>)| {
            let starts = index > 0 || begins;
            Part { rows: rows.clone(), starts_partition: starts, starts_peers: starts }
        };
        let parts = partitions.iter().enumerate().map(part).collect();
        columns.extend(function.order_by_columns(&batch)?.into_iter().map(|column| column.values));
        let (peers, begins_peers) = self.peers.find(&columns, rows)?;
        let mut starts = partitions.iter().map(|rows| rows.start).peekable();
        let peer = |(index, rows): (usize, Range<usize>)| {
            let is_first = starts.next_if_eq(&rows.start).is_some();
            let starts_partition = is_first && (rows.start > 0 || begins);
            Part { rows, starts_partition, starts_peers: index > 0 || begins_peers }
        };
        let peers = peers.into_iter().enumerate().map(peer).collect();
        Ok(Parts { batch, partitions: parts, peers })
    }
}

/// Where the values of columns change.
#[derive(Debug, Default)]
pub(in crate::operator::window) struct Changes {
    last: Option<Vec<ScalarValue>>,
}

impl Changes {
    /// Runs of equal rows, and whether the first row differs from the last one of the batch before.
    pub(in crate::operator::window) fn find(
        &mut self,
        columns: &[ArrayRef],
        rows: usize,
    ) -> Result<(Vec<Range<usize>>, bool)> {
        let row =
            |row| columns.iter().map(|column| ScalarValue::try_from_array(column, row)).collect::<Result<Vec<_>>>();
        let begins = self.last.as_ref() != Some(&row(0)?);
        // A value may be a view of its batch.
        self.last = Some(row(rows - 1)?.into_iter().map(ScalarValue::compacted).collect());
        let columns = columns.iter().map(|values| SortColumn { values: Arc::clone(values), options: None });
        Ok((evaluate_partition_ranges(rows, &columns.collect::<Vec<_>>())?, begins))
    }
}
