//! All rows that a recursion has given, for UNION to know a new one.

use std::sync::Arc;

use datafusion::arrow::array::{BooleanArray, BooleanBufferBuilder};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::{NullEquality, Result};
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::EmitTo;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::aggregates::group_values::{GroupValues, new_group_values};
use datafusion::physical_plan::aggregates::order::GroupOrdering;

use crate::operator::spill::{Loan, Partition, Partitioner, Segment, Side, SpillFigures, Spool};

/// The rows, in memory or, from the first time on that the budget refuses, in partitions on disk.
pub(super) struct Seen {
    side: Side,
    loan: Arc<Loan>,
    context: Arc<TaskContext>,
    figures: SpillFigures,
    rows: Rows,
}

enum Rows {
    Memory(RowSet),
    Disk(Vec<Partition>),
}

impl Seen {
    pub(super) fn new(
        schema: SchemaRef,
        loan: Arc<Loan>,
        context: &Arc<TaskContext>,
        figures: &SpillFigures,
    ) -> Result<Self> {
        let column = |(index, field): (usize, &Arc<_>)| Arc::new(named(field, index)) as _;
        let keys = schema.fields().iter().enumerate().map(column).collect();
        let rows = Rows::Memory(RowSet::new(&schema)?);
        let side = Side { schema, keys, nulls: NullEquality::NullEqualsNull, level: 0 };
        Ok(Self { side, loan, context: Arc::clone(context), figures: figures.clone(), rows })
    }

    pub(super) fn schema(&self) -> SchemaRef {
        Arc::clone(&self.side.schema)
    }

    /// The rows of `batch` that are new; none, and nothing done, where all rows are on disk, or have to go there now.
    pub(super) async fn fresh(&mut self, batch: &RecordBatch) -> Result<Option<RecordBatch>> {
        let Rows::Memory(rows) = &mut self.rows else { return Ok(None) };
        if self.loan.reserve(rows.bytes_with(batch.num_rows())).is_ok() {
            let fresh = rows.fresh(batch)?;
            self.loan.insist(rows.bytes());
            return Ok(Some(fresh));
        }
        let all = rows.take(&self.side.schema)?;
        let mut partitioner = Partitioner::new(&self.side, self.loan.share(), &self.context, &self.figures)?;
        partitioner.push_reserved(&all).await?;
        self.rows = Rows::Disk(partitioner.finish().await?.partitions);
        self.loan.shrink_to(0);
        Ok(None)
    }

    /// Splits rows the same way as those on disk.
    pub(super) async fn split(
        &mut self,
        first: RecordBatch,
        input: SendableRecordBatchStream,
    ) -> Result<Vec<Partition>> {
        let count = match &self.rows {
            Rows::Disk(partitions) => Some(partitions.len()),
            Rows::Memory(_) => None,
        };
        self.split_again(0, count, Some(first), input).await
    }

    /// Splits rows that were split `level` times before, into so many partitions or as many as memory is good for.
    pub(super) async fn split_again(
        &mut self,
        level: usize,
        count: Option<usize>,
        first: Option<RecordBatch>,
        input: SendableRecordBatchStream,
    ) -> Result<Vec<Partition>> {
        let Side { schema, keys, nulls, .. } = &self.side;
        let side = Side { schema: Arc::clone(schema), keys: keys.clone(), nulls: *nulls, level };
        let mut partitioner = Partitioner::new(&side, self.loan.share(), &self.context, &self.figures)?;
        if let Some(count) = count {
            partitioner = partitioner.into_partitions(count);
        }
        if let Some(first) = first {
            partitioner.push(first).await?;
        }
        Ok(partitioner.split(input).await?.partitions)
    }

    /// The rows of `segments` in memory; none where the budget refuses. Errors: it does, and they are not to be split.
    pub(super) fn load(&self, segments: &[Segment], can_split: bool) -> Result<Option<RowSet>> {
        let mut rows = RowSet::new(&self.side.schema)?;
        for segment in segments {
            if !self.reserve(rows.bytes_with(segment.rows) + segment.bytes, can_split)? {
                return Ok(None);
            }
            rows.fresh(&segment.read()?)?;
        }
        Ok(Some(rows))
    }

    /// Those on disk that have the same hash.
    pub(super) fn segments(&self, partition: usize) -> &[Segment] {
        match &self.rows {
            Rows::Disk(partitions) => partitions.get(partition).map_or(&[], |partition| &partition.segments),
            Rows::Memory(_) => &[],
        }
    }

    /// Room for so many bytes in all. Errors: there is none, and the rows are not to be split.
    pub(super) fn reserve(&self, bytes: usize, can_split: bool) -> Result<bool> {
        match can_split {
            true => Ok(self.loan.reserve(bytes).is_ok()),
            false => self.loan.reserve_last(bytes).map(|()| true),
        }
    }

    /// An empty reservation, for what is read.
    pub(super) fn share(&self) -> MemoryReservation {
        self.loan.share()
    }

    /// Gives the room of loaded rows back.
    pub(super) fn give_back(&self) {
        self.loan.shrink_to(0);
    }

    /// Adds what was new in a partition.
    pub(super) fn extend(&mut self, partition: usize, fresh: Vec<Segment>) {
        if let Rows::Disk(partitions) = &mut self.rows
            && let Some(partition) = partitions.get_mut(partition)
        {
            partition.segments.extend(fresh);
        }
    }

    /// A place on disk for new rows.
    pub(super) fn spool(&self) -> Result<Spool> {
        Spool::create(&self.context, &self.figures)
    }
}

fn named(field: &Arc<datafusion::arrow::datatypes::Field>, index: usize) -> Column {
    Column::new(field.name(), index)
}

/// Different rows.
pub(super) struct RowSet {
    rows: Box<dyn GroupValues>,
    /// The number of each row of the batch at hand among all.
    indices: Vec<usize>,
}

impl RowSet {
    fn new(schema: &SchemaRef) -> Result<Self> {
        let rows = new_group_values(Arc::clone(schema), &GroupOrdering::None)?;
        Ok(Self { rows, indices: Vec::new() })
    }

    /// Adds the rows of `batch`, and gives those that were not there.
    pub(super) fn fresh(&mut self, batch: &RecordBatch) -> Result<RecordBatch> {
        let mut next = self.rows.len();
        self.rows.intern(batch.columns(), &mut self.indices)?;
        let mut is_fresh = BooleanBufferBuilder::new(self.indices.len());
        for index in &self.indices {
            // New rows are numbered in their order.
            is_fresh.append(*index == next);
            next += usize::from(*index == next);
        }
        Ok(filter_record_batch(batch, &BooleanArray::new(is_fresh.finish(), None))?)
    }

    fn bytes(&self) -> usize {
        self.rows.size() + size_of::<usize>() * self.indices.capacity()
    }

    /// The most bytes it may hold while it takes `more` rows: a hash table that is full is copied to a larger one.
    pub(super) fn bytes_with(&self, more: usize) -> usize {
        let rows = self.rows.len();
        let buckets = (rows * 8 / 7).next_power_of_two();
        if rows + more > buckets / 8 * 7 { 2 * self.bytes() } else { self.bytes() }
    }

    /// All rows, which are forgotten.
    fn take(&mut self, schema: &SchemaRef) -> Result<RecordBatch> {
        if self.rows.is_empty() {
            return Ok(RecordBatch::new_empty(Arc::clone(schema)));
        }
        Ok(RecordBatch::try_new(Arc::clone(schema), self.rows.emit(EmitTo::All)?)?)
    }
}
