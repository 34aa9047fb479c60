//! Rows to disk, by the hash of their keys.

use std::mem;
use std::ops::RangeInclusive;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::compute::interleave;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::hash_utils::{RandomState, create_hashes};
use datafusion::common::utils::memory::RecordBatchMemoryCounter;
use datafusion::common::{NullEquality, Result};
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::PhysicalExpr;
use futures::StreamExt;
use tokio::task::yield_now;

use super::compact::compact;
use super::footprint::{Footprint, row_bytes};
use super::loan::capacity;
use super::metrics::SpillFigures;
use super::segment::{Segment, SegmentFile};

/// How many partitions rows are split into at once, by the memory there is: the more, the sooner does a hash table over
/// one of them fit the processor's cache; the fewer, the larger are the pieces on disk. Measured on joins at 512 MB: with
/// 256 partitions narrow rows are no faster than with 128, and wide ones take a tenth longer.
const FAN_OUT: RangeInclusive<usize> = 32..=128;

/// So much memory makes one more partition, in bytes.
const MEMORY_OF_PARTITION: usize = 2 << 20;

/// How many files the partitions of one side share: a descriptor each, and a part of the disk space that is free once
/// its partitions are joined.
const FILES: usize = 4;

/// Rows are gathered up to this many bytes for each partition before they are split, where the budget allows: larger
/// pieces on disk.
const GATHERED: usize = if cfg!(test) { 256 } else { 128 << 10 };

/// As much is gathered even where the budget refuses: pieces of a few rows would cost more than they save.
const GATHERED_ANYWAY: usize = if cfg!(test) { 2 << 10 } else { 1 << 20 };

/// How large a batch on disk may be, in bytes: what is read back is never more at once, except for a single row.
pub(super) const BATCH_BYTES: usize = if cfg!(test) { 512 } else { 512 << 10 };

/// So many rows of one large batch are split at once: what says where each belongs takes some bytes a row.
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

/// A batch among those gathered, and a row of it.
type Place = (u32, u32);

/// Splits batches into many partitions on disk.
///
/// ```text
/// batches, up to 16 MB ─► the partition of each row ─► places of rows by partition ─► one batch each ─► one of 4 files
/// ```
///
/// No partition has a buffer of its own, so that little memory goes a long way.
pub(in crate::operator) struct Partitioner<'a> {
    side: &'a Side,
    batch_size: usize,
    files: Vec<SegmentFile>,
    reservation: MemoryReservation,
    metrics: &'a SpillFigures,
    counter: RecordBatchMemoryCounter,
    gathered: Vec<RecordBatch>,
    gathered_rows: usize,
    /// What a copy of the gathered rows takes.
    copied_bytes: usize,
    /// The partition of each gathered row, batch by batch, and how many rows each partition has.
    partition_of: Vec<u8>,
    counts: Vec<usize>,
    unmatched: u64,
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
        metrics.partitions.add(fan_out);
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
            partition_of: Vec::new(),
            counts: vec![0; fan_out],
            unmatched: 0,
            done: Partitioned { partitions: vec![Partition::default(); fan_out], ..Partitioned::default() },
        })
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
        self.flush().await?;
        self.split(input).await
    }

    /// Splits a batch, sooner or later.
    pub(in crate::operator) async fn push(&mut self, batch: RecordBatch) -> Result<()> {
        let before = self.gathered_bytes();
        self.gather(batch)?;
        let more = self.gathered_bytes() - before;
        if self.reservation.try_grow(more).is_err() {
            // A large batch goes to disk at once: counted, it would have others refused for what is about to go.
            if self.gathered_bytes() > GATHERED_ANYWAY {
                return self.flush().await;
            }
            self.reservation.grow(more);
        }
        self.metrics.peak.set_max(self.reservation.size());
        if self.gathered_bytes() > GATHERED * self.counts.len() { self.flush().await } else { Ok(()) }
    }

    /// The bytes of what was gathered, of a vector that doubles as it grows, and of the places of the rows.
    fn gathered_bytes(&self) -> usize {
        self.counter.memory_usage() + (2 + size_of::<Place>()) * self.gathered_rows
    }

    /// Notes where each row of `batch` belongs.
    fn gather(&mut self, batch: RecordBatch) -> Result<()> {
        let keys = evaluate(&self.side.keys, &batch)?;
        let mut hashes = vec![0; batch.num_rows()];
        create_hashes(&keys, &RandomState::with_seed(SEED + self.side.level as u64), &mut hashes)?;
        let nulls =
            keys.iter().fold(None, |nulls, key| NullBuffer::union(nulls.as_ref(), key.logical_nulls().as_ref()));
        self.done.rows |= !hashes.is_empty();
        self.done.null_keys |= nulls.as_ref().is_some_and(|nulls| nulls.null_count() > 0);
        // Where NULL equals nothing such rows meet nobody: they go anywhere, rather than all to one partition.
        let nulls = nulls.filter(|_| self.side.nulls == NullEquality::NullEqualsNothing);
        let fan_out = self.counts.len();
        for (row, hash) in hashes.into_iter().enumerate() {
            let hash = match nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
                true => self.next_of_unmatched(),
                false => hash,
            };
            let index = partition_of(hash, fan_out);
            self.partition_of.push(index as u8);
            self.counts[index] += 1;
            self.done.partitions[index].hash.add(hash);
        }
        self.counter.count_batch(&batch);
        self.gathered_rows += batch.num_rows();
        self.copied_bytes += row_bytes(&batch);
        self.gathered.push(batch);
        Ok(())
    }

    fn next_of_unmatched(&mut self) -> u64 {
        self.unmatched += 1;
        self.unmatched
    }

    /// Writes what was gathered; the query can be ended between any two batches.
    async fn flush(&mut self) -> Result<()> {
        let rows_at_once = self.rows_at_once();
        let places = self.places();
        let mut rest = places.as_slice();
        let fan_out = self.counts.len();
        for index in 0..fan_out {
            let (places, others) = rest.split_at(self.counts[index]);
            rest = others;
            for piece in places.chunks(rows_at_once) {
                let piece: Vec<_> = piece.iter().map(|&(batch, row)| (batch as usize, row as usize)).collect();
                let batch = select(&self.side.schema, &self.gathered, &piece)?;
                let segment = self.files[index * FILES / fan_out].append(&batch)?;
                self.done.partitions[index].segments.push(segment);
                yield_now().await;
            }
        }
        self.gathered.clear();
        self.partition_of.clear();
        self.counts.fill(0);
        self.gathered_rows = 0;
        self.copied_bytes = 0;
        self.counter = RecordBatchMemoryCounter::new();
        self.reservation.free();
        Ok(())
    }

    /// The places of all rows, those of each partition together and in the order they came.
    fn places(&self) -> Vec<Place> {
        let starts = self.counts.iter().scan(0, |sum, count| Some(mem::replace(sum, *sum + count)));
        let mut next: Vec<usize> = starts.collect();
        let mut places = vec![(0, 0); self.gathered_rows];
        let rows = self.gathered.iter().enumerate();
        let rows = rows.flat_map(|(batch, rows)| (0..rows.num_rows()).map(move |row| (batch as u32, row as u32)));
        for (place, partition) in rows.zip(&self.partition_of) {
            let next = &mut next[usize::from(*partition)];
            places[*next] = place;
            *next += 1;
        }
        places
    }

    /// How many rows make a batch on disk.
    fn rows_at_once(&self) -> usize {
        let row = self.copied_bytes / self.gathered_rows.max(1);
        (BATCH_BYTES / row.max(1)).clamp(1, self.batch_size)
    }
}

/// The partition of a hash: its high bits after a multiplication, which mixes what the low ones tell.
fn partition_of(hash: u64, fan_out: usize) -> usize {
    (hash.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - fan_out.ilog2())) as usize
}

/// The same for all partitioners of a query, since pairs are made of two; a power of two.
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
