//! The join of a held side with a streamed one.

use std::sync::Arc;

use datafusion::arrow::array::{AsArray, BooleanArray, BooleanBufferBuilder, UInt32Array};
use datafusion::arrow::buffer::BooleanBuffer;
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::{JoinSide, JoinType, Result};
use datafusion::physical_plan::joins::utils::JoinFilter;

use super::output::{Alone, Output, Rows, alone, gives_pairs};
use super::passing::{Pairs, Passing, Walk};
use crate::operator::join::shape::Shape;

/// Rows of one side, in which the partners of rows of the other are found.
pub(in crate::operator::join) trait Table {
    /// What of a streamed batch is compared with the table.
    type Sought;

    /// The held rows; pairs name them by their places here.
    fn rows(&self) -> &RecordBatch;

    /// The bytes that it holds.
    fn bytes(&self) -> usize;

    /// Prepares a streamed batch.
    fn seek(&self, streamed: &RecordBatch) -> Result<Self::Sought>;

    /// The next pairs of a walk through that batch.
    fn next(&self, sought: &Self::Sought, walk: &mut Walk) -> Pairs;

    /// Whether the join's filter holds for every pair that is found.
    fn answers_filter(&self, _: &Self::Sought) -> bool {
        false
    }

    /// How many of the first held rows have met somebody in that batch, where it is always the first that do.
    fn met(&self, _: &Self::Sought) -> Option<usize> {
        None
    }

    /// How many pairs there are, where that is known without looking at them.
    fn count(&self, _: &Self::Sought) -> Option<usize> {
        None
    }
}

/// A table of one side's rows, past which those of the other go.
pub(in crate::operator::join) struct TableJoin<T> {
    shape: Shape,
    /// The side in the table.
    held: JoinSide,
    table: Arc<T>,
    /// Which rows of the table have met somebody, where that is asked for.
    met: Option<BooleanBufferBuilder>,
    /// At the end: what comes out of them, and which have met somebody, of which so many rows are done.
    left: Option<(Alone, BooleanBuffer, usize)>,
    output: Output,
    batch_size: usize,
}

impl<T: Table> TableJoin<T> {
    /// With rows of the `held` side in `table`.
    pub(in crate::operator::join) fn new(shape: Shape, held: JoinSide, table: Arc<T>, batch_size: usize) -> Self {
        let met = alone(shape.join_type(), held).map(|_| {
            let mut bits = BooleanBufferBuilder::new(table.rows().num_rows());
            bits.append_n(table.rows().num_rows(), false);
            bits
        });
        let output = Output::new(shape.clone(), batch_size);
        Self { shape, held, table, met, left: None, output, batch_size }
    }

    /// The bytes that it holds.
    pub(in crate::operator::join) fn bytes(&self) -> usize {
        self.table.bytes() + self.table.rows().num_rows().div_ceil(8)
    }

    fn streamed(&self) -> JoinSide {
        self.held.negate()
    }

    /// A batch of the streamed side, to be passed on to [`TableJoin::step`] until that says that it is done.
    pub(in crate::operator::join) fn start(&self, batch: RecordBatch) -> Result<Passing<T::Sought>> {
        let sought = self.table.seek(&batch)?;
        Ok(Passing::new(batch, sought))
    }

    /// Finds a batch of partners; false when there are no more.
    pub(in crate::operator::join) fn step(&mut self, passing: &mut Passing<T::Sought>) -> Result<bool> {
        if !passing.has_more() {
            self.push_kept(passing)?;
            self.streamed_alone(passing)?;
            return Ok(false);
        }
        let filter = self.shape.filter().filter(|_| !self.table.answers_filter(&passing.sought));
        if let Some(pairs) = self.table.count(&passing.sought).filter(|_| filter.is_none() && self.only_counts()) {
            passing.walk.end();
            self.output.push_bare(pairs);
            return Ok(true);
        }
        if let Some(rows) = self.table.met(&passing.sought).filter(|_| filter.is_none() && self.only_marks_held()) {
            passing.walk.end();
            self.met.iter_mut().for_each(|met| (0..rows).for_each(|row| met.set_bit(row, true)));
            return Ok(true);
        }
        let first = filter.is_none() && self.first_will_do();
        passing.want(self.batch_size - passing.kept(), first);
        let pairs = self.table.next(&passing.sought, &mut passing.walk);
        let pairs = match filter {
            Some(filter) => pairs.only(&self.mask(filter, &pairs, &passing.batch)?)?,
            None => pairs,
        };
        self.take(pairs, passing)?;
        Ok(true)
    }

    fn take(&mut self, pairs: Pairs, passing: &mut Passing<T::Sought>) -> Result<()> {
        if let Some(met) = &mut self.met {
            pairs.held.values().iter().for_each(|row| met.set_bit(*row as usize, true));
        }
        if alone(self.shape.join_type(), self.streamed()).is_some() {
            passing.note(&pairs);
        }
        if gives_pairs(self.shape.join_type()) {
            passing.keep(&pairs);
        }
        if passing.kept() >= self.batch_size / 2 { self.push_kept(passing) } else { Ok(()) }
    }

    /// Whether a streamed row has no use for a second partner.
    fn first_will_do(&self) -> bool {
        !gives_pairs(self.shape.join_type()) && self.met.is_none()
    }

    /// Whether nothing is asked for but which held rows have met somebody.
    fn only_marks_held(&self) -> bool {
        let join_type = self.shape.join_type();
        !gives_pairs(join_type) && alone(join_type, self.streamed()).is_none()
    }

    /// Whether nothing but the number of pairs is asked for.
    fn only_counts(&self) -> bool {
        self.shape.join_type() == JoinType::Inner && self.output.is_bare()
    }

    /// For which pairs the filter holds.
    fn mask(&self, filter: &JoinFilter, pairs: &Pairs, streamed: &RecordBatch) -> Result<BooleanArray> {
        let (held, streamed) = (Rows::Of(self.table.rows(), &pairs.held), Rows::Of(streamed, &pairs.streamed));
        let (schema, count) = (filter.schema(), pairs.len());
        let columns = filter.column_indices().iter().zip(schema.fields()).map(|(column, field)| {
            let side = if column.side == self.held { held } else { streamed };
            side.column(column.index, field.data_type(), count)
        });
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        let columns = columns.collect::<Result<_>>()?;
        let batch = RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?;
        Ok(filter.expression().evaluate(&batch)?.into_array(count)?.as_boolean().clone())
    }

    fn push_kept(&mut self, passing: &mut Passing<T::Sought>) -> Result<()> {
        let pairs = passing.take_kept();
        let held = Rows::Of(self.table.rows(), &pairs.held);
        let streamed = Rows::Of(&passing.batch, &pairs.streamed);
        let (build, probe) = if self.held == JoinSide::Left { (held, streamed) } else { (streamed, held) };
        if pairs.len() == 0 { Ok(()) } else { self.output.push(build, probe, None, pairs.len()) }
    }

    fn streamed_alone(&mut self, passing: &Passing<T::Sought>) -> Result<()> {
        let side = self.streamed();
        match alone(self.shape.join_type(), side) {
            Some(what) => push_alone(&mut self.output, &passing.batch, side, what, 0, &passing.met()),
            None => Ok(()),
        }
    }

    /// Which rows of the table have met somebody, to be put together with what others have found that share it; none
    /// where nobody asks.
    pub(in crate::operator::join) fn met(&mut self) -> Option<&mut BooleanBufferBuilder> {
        self.met.as_mut()
    }

    /// Rows of the table come out by themselves elsewhere.
    pub(in crate::operator::join) fn leave_held(&mut self) {
        self.met = None;
    }

    /// Once all of the streamed side has passed: some rows of the table that come out by themselves; false when there
    /// are no more.
    pub(in crate::operator::join) fn finish(&mut self) -> Result<bool> {
        let what = alone(self.shape.join_type(), self.held);
        if let (Some(what), Some(mut met)) = (what, self.met.take()) {
            self.left = Some((what, met.finish(), 0));
        }
        let Some((what, met, first)) = self.left.take().filter(|(_, met, first)| *first < met.len()) else {
            self.output.finish()?;
            return Ok(false);
        };
        let rows = self.batch_size.min(met.len() - first);
        push_alone(&mut self.output, self.table.rows(), self.held, what, first, &met.slice(first, rows))?;
        self.left = Some((what, met, first + rows));
        Ok(true)
    }

    /// The next full batch of rows that have come out.
    pub(in crate::operator::join) fn next(&mut self) -> Option<RecordBatch> {
        self.output.next()
    }
}

/// Those of the rows of `batch` from `first` on that come out by themselves; `met` has a bit for each.
fn push_alone(
    output: &mut Output,
    batch: &RecordBatch,
    side: JoinSide,
    what: Alone,
    first: usize,
    met: &BooleanBuffer,
) -> Result<()> {
    let wanted = |row: &usize| match what {
        Alone::Met => met.value(*row),
        Alone::NotMet => !met.value(*row),
        Alone::Marked => true,
    };
    let rows = UInt32Array::from_iter_values((0..met.len()).filter(wanted).map(|row| (first + row) as u32));
    if rows.is_empty() {
        return Ok(());
    }
    let mark = (what == Alone::Marked).then(|| BooleanArray::new(met.clone(), None));
    let of = Rows::Of(batch, &rows);
    let (build, probe) = if side == JoinSide::Left { (of, Rows::Nulls) } else { (Rows::Nulls, of) };
    output.push(build, probe, mark.as_ref(), rows.len())
}
