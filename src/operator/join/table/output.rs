//! Rows of the result.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, UInt32Array, new_null_array};
use datafusion::arrow::compute::{BatchCoalescer, take};
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::{JoinSide, JoinType, Result};

use crate::operator::join::shape::Shape;

/// What comes out of one side's rows by themselves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Alone {
    /// Those that have met somebody.
    Met,
    /// Those that have met nobody; beside NULLs where pairs come out as well.
    NotMet,
    /// All, with a mark of whether they have met somebody.
    Marked,
}

/// What a join gives for the rows of `side`.
pub(super) fn alone(join_type: JoinType, side: JoinSide) -> Option<Alone> {
    use JoinType::{Full, Left, LeftAnti, LeftMark, LeftSemi, Right, RightAnti, RightMark, RightSemi};
    match (side, join_type) {
        (JoinSide::Left, LeftSemi) | (JoinSide::Right, RightSemi) => Some(Alone::Met),
        (JoinSide::Left, Left | Full | LeftAnti) | (JoinSide::Right, Right | Full | RightAnti) => Some(Alone::NotMet),
        (JoinSide::Left, LeftMark) | (JoinSide::Right, RightMark) => Some(Alone::Marked),
        _ => None,
    }
}

/// Whether it gives pairs.
pub(super) fn gives_pairs(join_type: JoinType) -> bool {
    matches!(join_type, JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full)
}

/// Where the columns of one side come from.
#[derive(Clone, Copy)]
pub(super) enum Rows<'a> {
    Of(&'a RecordBatch, &'a UInt32Array),
    Nulls,
}

impl Rows<'_> {
    pub(super) fn column(&self, column: usize, of: &DataType, rows: usize) -> Result<ArrayRef> {
        Ok(match self {
            Self::Of(batch, rows) => take(batch.column(column), *rows, None)?,
            Self::Nulls => new_null_array(of, rows),
        })
    }
}

/// Makes batches of the size that is asked for.
pub(super) struct Output {
    shape: Shape,
    columns: Vec<usize>,
    batches: BatchCoalescer,
    batch_size: usize,
    /// Rows of no columns.
    bare: usize,
}

impl Output {
    pub(super) fn new(shape: Shape, batch_size: usize) -> Self {
        let batches = BatchCoalescer::new(Arc::clone(shape.output()), batch_size);
        // Texts are always copied where most of what they lie in is not wanted, for the table goes before they do.
        let views = |data_type: &DataType| matches!(data_type, DataType::Utf8View | DataType::BinaryView);
        let has_views = shape.output().fields().iter().any(|field| views(field.data_type()));
        let large = (!has_views).then_some(batch_size / 2);
        let batches = batches.with_biggest_coalesce_batch_size(large);
        let columns = shape.columns(shape.probe().fields().len());
        Self { shape, columns, batches, batch_size, bare: 0 }
    }

    /// Whether its rows have no columns.
    pub(super) fn is_bare(&self) -> bool {
        self.columns.is_empty()
    }

    /// Adds `count` rows of no columns.
    pub(super) fn push_bare(&mut self, count: usize) {
        self.bare += count;
    }

    /// Adds `count` rows, the columns of each side from its rows.
    pub(super) fn push(
        &mut self,
        build: Rows<'_>,
        probe: Rows<'_>,
        mark: Option<&BooleanArray>,
        count: usize,
    ) -> Result<()> {
        if self.is_bare() {
            self.push_bare(count);
            return Ok(());
        }
        let build_width = match self.shape.gives_build_columns() {
            true => self.shape.build().fields().len(),
            false => 0,
        };
        let probe_width = if self.shape.gives_probe_columns() { self.shape.probe().fields().len() } else { 0 };
        let fields = self.shape.output().fields();
        let columns = self.columns.iter().zip(fields).map(|(column, field)| match (*column, mark) {
            (column, _) if column < build_width => build.column(column, field.data_type(), count),
            (column, Some(mark)) if column == build_width + probe_width => Ok(Arc::new(mark.clone()) as ArrayRef),
            (column, _) => probe.column(column - build_width, field.data_type(), count),
        });
        let batch = self.shape.batch(columns.collect::<Result<_>>()?, count)?;
        Ok(self.batches.push_batch(batch)?)
    }

    /// A batch that is full.
    pub(super) fn next(&mut self) -> Option<RecordBatch> {
        if self.bare > 0 {
            let rows = self.bare.min(self.batch_size);
            self.bare -= rows;
            let options = RecordBatchOptions::new().with_row_count(Some(rows));
            return RecordBatch::try_new_with_options(Arc::clone(self.shape.output()), vec![], &options).ok();
        }
        self.batches.next_completed_batch()
    }

    /// No more rows come: what is left comes out.
    pub(super) fn finish(&mut self) -> Result<()> {
        Ok(self.batches.finish_buffered_batch()?)
    }
}
