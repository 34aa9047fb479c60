//! Rows to disk, by the hash of their keys.

use std::mem;
use std::ops::RangeInclusive;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, UInt32Array};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::compute::{interleave, take_record_batch};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::hash_utils::{RandomState, create_hashes};
use datafusion::common::utils::memory::RecordBatchMemoryCounter;
use datafusion::common::{NullEquality, Result};
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::PhysicalExpr;
use futures::StreamExt;
use tokio::task::coop::consume_budget;

use super::compact::compact;
use super::footprint::Footprint;
use super::kept::Kept;
use super::loan::{Loan, capacity};
use super::metrics::SpillFigures;
use super::segment::{Segment, SegmentFile};
use crate::memory::{COLUMN, row_bytes};

/// How many partitions rows are split into at once, by the memory there is: the more, the sooner does a hash table over
/// one of them fit the processor's cache; the fewer, the larger are the pieces on disk. Measured on joins at 512 MB: with
/// 256 partitions narrow rows are no faster than with 64, and wide ones take a tenth longer.
const FAN_OUT: RangeInclusive<usize> = 32..=128;

/// So much memory makes one more partition, in bytes.
const MEMORY_OF_PARTITION: usize = 2 << 20;

/// How many files the partitions of one side share: a descriptor each, and a part of the disk space that is free once
/// its partitions are joined.
const FILES: usize = 4;

/// Rows are gathered up to this many bytes for each partition before they are split, where the budget allows: larger
/// pieces on disk.
const GATHERED: usize = if cfg!(test) { 2 << 10 } else { 128 << 10 };

/// As much is gathered even where the budget refuses: pieces of a few rows would cost more than they save.
const GATHERED_ANYWAY: usize = if cfg!(test) { 8 << 10 } else { 1 << 20 };

/// How large a batch on disk may be, in bytes: what is read back is never more at once, except for a single row.
pub(in crate::operator) const BATCH_BYTES: usize = if cfg!(test) { 512 } else { 512 << 10 };

/// So many rows of one large batch are split at once: each is copied twice.
const ROWS_AT_ONCE: usize = if cfg!(test) { 64 } else { 1 << 17 };

/// The seed of the first level; other than those of the engine's repartition and join, whose rows would otherwise all
/// go to one partition here.
const SEED: u64 = 0x5041_5254_4954_4131;

/// Rows on disk whose keys have the same hash, as far as a level looks at it.
#[derive(Debug, Default, Clone)]
pub(in crate::operator) struct Partition {
    /// Its batches, in the order they came.
    pub(in crate::operator) segments: Vec<Segment>,
    /// The one hash of all its keys, while there is only one.
    hash: Hashes,
}

#[derive(Debug, Default, Clone, Copy, PartialEq)]
enum Hashes {
    #[default]
    None,
    One(u64),
    Many,
}

impl Hashes {
    fn add(&mut self, hash: u64) {
        *self = match *self {
            Self::None => Self::One(hash),
            Self::One(one) if one == hash => *self,
            _ => Self::Many,
        };
    }
}

impl Partition {
    pub(in crate::operator) fn rows(&self) -> usize {
        self.segments.iter().map(|segment| segment.rows).sum()
    }

    /// What joining with it as the build side takes.
    pub(in crate::operator) fn footprint(&self) -> Footprint {
        Footprint::of(self.rows(), self.segments.iter().map(|segment| segment.bytes).sum())
    }

    /// Whether another seed can split it.
    pub(in crate::operator) fn can_split(&self) -> bool {
        self.hash == Hashes::Many
    }

    /// Adds the rows of another partition for the same keys.
    pub(in crate::operator) fn append(&mut self, other: Partition) {
        self.segments.extend(other.segments);
        if other.hash != Hashes::None && self.hash != other.hash {
            self.hash = if self.hash == Hashes::None { other.hash } else { Hashes::Many };
        }
    }
}

/// One side of a join, partitioned.
#[derive(Debug, Default)]
pub(in crate::operator) struct Partitioned {
    pub(in crate::operator) partitions: Vec<Partition>,
    /// Whether there was any row, and any with a NULL key: what NOT IN asks.
    pub(in crate::operator) rows: bool,
    pub(in crate::operator) null_keys: bool,
    /// The first partitions, where they have not gone to disk.
    pub(in crate::operator) kept: Option<Kept>,
}

impl Partitioned {
    /// Adds the rows of another side that was split the same way.
    pub(in crate::operator) fn append(&mut self, other: Partitioned) {
        self.rows |= other.rows;
        self.null_keys |= other.null_keys;
        self.partitions.resize_with(other.partitions.len(), Partition::default);
        for (partition, more) in self.partitions.iter_mut().zip(other.partitions) {
            partition.append(more);
        }
    }
}

/// What a partitioner needs to know of the side that it splits.
pub(in crate::operator) struct Side {
    pub(in crate::operator) schema: SchemaRef,
    pub(in crate::operator) keys: Vec<Arc<dyn PhysicalExpr>>,
    pub(in crate::operator) nulls: NullEquality,
    /// How many times its rows were partitioned before.
    pub(in crate::operator) level: usize,
}

/// A batch whose rows are in the order of their partitions.
struct Gathered {
    batch: RecordBatch,
    /// Where the rows of each partition begin, and behind them the number of rows.
    starts: Vec<u32>,
}

/// Splits batches into many partitions on disk.
///
/// ```text
/// batches ─► each in the order of its partitions, up to 16 MB ─► one batch a partition ─► one of 4 files
///  2 0 1 0     0 0 1 2
///  1 1 2 0     0 1 1 2                                            0 0 0 │ 1 1 1 │ 2 2
/// ```
///
/// A row is moved twice, but each time from or to places that follow one another or are still in the processor's cache.
///
/// No partition has a buffer of its own, so that little memory goes a long way.
pub(in crate::operator) struct Partitioner<'a> {
    side: &'a Side,
    batch_size: usize,
    files: Vec<SegmentFile>,
    reservation: MemoryReservation,
    metrics: &'a SpillFigures,
    counter: RecordBatchMemoryCounter,
    gathered: Vec<Gathered>,
    gathered_rows: usize,
    /// What a copy of the gathered rows takes.
    copied_bytes: usize,
    unmatched: u64,
    /// How many of the first partitions are none of its business.
    passed: usize,
    done: Partitioned,
}

impl<'a> Partitioner<'a> {
    pub(in crate::operator) fn new(
        side: &'a Side,
        reservation: MemoryReservation,
        context: &TaskContext,
        metrics: &'a SpillFigures,
    ) -> Result<Self> {
        let files = (0..FILES).map(|_| SegmentFile::create(context, metrics.spill.clone())).collect::<Result<_>>()?;
        let fan_out = fan_out(context);
        metrics.depth.set_max(side.level + 1);
        Ok(Self {
            side,
            batch_size: context.session_config().batch_size(),
            files,
            reservation,
            metrics,
            counter: RecordBatchMemoryCounter::new(),
            gathered: Vec::new(),
            gathered_rows: 0,
            copied_bytes: 0,
            unmatched: 0,
            passed: 0,
            done: Partitioned { partitions: vec![Partition::default(); fan_out], ..Partitioned::default() },
        })
    }

    /// Into as many partitions as the other side has: the memory limit may have changed since.
    pub(in crate::operator) fn into_partitions(mut self, count: usize) -> Self {
        self.done.partitions.resize(count, Partition::default());
        self
    }

    /// The first partitions stay in memory, as far as `loan` is granted.
    pub(in crate::operator) fn keeping(mut self, loan: Arc<Loan>) -> Self {
        self.done.kept = Some(Kept::new(loan, self.fan_out()));
        self
    }

    /// The rows of the first `count` partitions are not split: [`Partitioner::pass`] gives them back.
    pub(in crate::operator) fn passing(mut self, count: usize) -> Self {
        self.passed = count;
        self
    }

    /// Splits all of `input`.
    pub(in crate::operator) async fn split(mut self, mut input: SendableRecordBatchStream) -> Result<Partitioned> {
        while let Some(batch) = input.next().await {
            self.push(batch?).await?;
        }
        self.finish().await
    }

    /// Splits a batch of any size that is in memory already, and reserved.
    pub(in crate::operator) async fn push_reserved(&mut self, batch: &RecordBatch) -> Result<()> {
        for first in (0..batch.num_rows()).step_by(ROWS_AT_ONCE) {
            self.gather(batch.slice(first, ROWS_AT_ONCE.min(batch.num_rows() - first)))?;
            self.flush().await?;
        }
        Ok(())
    }

    /// The partitions, once all rows are written.
    pub(in crate::operator) async fn finish(mut self) -> Result<Partitioned> {
        self.flush().await?;
        self.done.kept = self.done.kept.filter(|kept| kept.count() > 0);
        self.metrics.partitions.add(self.fan_out());
        Ok(self.done)
    }

    /// Splits batches that are in memory already, and reserved, and then all of `input`.
    pub(in crate::operator) async fn split_after(
        mut self,
        held: Vec<RecordBatch>,
        input: SendableRecordBatchStream,
    ) -> Result<Partitioned> {
        for batch in held {
            self.gather(batch)?;
        }
        // What was reserved for a table of them is free for those that are kept.
        self.reservation.shrink(self.reservation.size().saturating_sub(self.gathered_bytes()));
        self.flush().await?;
        self.split(input).await
    }

    /// Splits a batch, sooner or later.
    pub(in crate::operator) async fn push(&mut self, batch: RecordBatch) -> Result<()> {
        self.pass(batch).await.map(drop)
    }

    /// The same, but for the rows of partitions that are none of its business.
    pub(in crate::operator) async fn pass(&mut self, batch: RecordBatch) -> Result<Option<RecordBatch>> {
        let before = self.gathered_bytes();
        let passed = self.gather(batch)?;
        let more = self.gathered_bytes() - before;
        if self.reservation.try_grow(more).is_err() {
            // A large batch goes to disk at once: counted, it would have others refused for what is about to go.
            if self.gathered_bytes() > GATHERED_ANYWAY {
                self.flush().await?;
                return Ok(passed);
            }
            self.reservation.grow(more);
        }
        self.metrics.peak.set_max(self.reservation.size());
        if self.gathered_bytes() > GATHERED * self.fan_out() {
            self.flush().await?;
        }
        Ok(passed)
    }

    fn fan_out(&self) -> usize {
        self.done.partitions.len()
    }

    /// The bytes of what was gathered, with those of its arrays, and of where the rows of each partition begin.
    fn gathered_bytes(&self) -> usize {
        let beside = self.side.schema.fields().len() * COLUMN + (self.fan_out() + 1) * size_of::<u32>();
        self.counter.memory_usage() + self.gathered.len() * beside
    }

    /// Puts the rows of `batch` in the order of their partitions; those of partitions that are passed come back.
    fn gather(&mut self, batch: RecordBatch) -> Result<Option<RecordBatch>> {
        let keys = evaluate(&self.side.keys, &batch)?;
        let mut hashes = vec![0; batch.num_rows()];
        create_hashes(&keys, &RandomState::with_seed(SEED + self.side.level as u64), &mut hashes)?;
        let nulls =
            keys.iter().fold(None, |nulls, key| NullBuffer::union(nulls.as_ref(), key.logical_nulls().as_ref()));
        self.done.rows |= !hashes.is_empty();
        self.done.null_keys |= nulls.as_ref().is_some_and(|nulls| nulls.null_count() > 0);
        // Where NULL equals nothing such rows meet nobody: they go anywhere, rather than all to one partition.
        let nulls = nulls.filter(|_| self.side.nulls == NullEquality::NullEqualsNothing);
        let fan_out = self.fan_out();
        let mut partitions = Vec::with_capacity(hashes.len());
        let mut starts = vec![0; fan_out + 1];
        for (row, hash) in hashes.into_iter().enumerate() {
            let hash = match nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
                true => self.next_of_unmatched(),
                false => hash,
            };
            let index = partition_of(hash, fan_out);
            partitions.push(index as u8);
            starts[index + 1] += 1;
            self.done.partitions[index].hash.add(hash);
        }
        (1..starts.len()).for_each(|index| starts[index] += starts[index - 1]);
        let batch = match batch.num_columns() {
            0 => batch,
            _ => take_record_batch(&batch, &in_order(&partitions, &starts))?,
        };
        let first = starts[self.passed] as usize;
        starts.iter_mut().for_each(|start| *start = start.saturating_sub(first as u32));
        let passed = (first > 0).then(|| batch.slice(0, first));
        let batch = batch.slice(first, batch.num_rows() - first);
        self.counter.count_batch(&batch);
        self.gathered_rows += batch.num_rows();
        self.copied_bytes += row_bytes(&batch);
        self.gathered.push(Gathered { batch, starts });
        Ok(passed)
    }

    fn next_of_unmatched(&mut self) -> u64 {
        self.unmatched += 1;
        self.unmatched
    }

    /// Writes what was gathered. The query can be ended meanwhile, and other tasks get their turn, but not after every
    /// batch: the one whose rows were waiting for this fell behind, and they went to disk before they came here.
    async fn flush(&mut self) -> Result<()> {
        let rows_at_once = self.rows_at_once();
        let gathered = mem::take(&mut self.gathered);
        let (batches, starts): (Vec<_>, Vec<_>) = gathered.into_iter().map(|it| (it.batch, it.starts)).unzip();
        let fan_out = self.fan_out();
        for index in 0..fan_out {
            let rows = |(batch, starts): (usize, &Vec<u32>)| {
                (starts[index]..starts[index + 1]).map(move |row| (batch, row as usize))
            };
            let places: Vec<(usize, usize)> = starts.iter().enumerate().flat_map(rows).collect();
            for piece in places.chunks(rows_at_once) {
                self.place(index, select(&self.side.schema, &batches, piece)?)?;
                consume_budget().await;
            }
        }
        self.files.iter_mut().try_for_each(SegmentFile::rest)?;
        self.gathered_rows = 0;
        self.copied_bytes = 0;
        self.counter = RecordBatchMemoryCounter::new();
        self.reservation.free();
        Ok(())
    }

    /// Keeps a batch of a kept partition, for which others may have to leave; writes any other.
    fn place(&mut self, index: usize, batch: RecordBatch) -> Result<()> {
        match &mut self.done.kept {
            Some(kept) if index < kept.count() => kept.add(index, batch),
            _ => return self.write(index, &batch),
        }
        while let Some((index, batches)) = self.done.kept.as_mut().and_then(Kept::leaving) {
            batches.iter().try_for_each(|batch| self.write(index, batch))?;
        }
        Ok(())
    }

    fn write(&mut self, index: usize, batch: &RecordBatch) -> Result<()> {
        let file = index * FILES / self.fan_out();
        let segment = self.files[file].append(batch)?;
        self.done.partitions[index].segments.push(segment);
        Ok(())
    }

    /// How many rows make a batch on disk.
    fn rows_at_once(&self) -> usize {
        let row = self.copied_bytes / self.gathered_rows.max(1);
        (BATCH_BYTES / row.max(1)).clamp(1, self.batch_size)
    }
}

/// The partition of a hash: its high bits after a multiplication, which mixes what the low ones tell.
pub(in crate::operator) fn partition_of(hash: u64, fan_out: usize) -> usize {
    (hash.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - fan_out.ilog2())) as usize
}

/// The rows by their partitions, those of each in the order they came: a counting sort.
fn in_order(partitions: &[u8], starts: &[u32]) -> UInt32Array {
    let mut next = starts.to_vec();
    let mut rows = vec![0; partitions.len()];
    for (row, partition) in (0..).zip(partitions) {
        let next = &mut next[usize::from(*partition)];
        rows[*next as usize] = row;
        *next += 1;
    }
    rows.into()
}

/// How many partitions the memory there is now is good for; a power of two.
fn fan_out(context: &TaskContext) -> usize {
    let wanted = capacity(context.memory_pool()) / MEMORY_OF_PARTITION;
    wanted.clamp(*FAN_OUT.start(), *FAN_OUT.end()).next_power_of_two()
}

/// The values of `keys` in `batch`.
pub(in crate::operator) fn evaluate(keys: &[Arc<dyn PhysicalExpr>], batch: &RecordBatch) -> Result<Vec<ArrayRef>> {
    keys.iter().map(|key| key.evaluate(batch)?.into_array(batch.num_rows())).collect()
}

/// The rows at `places` (batch, row), in buffers of their own.
pub(in crate::operator) fn select(
    schema: &SchemaRef,
    batches: &[RecordBatch],
    places: &[(usize, usize)],
) -> Result<RecordBatch> {
    let columns = (0..schema.fields().len()).map(|column| {
        let arrays: Vec<&dyn Array> = batches.iter().map(|batch| batch.column(column).as_ref()).collect();
        compact(interleave(&arrays, places)?)
    });
    let columns = columns.collect::<Result<Vec<_>>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(places.len()));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?)
}
