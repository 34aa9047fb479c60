//! Rows in memory, and their order.

use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::arrow::row::{RowConverter, Rows, SortField};
use datafusion::common::Result;
use datafusion::common::utils::memory::RecordBatchMemoryCounter;
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use datafusion::physical_plan::PhysicalExpr;

use crate::memory::COLUMN;
use crate::operator::spill::{evaluate, select};

/// Makes of each row the bytes that sort as its keys do.
pub(super) struct Keys {
    expressions: Vec<Arc<dyn PhysicalExpr>>,
    converter: RowConverter,
}

impl Keys {
    pub(super) fn new(ordering: &LexOrdering, schema: &SchemaRef) -> Result<Self> {
        let field = |key: &PhysicalSortExpr| -> Result<SortField> {
            Ok(SortField::new_with_options(key.expr.data_type(schema)?, key.options))
        };
        let fields = ordering.iter().map(field).collect::<Result<_>>()?;
        let expressions = ordering.iter().map(|key| Arc::clone(&key.expr)).collect();
        Ok(Self { expressions, converter: RowConverter::new(fields)? })
    }

    /// Whether there are such bytes for keys of these types.
    pub(super) fn exist_for(ordering: &LexOrdering, schema: &SchemaRef) -> bool {
        let types = ordering.iter().map(|key| key.expr.data_type(schema).map(SortField::new));
        types.collect::<Result<Vec<_>>>().is_ok_and(|fields| RowConverter::supports_fields(&fields))
    }

    pub(super) fn of(&self, batch: &RecordBatch) -> Result<Rows> {
        Ok(self.converter.convert_columns(&evaluate(&self.expressions, batch)?)?)
    }
}

/// Rows of a sort that is not done, with their keys.
#[derive(Default)]
pub(super) struct Chunk {
    batches: Vec<RecordBatch>,
    keys: Vec<Rows>,
    counter: RecordBatchMemoryCounter,
    columns: usize,
    key_bytes: usize,
    rows: usize,
}

/// A row of a chunk, and what most comparisons look at.
#[derive(Clone, Copy)]
struct Entry {
    prefix: u64,
    batch: u32,
    row: u32,
}

impl Chunk {
    pub(super) fn push(&mut self, batch: RecordBatch, keys: Rows) {
        self.counter.count_batch(&batch);
        self.columns += batch.num_columns();
        self.key_bytes += keys.size();
        self.rows += batch.num_rows();
        self.batches.push(batch);
        self.keys.push(keys);
    }

    /// What it takes, with the order that sorting it makes.
    pub(super) fn bytes(&self) -> usize {
        self.batch_bytes() + self.key_bytes + self.rows * size_of::<Entry>()
    }

    fn batch_bytes(&self) -> usize {
        self.counter.memory_usage() + self.columns * COLUMN
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The same rows, in order.
    pub(super) fn sort(self) -> SortedChunk {
        let Telling { positions, decides } = telling_positions(&self.keys);
        let mut order = Vec::with_capacity(self.rows);
        for (batch, keys) in self.keys.iter().enumerate() {
            let entry = |(row, key): (usize, &[u8])| Entry {
                prefix: prefix(key, &positions),
                batch: batch as u32,
                row: row as u32,
            };
            order.extend(keys.iter().map(|key| key.data()).enumerate().map(entry));
        }
        let key = |entry: &Entry| self.keys[entry.batch as usize].row(entry.row as usize);
        match decides {
            true => order.sort_unstable_by_key(|entry| entry.prefix),
            false => order.sort_unstable_by(|a, b| a.prefix.cmp(&b.prefix).then_with(|| key(a).cmp(&key(b)))),
        }
        let bytes = self.batch_bytes() + order.capacity() * size_of::<Entry>();
        SortedChunk { batches: self.batches, order, bytes, next: 0 }
    }
}

/// How many bytes of a key are looked at for those that tell rows apart.
const LOOKED_AT: usize = 64;

/// Where keys differ.
struct Telling {
    positions: Vec<usize>,
    /// Whether keys with the same bytes there are equal.
    decides: bool,
}

/// The first eight positions at which the keys differ at all.
///
/// The bytes of a key before its last such position are either among them or the same in all keys: two rows whose bytes
/// there differ are ordered by them. A key that is too short goes on with zeros, which no key sorts before.
fn telling_positions(keys: &[Rows]) -> Telling {
    let mut differs = [0u8; LOOKED_AT];
    let mut first = [0u8; LOOKED_AT];
    let mut whole_length = 0;
    if let Some(row) = keys.iter().flat_map(Rows::iter).next() {
        whole_length = row.data().len();
        let length = whole_length.min(LOOKED_AT);
        first[..length].copy_from_slice(&row.data()[..length]);
    }
    let mut same_length = whole_length <= LOOKED_AT;
    for row in keys.iter().flat_map(Rows::iter) {
        let mut bytes = [0u8; LOOKED_AT];
        same_length &= row.data().len() == whole_length;
        let length = row.data().len().min(LOOKED_AT);
        bytes[..length].copy_from_slice(&row.data()[..length]);
        for position in 0..LOOKED_AT {
            differs[position] |= bytes[position] ^ first[position];
        }
    }
    let mut positions: Vec<usize> = (0..LOOKED_AT).filter(|position| differs[*position] != 0).collect();
    let decides = same_length && positions.len() <= 8;
    positions.truncate(8);
    Telling { positions, decides }
}

fn prefix(key: &[u8], positions: &[usize]) -> u64 {
    let byte = |position: &usize| u64::from(key.get(*position).copied().unwrap_or(0));
    positions.iter().fold(0, |prefix, position| prefix << 8 | byte(position))
}

/// Rows in memory that come out in order.
pub(super) struct SortedChunk {
    batches: Vec<RecordBatch>,
    order: Vec<Entry>,
    bytes: usize,
    next: usize,
}

impl SortedChunk {
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many rows there are in all.
    pub(super) fn rows(&self) -> usize {
        self.order.len()
    }

    /// The next rows, at most `most` of them, in buffers of their own.
    pub(super) fn next_batch(&mut self, schema: &SchemaRef, most: usize) -> Result<Option<RecordBatch>> {
        let end = self.order.len().min(self.next + most);
        let places = self.order[self.next..end].iter().map(|entry| (entry.batch as usize, entry.row as usize));
        let places: Vec<_> = places.collect();
        self.next = end;
        if places.is_empty() { Ok(None) } else { select(schema, &self.batches, &places).map(Some) }
    }
}
