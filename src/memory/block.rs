//! One batch as bytes on disk.

use std::hash::BuildHasher;
use std::io::Cursor;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::ipc::CompressionType;
use datafusion::arrow::ipc::reader::StreamReader;
use datafusion::arrow::ipc::writer::{IpcWriteOptions, StreamWriter};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::hash_utils::RandomState;

use super::decode::in_own_buffers;
use super::row_bytes::{COLUMN, row_bytes};

/// Where a batch lies in its spill file, and what its bytes must be.
///
/// ```text
/// spill file  ├── block ──┼── block ──┼ …      block = Arrow IPC stream of one batch, see Codec
///          offset      length
/// ```
///
/// The index of the blocks is kept in memory: it ends with the process, as the file does.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block {
    /// Bytes from the start of the file.
    pub(super) offset: u64,
    /// Bytes of the block.
    pub(super) length: usize,
    /// Of the bytes on disk: a damaged block must never come back as rows.
    pub(super) checksum: u64,
}

/// The checksum of a block. Compared within one process only: any hash will do, and this one is fast.
pub(crate) fn checksum(bytes: &[u8]) -> u64 {
    RandomState::with_seed(0).hash_one(bytes)
}

/// The bytes of one batch.
pub(crate) fn encode(batch: &RecordBatch, compression: Option<CompressionType>) -> Result<Vec<u8>, ArrowError> {
    let options = IpcWriteOptions::default().try_with_compression(compression)?;
    // A buffer that grows by doubling is there twice, and half of it empty.
    let plain = row_bytes(batch) + batch.num_columns() * COLUMN;
    let bytes = Vec::with_capacity(if compression.is_none() { plain } else { plain / 2 });
    let mut writer = StreamWriter::try_new_with_options(bytes, batch.schema_ref(), options)?;
    writer.write(batch)?;
    writer.into_inner()
}

/// The batch in `bytes`, of the columns in `projection` alone; an error when it has not `rows` rows.
///
/// The schema is the table's: the one read back has lost nothing, but is another allocation for every batch.
pub(super) fn decode(
    bytes: &[u8],
    schema: &SchemaRef,
    projection: Option<&[usize]>,
    rows: usize,
) -> Result<RecordBatch, ArrowError> {
    let mut reader = StreamReader::try_new(Cursor::new(bytes), projection.map(<[usize]>::to_vec))?;
    let batch = reader.next().transpose()?.filter(|batch| batch.num_rows() == rows);
    let batch = batch.ok_or_else(|| ArrowError::IpcError(format!("a batch of {rows} rows was expected")))?;
    let schema = match projection {
        Some(columns) => schema.project(columns)?.into(),
        None => SchemaRef::clone(schema),
    };
    in_own_buffers(&batch)?.with_schema(schema)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{DictionaryArray, Int64Array, ListArray, StringViewArray};
    use datafusion::arrow::datatypes::{Int32Type, Schema};
    use datafusion::arrow::record_batch::RecordBatchOptions;

    use super::*;

    fn batch() -> RecordBatch {
        let list = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), None]), None, Some(vec![])]);
        let words: DictionaryArray<Int32Type> = [Some("a"), None, Some("a")].into_iter().collect();
        RecordBatch::try_from_iter_with_nullable([
            ("n", Arc::new(Int64Array::from(vec![Some(1), None, Some(3)])) as _, true),
            ("s", Arc::new(StringViewArray::from(vec!["short", "a long text that is no inline view", ""])) as _, true),
            ("l", Arc::new(list) as _, true),
            ("d", Arc::new(words) as _, true),
        ])
        .unwrap()
    }

    #[test]
    fn a_batch_comes_back_as_it_went() {
        let batch = batch();
        let bytes = encode(&batch.slice(1, 2), Some(CompressionType::LZ4_FRAME)).unwrap();
        assert_eq!(decode(&bytes, &batch.schema(), None, 2).unwrap(), batch.slice(1, 2));
        let some = decode(&bytes, &batch.schema(), Some(&[3, 0]), 2).unwrap();
        assert_eq!(some, batch.slice(1, 2).project(&[3, 0]).unwrap());
        assert!(decode(&bytes, &batch.schema(), None, 3).is_err());
    }

    #[test]
    fn rows_without_columns_are_counted() {
        let schema = Arc::new(Schema::empty());
        let options = RecordBatchOptions::new().with_row_count(Some(7));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&schema), vec![], &options).unwrap();
        assert_eq!(decode(&encode(&batch, None).unwrap(), &schema, None, 7).unwrap().num_rows(), 7);
    }
}
