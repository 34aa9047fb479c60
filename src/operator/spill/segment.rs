//! Batches on disk: many small ones in a few files.

use std::fmt;
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::iter::Peekable;
use std::sync::Arc;

use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::common::runtime::SpawnedTask;
use datafusion::execution::disk_manager::DiskManager;
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::execution::spill_file::{SpillFile, SpillWriter};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::metrics::SpillMetrics;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;

use super::partitioner::BATCH_BYTES;
use crate::error::Error;
use crate::memory::{Codec, checksum, decode, encode, row_bytes};

/// Segments are read together up to so many rows: as many as the engine makes a batch of where nothing else is said.
const ROWS: usize = 8192;

/// A spill file that segments are appended to, one batch each.
///
/// A file a partition would need a descriptor for each of them as long as it lives; here partitions share a file, and
/// a file goes when the last of its segments has been dropped.
pub(in crate::operator) struct SegmentFile {
    file: Arc<dyn SpillFile>,
    /// There from the first batch of a run of them to [`SegmentFile::rest`].
    writer: Option<Box<dyn SpillWriter>>,
    codec: Codec,
    disk: Arc<DiskManager>,
    metrics: SpillMetrics,
    length: u64,
}

impl SegmentFile {
    /// A new file in the spill folder of `context`.
    pub(in crate::operator) fn create(context: &TaskContext, metrics: SpillMetrics) -> Result<Self> {
        let disk = Arc::clone(&context.runtime_env().disk_manager);
        Self::of(disk, Codec::new(context.session_config().spill_compression()), metrics)
    }

    /// A new file beside this one.
    pub(super) fn another(&self) -> Result<Self> {
        Self::of(Arc::clone(&self.disk), self.codec.clone(), self.metrics.clone())
    }

    fn of(disk: Arc<DiskManager>, codec: Codec, metrics: SpillMetrics) -> Result<Self> {
        let file = disk.create_tmp_file("segments")?;
        metrics.spill_file_count.add(1);
        Ok(Self { file, writer: None, codec, disk, metrics, length: 0 })
    }

    /// Its bytes.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Writes one batch to the end of the file, which stays open for the next.
    pub(in crate::operator) fn append(&mut self, batch: &RecordBatch) -> Result<Segment> {
        // Of a slice, what is written of it, not what it lies in.
        let bytes = row_bytes(batch);
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => none.insert(self.file.open_writer()?),
        };
        let encoded = self.codec.write(bytes, &self.disk, |compression| -> Result<Vec<u8>> {
            let encoded = encode(batch, compression)?;
            writer.write_all(&encoded).map_err(|error| Error::cannot_spill("an operator", error))?;
            Ok(encoded)
        })?;
        let segment = Segment {
            file: Arc::clone(&self.file),
            offset: self.length,
            length: encoded.len(),
            checksum: checksum(&encoded),
            rows: batch.num_rows(),
            bytes,
        };
        self.length += encoded.len() as u64;
        self.metrics.spilled_bytes.add(encoded.len());
        self.metrics.spilled_rows.add(batch.num_rows());
        Ok(segment)
    }

    /// Closes the file until the next batch comes: thousands may rest at once, and descriptors are few.
    pub(in crate::operator) fn rest(&mut self) -> Result<()> {
        self.writer.take().map_or(Ok(()), |mut writer| writer.finish())
    }
}

/// One batch on disk.
#[derive(Clone)]
pub(in crate::operator) struct Segment {
    file: Arc<dyn SpillFile>,
    offset: u64,
    length: usize,
    checksum: u64,
    /// How many rows it has.
    pub(in crate::operator) rows: usize,
    /// How many bytes it takes in memory.
    pub(in crate::operator) bytes: usize,
}

impl fmt::Debug for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rows at {}+{}", self.rows, self.offset, self.length)
    }
}

impl Segment {
    /// Reads the batch; blocks the thread.
    pub(in crate::operator) fn read(&self) -> Result<RecordBatch> {
        self.read_from(&mut self.open()?)
    }

    fn open(&self) -> Result<File> {
        let path = self.file.path().ok_or_else(|| Error::internal("spill files are local files"))?;
        Ok(File::open(path).map_err(unreadable)?)
    }

    fn read_from(&self, file: &mut File) -> Result<RecordBatch> {
        let mut encoded = Vec::with_capacity(self.length);
        file.seek(SeekFrom::Start(self.offset)).map_err(unreadable)?;
        file.take(self.length as u64).read_to_end(&mut encoded).map_err(unreadable)?;
        if encoded.len() < self.length {
            return Err(unreadable(ErrorKind::UnexpectedEof.into()).into());
        }
        if checksum(&encoded) != self.checksum {
            let path = self.file.path().map(|path| path.display().to_string()).unwrap_or_default();
            return Err(Error::spill(format!("the spill file '{path}' has been damaged")).into());
        }
        // These are the bytes that were written: nothing is checked twice.
        decode(encoded)
    }
}

fn unreadable(error: std::io::Error) -> Error {
    Error::io("an operator cannot read back what it has spilled", error)
}

/// The rows of `segments` in their order, read beside the query's threads; each is let go as it is read.
///
/// ```text
/// query        │ join 1 ──────│ join 2 ──────│ join 3 ─
/// beside it    │ read 2 ─│    │ read 3 ─│    │ read 4
/// ```
///
/// While a batch is worked on, the next one is read. Segments of few rows come out together, for what follows takes its
/// time by the batch; what comes out is no larger than what a segment may be. Those of dictionaries and of nested values
/// do not: dictionaries might not fit into one.
///
/// `ahead` is what reserves the batch that is read while nobody has asked for it yet.
pub(in crate::operator) fn rows_of(
    segments: Vec<Segment>,
    schema: SchemaRef,
    ahead: MemoryReservation,
) -> SendableRecordBatchStream {
    let alone = |kind: &DataType| matches!(kind, DataType::Dictionary(..)) || kind.is_nested();
    let together = !schema.fields().iter().any(|field| alone(field.data_type()));
    read(Reader { segments: segments.into_iter().peekable(), open: None, together, ahead: Some(ahead) }, schema)
}

/// The same, a batch for each segment. Without `ahead` the caller has reserved what is read.
pub(in crate::operator) fn batches_of(
    segments: Vec<Segment>,
    schema: SchemaRef,
    ahead: Option<MemoryReservation>,
) -> SendableRecordBatchStream {
    read(Reader { segments: segments.into_iter().peekable(), open: None, together: false, ahead }, schema)
}

fn read(reader: Reader, schema: SchemaRef) -> SendableRecordBatchStream {
    let batches = futures::stream::try_unfold(Next::Unread(reader), |next| async move {
        let reading = match next {
            Next::Unread(reader) => read_on(reader),
            Next::Reading(reading) => reading,
        };
        let ended = |error| Error::internal(format!("reading a spill file ended early: {error}"));
        let read = reading.await.map_err(ended)??;
        Ok(read.map(|(batch, reader)| (batch, Next::Reading(read_on(reader)))))
    });
    Box::pin(RecordBatchStreamAdapter::new(schema, batches))
}

/// Nothing is read before the first batch is asked for.
enum Next {
    Unread(Reader),
    Reading(Reading),
}

type Reading = SpawnedTask<Result<Option<(RecordBatch, Reader)>>>;

/// Reads the next batch of `reader` from now on; a query that ends does not wait for it.
fn read_on(mut reader: Reader) -> Reading {
    SpawnedTask::spawn_blocking(move || Ok(reader.next()?.map(|batch| (batch, reader))))
}

/// Reads segment after segment; holds one descriptor, that of the file it reads.
struct Reader {
    segments: Peekable<std::vec::IntoIter<Segment>>,
    open: Option<(Arc<dyn SpillFile>, File)>,
    /// Whether small segments come out together.
    together: bool,
    ahead: Option<MemoryReservation>,
}

impl Reader {
    /// The rows of one segment, and of those behind it that are small enough to be joined to it.
    fn next(&mut self) -> Result<Option<RecordBatch>> {
        let segments = self.next_segments();
        let bytes = segments.iter().map(|segment| segment.bytes).sum::<usize>();
        if let Some(ahead) = &self.ahead {
            // Pieces and what they are joined to are there at once.
            ahead.resize(if segments.len() > 1 { 2 * bytes } else { bytes });
        }
        let batches = segments.iter().map(|segment| self.read(segment)).collect::<Result<Vec<_>>>()?;
        match &batches[..] {
            [] => Ok(None),
            [only] => Ok(Some(only.clone())),
            [first, ..] => Ok(Some(concat_batches(&first.schema(), &batches)?)),
        }
    }

    fn next_segments(&mut self) -> Vec<Segment> {
        let mut segments = Vec::from_iter(self.segments.next());
        let mut rows = segments.iter().map(|first| first.rows).sum::<usize>();
        let mut bytes = segments.iter().map(|first| first.bytes).sum::<usize>();
        let together = self.together;
        let fits =
            |next: &Segment, rows, bytes| together && rows + next.rows <= ROWS && bytes + next.bytes <= BATCH_BYTES;
        while let Some(next) = self.segments.next_if(|next| fits(next, rows, bytes)) {
            rows += next.rows;
            bytes += next.bytes;
            segments.push(next);
        }
        segments
    }

    fn read(&mut self, segment: &Segment) -> Result<RecordBatch> {
        let file = match self.open.take() {
            Some((of, file)) if Arc::ptr_eq(&of, &segment.file) => file,
            _ => segment.open()?,
        };
        let (_, file) = self.open.insert((Arc::clone(&segment.file), file));
        segment.read_from(file)
    }
}

#[cfg(test)]
mod tests {
    use datafusion::common::utils::memory::get_record_batch_memory_size;
    use std::fs::OpenOptions;

    use datafusion::arrow::array::{ArrayRef, Int64Array};
    use datafusion::execution::memory_pool::MemoryConsumer;
    use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
    use futures::{StreamExt, TryStreamExt};

    use super::*;
    use crate::Error;

    /// 10 rows where segments are small, as here.
    fn batch(first: i64) -> RecordBatch {
        let array: ArrayRef = Arc::new(Int64Array::from_iter_values(first..first + 10));
        RecordBatch::try_from_iter([("n", array)]).unwrap()
    }

    fn file(context: &TaskContext) -> SegmentFile {
        SegmentFile::create(context, SpillMetrics::new(&ExecutionPlanMetricsSet::new(), 0)).unwrap()
    }

    #[test]
    fn segments_come_back_and_the_file_goes_with_the_last() {
        let context = TaskContext::default();
        let mut file = file(&context);
        let segments: Vec<_> = (0..3).map(|i| file.append(&batch(i * 10)).unwrap()).collect();
        drop(file);
        assert_eq!(segments[2].read().unwrap(), batch(20));
        assert_eq!(segments[0].read().unwrap(), batch(0));
        let path = segments[0].file.path().unwrap().to_path_buf();
        assert!(path.exists());
        drop(segments);
        assert!(!path.exists());
        assert_eq!(context.runtime_env().disk_manager.used_disk_space(), 0);
    }

    #[tokio::test]
    async fn small_segments_come_out_together_in_their_order() {
        let context = TaskContext::default();
        let mut file = file(&context);
        let segments: Vec<_> = (0..200).map(|i| file.append(&batch(i * 10)).unwrap()).collect();
        file.rest().unwrap();
        let schema = batch(0).schema();
        let pool = Arc::clone(context.memory_pool());
        let ahead = MemoryConsumer::new("ahead").register(&pool);
        let mut rows = rows_of(segments, Arc::clone(&schema), ahead);
        let mut batches = vec![rows.next().await.unwrap().unwrap()];
        assert!((1..=2 * BATCH_BYTES).contains(&pool.reserved()), "{} bytes are reserved", pool.reserved());
        batches.extend(rows.try_collect::<Vec<_>>().await.unwrap());
        assert_eq!(pool.reserved(), 0);
        assert!(batches.len() < 200, "each came out alone");
        assert!(batches.iter().all(|batch| get_record_batch_memory_size(batch) <= BATCH_BYTES));
        let all: Vec<_> = (0..200).map(|i| batch(i * 10)).collect();
        assert_eq!(concat_batches(&schema, &batches).unwrap(), concat_batches(&schema, &all).unwrap());
    }

    #[test]
    fn damage_is_an_error_and_never_wrong_rows() {
        let segment = file(&TaskContext::default()).append(&batch(0)).unwrap();
        let mut damaged = OpenOptions::new().write(true).open(segment.file.path().unwrap()).unwrap();
        damaged.seek(SeekFrom::Start(segment.length as u64 / 2)).unwrap();
        damaged.write_all(b"!").unwrap();
        let error = Error::from(segment.read().unwrap_err());
        assert!(error.is_spill() && error.to_string().contains("damaged"), "{error}");
        damaged.set_len(10).unwrap();
        assert!(Error::from(segment.read().unwrap_err()).is_io());
    }
}
