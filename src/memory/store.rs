//! Batches that outlive a query: in memory while the budget has room, on disk otherwise.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Arc, Weak};
use std::{fmt, fs};

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::config::SpillCompression;
use datafusion::execution::SpillFile;
use datafusion::execution::disk_manager::DiskManager;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::physical_plan::spill::get_record_batch_memory_size;
use parking_lot::Mutex;

use super::block::{self, Block};
use super::codec::Codec;
use super::compact::compact;
use super::evict::Evict;
use super::row_bytes::held_bytes;
use super::runtime::Memory;
use crate::error::{Error, Result};

/// Where the batches of one partition of a table are kept.
///
/// ```text
/// table ──► StoredBatch ─┬─ Memory(batch, reservation) ──► budget: StoredTable[flights][0]
///           StoredBatch ─┤
///           StoredBatch ─┴─ Disk(offset, length) ────────► one spill file of the store
/// ```
///
/// A batch goes straight to the file when the budget refuses it, and leaves for the file when the budget asks
/// ([`Evict`]), the oldest first. It never comes back: it is read block by block, and whoever reads it accounts for
/// what he keeps.
///
/// A batch belongs to whoever holds its `Arc`; its memory is given back when the last lets go, and the file goes with
/// the last batch and the last handle of the store. The bytes of a batch that is gone stay in the file until then.
pub(crate) struct Store {
    name: String,
    schema: SchemaRef,
    consumer: MemoryReservation,
    disk: Arc<DiskManager>,
    /// Those in memory, the oldest first; and some that are gone, until the next sweep.
    held: Mutex<VecDeque<Weak<StoredBatch>>>,
    file: Mutex<Option<Arc<dyn SpillFile>>>,
    codec: Mutex<Codec>,
}

/// One batch of a store. Its rows never change, but the place they are kept in does.
pub(crate) struct StoredBatch {
    store: Arc<Store>,
    rows: usize,
    column_bytes: Box<[usize]>,
    place: Mutex<Place>,
}

enum Place {
    /// With the bytes it has reserved.
    Memory(RecordBatch, MemoryReservation),
    Disk(Block),
}

impl Store {
    /// An empty store for batches of `schema`, named to people as partition `partition` of `table`.
    pub(crate) fn create(memory: &Memory, table: &str, partition: usize, schema: SchemaRef) -> Arc<Self> {
        let name = format!("StoredTable[{table}][{partition}]");
        let consumer = MemoryConsumer::new(&name).with_can_spill(true);
        let id = consumer.id();
        let store = Arc::new(Self {
            name,
            schema,
            consumer: consumer.register(&memory.runtime.memory_pool),
            disk: Arc::clone(&memory.runtime.disk_manager),
            held: Mutex::default(),
            file: Mutex::default(),
            codec: Mutex::new(Codec::new(SpillCompression::Lz4Frame)),
        });
        let evict: Arc<dyn Evict> = Arc::clone(&store) as _;
        memory.budget.mark_evictable(id, Arc::downgrade(&evict));
        store
    }

    /// Keeps a batch, in memory or on disk.
    ///
    /// Errors: the spill folder is full or fails.
    pub(crate) fn push(self: &Arc<Self>, batch: &RecordBatch) -> Result<Arc<StoredBatch>> {
        let batch = compact(batch)?;
        let (rows, column_bytes) = (batch.num_rows(), column_bytes(&batch));
        let reservation = self.consumer.new_empty();
        // No lock is held here: the budget may be asking this very store to make room for somebody else.
        let place = match reservation.try_grow(held_bytes(&batch)) {
            Ok(()) => Place::Memory(batch, reservation),
            Err(_) => Place::Disk(self.write(&batch)?),
        };
        let in_memory = matches!(place, Place::Memory(..));
        let stored = StoredBatch { store: Arc::clone(self), rows, column_bytes, place: Mutex::new(place) };
        let stored = Arc::new(stored);
        if in_memory {
            let mut held = self.held.lock();
            if held.len() == held.capacity() {
                held.retain(|batch| batch.strong_count() > 0);
            }
            held.push_back(Arc::downgrade(&stored));
        }
        Ok(stored)
    }

    fn write(&self, batch: &RecordBatch) -> Result<Block> {
        self.codec.lock().write(get_record_batch_memory_size(batch), &self.disk, |compression| {
            let bytes = block::encode(batch, compression)?;
            let offset = self.append(&bytes).map_err(|error| Error::cannot_spill(&self.name, error))?;
            Ok(Block { offset, length: bytes.len(), checksum: block::checksum(&bytes) })
        })
    }

    /// Writes `bytes` at the end of the file and tells where they begin.
    fn append(&self, bytes: &[u8]) -> io::Result<u64> {
        let mut file = self.file.lock();
        let file = match &mut *file {
            Some(file) => file,
            none => none.insert(self.disk.create_tmp_file(&self.name)?),
        };
        // Asked of the file each time: a write that failed half way has moved its end.
        let offset = fs::metadata(path(&**file)?)?.len();
        // Not kept open: a store holds one descriptor, and there may be many stores.
        let mut writer = file.open_writer()?;
        writer.write_all(bytes)?;
        writer.finish()?;
        Ok(offset)
    }

    fn read(&self, block: Block, projection: Option<&[usize]>, rows: usize) -> Result<RecordBatch> {
        let file = self.file.lock().clone();
        let file = file.ok_or_else(|| Error::internal(format!("{} has no spill file", self.name)))?;
        let path = path(&*file)?;
        let bytes = read_block(path, block).map_err(|error| damaged(path, block).with_source(error))?;
        if block::checksum(&bytes) != block.checksum {
            return Err(damaged(path, block));
        }
        block::decode(&bytes, &self.schema, projection, rows).map_err(|error| damaged(path, block).with_source(error))
    }
}

fn read_block(path: &Path, block: Block) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(block.offset))?;
    let mut bytes = vec![0; block.length];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn path(file: &dyn SpillFile) -> io::Result<&Path> {
    file.path().ok_or_else(|| io::Error::other("the spill file has no path"))
}

fn damaged(path: &Path, block: Block) -> Error {
    let Block { offset, length, .. } = block;
    Error::spill(format!("spill file '{}' is damaged: {length} bytes from byte {offset} on", path.display())).with_hint(
        "the table's rows are lost: make it again; something else writes to the spill folder, or its disk fails",
    )
}

/// The bytes of each column, for statistics.
fn column_bytes(batch: &RecordBatch) -> Box<[usize]> {
    batch.columns().iter().map(|column| column.get_buffer_memory_size()).collect()
}

impl Evict for Store {
    fn evict(&self, bytes: usize) -> usize {
        let mut freed = 0;
        while freed < bytes {
            let Some(oldest) = self.held.lock().pop_front() else { break };
            let Some(batch) = oldest.upgrade() else { continue };
            match batch.leave() {
                Ok(left) => freed += left,
                Err(error) => {
                    log::debug!("{error}");
                    self.held.lock().push_front(oldest);
                    break;
                }
            }
        }
        freed
    }
}

impl StoredBatch {
    /// The number of its rows.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// The bytes of its columns in memory, those in `projection` alone.
    pub(crate) fn bytes(&self, projection: Option<&[usize]>) -> usize {
        match projection {
            Some(columns) => columns.iter().filter_map(|column| self.column_bytes.get(*column)).sum(),
            None => self.column_bytes.iter().sum(),
        }
    }

    /// The batch, when it is in memory.
    pub(crate) fn in_memory(&self) -> Option<RecordBatch> {
        match &*self.place.lock() {
            Place::Memory(batch, _) => Some(batch.clone()),
            Place::Disk(_) => None,
        }
    }

    /// The batch, of the columns in `projection` alone.
    ///
    /// A block of some 100 kB is read on the thread that asks, as the engine writes its own spill files: handed to
    /// blocking threads, the batches lie in the allocator's pages of all of them, and a scan took 30 MB more.
    ///
    /// Errors: the file is gone or damaged; never wrong rows.
    pub(crate) fn read(&self, projection: Option<&[usize]>) -> Result<RecordBatch> {
        let block = match &*self.place.lock() {
            Place::Memory(batch, _) => return project(batch, projection),
            Place::Disk(block) => *block,
        };
        if projection.is_some_and(<[usize]>::is_empty) {
            let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
            return Ok(RecordBatch::try_new_with_options(self.store.schema.project(&[])?.into(), vec![], &options)?);
        }
        self.store.read(block, projection, self.rows)
    }

    /// Goes to disk; tells the bytes of memory given back.
    fn leave(&self) -> Result<usize> {
        // Written while readers may still have it from memory.
        let Some(batch) = self.in_memory() else { return Ok(0) };
        let block = self.store.write(&batch)?;
        match std::mem::replace(&mut *self.place.lock(), Place::Disk(block)) {
            Place::Memory(_, reservation) => Ok(reservation.free()),
            Place::Disk(_) => Ok(0),
        }
    }
}

fn project(batch: &RecordBatch, projection: Option<&[usize]>) -> Result<RecordBatch> {
    match projection {
        Some(columns) => Ok(batch.project(columns)?),
        None => Ok(batch.clone()),
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("name", &self.name)
            .field("reserved", &self.consumer.size())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for StoredBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredBatch").field("rows", &self.rows).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use datafusion::arrow::array::{AsArray, Int64Array};
    use datafusion::arrow::datatypes::{DataType, Field, Int64Type, Schema};
    use datafusion::execution::memory_pool::MemoryPool;

    use super::*;
    use crate::memory::MemoryLimit;

    fn memory() -> (Memory, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        // Far above what the test process holds, so that the resident size never decides.
        (Memory::new(MemoryLimit::new(1 << 40).unwrap(), Some(folder.path()), Some(1 << 30)).unwrap(), folder)
    }

    fn store(memory: &Memory) -> Arc<Store> {
        let schema = Schema::new(vec![Field::new("n", DataType::Int64, false)]);
        Store::create(memory, "t", 0, Arc::new(schema))
    }

    fn batch(store: &Store, number: i64) -> RecordBatch {
        let numbers = Int64Array::from_iter_values(number * 1000..number * 1000 + 1000);
        RecordBatch::try_new(SchemaRef::clone(&store.schema), vec![Arc::new(numbers)]).unwrap()
    }

    #[test]
    fn a_batch_is_the_same_in_both_places() {
        let (memory, _folder) = memory();
        let store = store(&memory);
        let stored = store.push(&batch(&store, 7)).unwrap();
        let held = memory.budget.reserved();
        assert!((8_000..12_000).contains(&held), "{held}");
        assert_eq!(store.evict(1), held);
        assert_eq!((memory.budget.reserved(), stored.in_memory()), (0, None));
        assert_eq!(stored.read(None).unwrap(), batch(&store, 7));
        assert_eq!(stored.read(Some(&[])).unwrap().num_rows(), 1000);
        assert_eq!(store.evict(1), 0);
        assert!(memory.spilled_now() > 0);
        drop((store, stored));
        assert_eq!(memory.spilled_now(), 0);
    }

    /// Batches come, go and are read while somebody else needs their room all the time.
    #[test]
    fn nothing_is_lost_while_batches_leave() {
        let (memory, _folder) = memory();
        let store = store(&memory);
        let ended = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !ended.load(Ordering::Relaxed) {
                    store.evict(20_000);
                }
            });
            let readers: Vec<_> = (0..3).map(|_| scope.spawn(|| push_and_read(&store))).collect();
            readers.into_iter().for_each(|reader| reader.join().unwrap());
            ended.store(true, Ordering::Relaxed);
        });
        assert_eq!(memory.budget.reserved(), 0);
    }

    fn push_and_read(store: &Arc<Store>) {
        let stored: Vec<_> = (0..200).map(|number| store.push(&batch(store, number)).unwrap()).collect();
        for (number, stored) in stored.into_iter().enumerate() {
            let read = stored.read(None).unwrap();
            let column = read.column(0).as_primitive::<Int64Type>();
            assert_eq!((column.len(), column.value(0)), (1000, number as i64 * 1000));
        }
    }

    /// The budget asks a store to leave while that same store is asking the budget.
    #[test]
    fn asking_and_leaving_at_once_does_not_deadlock() {
        let (memory, _folder) = memory();
        let (store, other) = (store(&memory), store(&memory));
        let pool = &memory.runtime.memory_pool;
        let join = MemoryConsumer::new("join").register(pool);
        join.try_grow(memory.budget.capacity() / 8 * 7 - 400_000).unwrap();
        std::thread::scope(|scope| {
            for store in [&store, &other] {
                scope.spawn(|| drop((0..300).map(|n| store.push(&batch(store, n)).unwrap()).collect::<Vec<_>>()));
            }
            let step = memory.budget.capacity() / 8 / 200;
            scope.spawn(move || (0..199).for_each(|_| join.try_grow(step).unwrap()));
        });
        assert_eq!(pool.reserved(), 0);
    }
}
