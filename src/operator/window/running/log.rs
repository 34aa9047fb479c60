//! Rows that are kept for a while, and where they are looked at.

use std::collections::VecDeque;
use std::sync::Arc;

use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::Result;
use datafusion::common::utils::memory::get_record_batch_memory_size;
use datafusion::execution::TaskContext;

use super::budget::{Budget, Grant};
use crate::error::Error;
use crate::operator::spill::{Segment, SpillFigures, Spool, compact};

/// Where logs keep their rows.
#[derive(Clone)]
pub(super) struct Room {
    pub(super) budget: Arc<Budget>,
    pub(super) context: Arc<TaskContext>,
    pub(super) figures: SpillFigures,
    /// Whether rows come in the opposite of the order that the query has.
    pub(super) backward: bool,
}

/// Batches of rows in their order, which are numbered from 0 on: in memory as long as the budget grants it, else on
/// disk.
///
/// ```text
///           first                                          end
/// forgotten ┊ memory │ disk │ disk │ memory │ as it came  ┊ to come
///               ▲        ▲             ▲                          each cursor has its batch in memory
/// ```
///
/// The last batch stays as it came, for most go before there is another. Of one that does not, the rows that are still
/// wanted are kept, without what their views share with others.
pub(super) struct Log {
    room: Room,
    blocks: VecDeque<Block>,
    /// The first row that is wanted still.
    first: usize,
    end: usize,
    spool: Option<Spool>,
}

struct Block {
    first: usize,
    rows: usize,
    stored: Stored,
}

enum Stored {
    Memory(RecordBatch, Grant),
    Disk(Segment),
}

impl Block {
    fn end(&self) -> usize {
        self.first + self.rows
    }
}

impl Stored {
    fn bytes(&self) -> usize {
        match self {
            Self::Memory(_, grant) => grant.bytes(),
            Self::Disk(segment) => segment.bytes,
        }
    }
}

impl Log {
    pub(super) fn new(room: &Room) -> Self {
        Self { room: room.clone(), blocks: VecDeque::new(), first: 0, end: 0, spool: None }
    }

    /// The number of the row to come.
    pub(super) fn end(&self) -> usize {
        self.end
    }

    pub(super) fn push(&mut self, batch: RecordBatch) -> Result<()> {
        self.settle()?;
        if batch.num_rows() == 0 {
            return Ok(());
        }
        match self.room.budget.ask_for_now(get_record_batch_memory_size(&batch)) {
            Some(grant) => self.append(batch.num_rows(), Stored::Memory(batch, grant)),
            None => self.write(&batch)?,
        }
        Ok(())
    }

    /// Another batch comes behind the last one, which may have to wait for long.
    fn settle(&mut self) -> Result<()> {
        let Some(Block { first, rows, stored }) = self.blocks.pop_back() else { return Ok(()) };
        let Stored::Memory(batch, grant) = stored else {
            self.blocks.push_back(Block { first, rows, stored });
            return Ok(());
        };
        let gone = self.first.saturating_sub(first).min(rows);
        let wanted = compacted(&batch.slice(gone, rows - gone))?;
        drop((batch, grant));
        self.end = first + gone;
        match self.room.budget.ask(get_record_batch_memory_size(&wanted)) {
            Some(grant) => self.append(rows - gone, Stored::Memory(wanted, grant)),
            None => self.write(&wanted)?,
        }
        Ok(())
    }

    fn append(&mut self, rows: usize, stored: Stored) {
        self.blocks.push_back(Block { first: self.end, rows, stored });
        self.end += rows;
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let spool = match &mut self.spool {
            Some(spool) => spool,
            none => none.insert(Spool::create(&self.room.context, &self.room.figures)?),
        };
        spool.push(batch)?;
        for segment in spool.take() {
            self.append(segment.rows, Stored::Disk(segment));
        }
        Ok(())
    }

    /// Rows before `row` are wanted no longer: no cursor is before it.
    pub(super) fn forget(&mut self, row: usize) {
        self.first = self.first.max(row);
        while self.blocks.front().is_some_and(|block| block.end() <= self.first) {
            self.blocks.pop_front();
        }
    }

    /// How many rows there are from `row` on, as far as their batches have no more than `bytes` bytes together, but one.
    pub(super) fn rows_within(&self, row: usize, bytes: usize) -> usize {
        let (mut end, mut sum) = (row, 0);
        for block in self.blocks.range(self.place(row)..) {
            sum += block.stored.bytes();
            if end > row && sum > bytes {
                break;
            }
            end = block.end();
        }
        end - row
    }

    /// Takes the last rows away, as many as are in one batch.
    pub(super) fn pop(&mut self) -> Result<Option<RecordBatch>> {
        let Some(Block { first, rows, stored }) = self.blocks.pop_back() else { return Ok(None) };
        let batch = match stored {
            Stored::Memory(batch, _) => batch,
            Stored::Disk(segment) => segment.read()?,
        };
        let gone = self.first.saturating_sub(first).min(rows);
        self.end = first + gone;
        Ok(Some(batch.slice(gone, rows - gone)))
    }

    fn block(&self, row: usize) -> Option<&Block> {
        self.blocks.get(self.place(row))
    }

    fn place(&self, row: usize) -> usize {
        self.blocks.partition_point(|block| block.end() <= row)
    }
}

/// A row of a log that is looked at. Several go over one log, each in one direction.
#[derive(Default)]
pub(super) struct Cursor {
    pub(super) row: usize,
    /// The batch with the row, where it was on disk.
    read: Option<Read>,
}

struct Read {
    first: usize,
    batch: RecordBatch,
    _grant: Grant,
}

impl Cursor {
    pub(super) fn at(row: usize) -> Self {
        Self { row, read: None }
    }

    /// The batch with the row, and the row's place in it; none where it has not come yet.
    pub(super) fn load(&mut self, log: &Log) -> Result<Option<(RecordBatch, usize)>> {
        let place = |first: usize| self.row.checked_sub(first);
        if let Some(read) = &self.read
            && let Some(place) = place(read.first).filter(|place| *place < read.batch.num_rows())
        {
            return Ok(Some((read.batch.clone(), place)));
        }
        let Some(block) = log.block(self.row) else { return Ok(None) };
        let place = place(block.first).ok_or_else(|| Error::internal("a row was wanted that has been forgotten"))?;
        let batch = match &block.stored {
            Stored::Memory(batch, _) => batch.clone(),
            Stored::Disk(segment) => self.read(segment, block.first, log)?,
        };
        Ok(Some((batch, place)))
    }

    fn read(&mut self, segment: &Segment, first: usize, log: &Log) -> Result<RecordBatch> {
        self.read = None;
        let grant = log.room.budget.insist(segment.bytes);
        let batch = segment.read()?;
        self.read = Some(Read { first, batch: batch.clone(), _grant: grant });
        Ok(batch)
    }

    /// Goes over the next rows before `until`, as many as are in one batch; none where there are no more.
    pub(super) fn next(&mut self, log: &Log, until: usize) -> Result<Option<RecordBatch>> {
        if self.row >= until {
            return Ok(None);
        }
        let Some((batch, place)) = self.load(log)? else { return Ok(None) };
        let rows = (until - self.row).min(batch.num_rows() - place);
        self.row += rows;
        if place + rows == batch.num_rows() {
            self.read = None;
        }
        Ok(Some(batch.slice(place, rows)))
    }
}

/// A slice of views goes on keeping what they no longer point at.
fn compacted(batch: &RecordBatch) -> Result<RecordBatch> {
    let columns = batch.columns().iter().map(|column| compact(column.clone())).collect::<Result<_>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(batch.schema(), columns, &options)?)
}

#[cfg(test)]
pub(super) mod tests {
    use datafusion::arrow::array::{ArrayRef, AsArray, Int64Array};
    use datafusion::arrow::datatypes::Int64Type;
    use datafusion::execution::runtime_env::RuntimeEnvBuilder;
    use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;

    use super::*;
    use crate::operator::spill::{Loan, unnamed};
    use crate::operator::tests::SmallPool;

    /// Room in a pool of so many bytes.
    pub(in super::super) fn room(bytes: usize) -> Room {
        let runtime = RuntimeEnvBuilder::new().with_memory_pool(Arc::new(SmallPool::new(bytes)));
        let context = Arc::new(TaskContext::default().with_runtime(runtime.build_arc().unwrap()));
        let figures = SpillFigures::new(&ExecutionPlanMetricsSet::new(), 0);
        let budget = Budget::new(Loan::new("RunningWindowExec", &context, figures.peak.clone()));
        Room { budget, context, figures, backward: false }
    }

    fn numbers(range: std::ops::Range<i64>) -> RecordBatch {
        let rows = (range.end - range.start) as usize;
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(range));
        unnamed(vec![numbers], rows).unwrap()
    }

    fn read(batch: &RecordBatch) -> Vec<i64> {
        batch.column(0).as_primitive::<Int64Type>().values().to_vec()
    }

    fn next(cursor: &mut Cursor, log: &Log, until: usize) -> Vec<i64> {
        let mut rows = Vec::new();
        while let Some(batch) = cursor.next(log, until).unwrap() {
            rows.extend(read(&batch));
        }
        rows
    }

    #[test]
    fn cursors_go_over_rows_in_memory_and_on_disk() {
        let room = room(10_000);
        let mut log = Log::new(&room);
        let (mut fast, mut slow) = (Cursor::default(), Cursor::default());
        for i in 0..100 {
            log.push(numbers(i * 50..(i + 1) * 50)).unwrap();
            let first = fast.row as i64;
            assert_eq!(next(&mut fast, &log, log.end() - 7), (first..(i + 1) * 50 - 7).collect::<Vec<_>>());
            let first = slow.row as i64;
            let until = (first + 30).min(fast.row as i64);
            assert_eq!(next(&mut slow, &log, until as usize), (first..until).collect::<Vec<_>>());
            log.forget(slow.row);
        }
        assert!(room.figures.spill.spill_file_count.value() > 1, "all stayed, or in one file");
        assert!(room.context.memory_pool().reserved() <= 10_000);
        let left = (slow.row as i64..5_000).collect::<Vec<_>>();
        assert_eq!(next(&mut slow, &log, usize::MAX), left);
        log.forget(log.end());
        assert!(room.context.runtime_env().disk_manager.used_disk_space() < 12 << 10, "files stay");
        drop((log, fast, slow));
        assert_eq!(room.context.runtime_env().disk_manager.used_disk_space(), 0);
        assert_eq!(room.context.memory_pool().reserved(), 0);
    }

    #[test]
    fn the_last_rows_can_be_taken_away() {
        let mut log = Log::new(&room(5_000));
        (0..40).for_each(|i| log.push(numbers(i * 50..(i + 1) * 50)).unwrap());
        log.forget(1_020);
        let mut end = log.end() as i64;
        while let Some(batch) = log.pop().unwrap() {
            let rows = read(&batch);
            assert_eq!(rows, (end - rows.len() as i64..end).collect::<Vec<_>>());
            end -= rows.len() as i64;
            assert_eq!(log.end() as i64, end);
        }
        assert_eq!(end, 1_020);
        log.push(numbers(1_020..1_030)).unwrap();
        assert_eq!(next(&mut Cursor::at(1_020), &log, 1_025), (1_020..1_025).collect::<Vec<_>>());
    }

    #[test]
    fn a_row_that_has_been_forgotten_is_an_error() {
        let mut log = Log::new(&room(5_000));
        (0..4).for_each(|i| log.push(numbers(i * 50..(i + 1) * 50)).unwrap());
        log.forget(120);
        assert!(Cursor::at(10).load(&log).is_err());
        assert!(Cursor::at(200).load(&log).unwrap().is_none());
    }
}
