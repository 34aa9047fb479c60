//! Batches from the bytes of a spill file.
#![allow(unsafe_code)]

use std::ptr::NonNull;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayData, make_array};
use datafusion::arrow::buffer::{BooleanBuffer, Buffer, MutableBuffer, NullBuffer};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::ipc::reader::StreamDecoder;
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::Result;

use crate::error::Error;

/// Buffers of fewer bytes lie together: a thousand columns of sixty rows would be a thousand allocations of half a
/// kilobyte. A table made of such rows at 128 MB takes a tenth less time.
const SMALL: usize = 4 << 10;

/// What any type of values is aligned to, in bytes.
const ALIGNED: usize = 64;

/// The batch in `encoded`, each of whose buffers is its own, as far as counts of memory go.
///
/// What was not compressed is decoded into slices of one buffer, which every count of memory that goes by arrays takes
/// once for each of them.
///
/// ```text
/// large buffers  ▒▒▒▒▒▒▒▒  ▒▒▒▒▒▒▒▒    an allocation each
/// small ones     ▒▒·▒·▒▒·▒▒·▒·         one for all of them, which goes with the last
/// ```
///
/// The caller has compared the checksum of these bytes with that of what [`encode`](super::encode) has made of a
/// valid batch in this process: nothing in them is looked at twice.
pub(crate) fn decode(encoded: Vec<u8>) -> Result<RecordBatch> {
    // SAFETY: the caller says that the bytes are those of a valid batch.
    let mut decoder = unsafe { StreamDecoder::new().with_skip_validation(true) };
    let batch = decoder.decode(&mut Buffer::from_vec(encoded))?;
    let batch = batch.ok_or_else(|| Error::internal("a segment without a batch"))?;
    Ok(in_own_buffers(&batch)?)
}

/// The same rows, each buffer of which counts as its own.
pub(super) fn in_own_buffers(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let columns: Vec<_> = batch.columns().iter().map(|column| column.to_data()).collect();
    let mut small = SmallBuffers::of(&columns);
    let columns = columns.iter().map(|column| make_array(alone(column, &mut small))).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(batch.schema(), columns, &options)
}

/// The same values, without the bytes of their neighbours.
fn alone(data: &ArrayData, small: &mut SmallBuffers) -> ArrayData {
    let nulls = data.nulls().map(|nulls| {
        let bits = BooleanBuffer::new(small.place(nulls.buffer()), nulls.offset(), nulls.len());
        // SAFETY: the same bits have as many zeros.
        unsafe { NullBuffer::new_unchecked(bits, nulls.null_count()) }
    });
    let builder = ArrayData::builder(data.data_type().clone())
        .len(data.len())
        .offset(data.offset())
        .nulls(nulls)
        .buffers(data.buffers().iter().map(|buffer| small.place(buffer)).collect())
        .child_data(data.child_data().iter().map(|child| alone(child, small)).collect());
    // SAFETY: only the places of the bytes are others than in `data`, which is valid.
    unsafe { builder.build_unchecked() }
}

/// Copies of the small buffers of a batch, in one allocation.
struct SmallBuffers {
    bytes: Arc<MutableBuffer>,
    /// Where the next of them lies.
    next: usize,
}

impl SmallBuffers {
    fn of(columns: &[ArrayData]) -> Self {
        let mut size = 0;
        let mut measure = |buffer: &Buffer| size += buffer.len().next_multiple_of(ALIGNED);
        columns.iter().for_each(|column| each_small(column, &mut measure));
        let mut bytes = MutableBuffer::with_capacity(size);
        let mut copy = |buffer: &Buffer| {
            bytes.extend_from_slice(buffer);
            bytes.extend_zeros(buffer.len().next_multiple_of(ALIGNED) - buffer.len());
        };
        columns.iter().for_each(|column| each_small(column, &mut copy));
        Self { bytes: Arc::new(bytes), next: 0 }
    }

    /// Where the bytes of `buffer` lie from now on. Small ones come in the order in which they were copied.
    fn place(&mut self, buffer: &Buffer) -> Buffer {
        if buffer.len() >= SMALL {
            return copy(buffer);
        }
        let begin = self.next;
        self.next += buffer.len().next_multiple_of(ALIGNED);
        let Some(bytes) = self.bytes.get(begin..begin + buffer.len()) else { return copy(buffer) };
        // SAFETY: so many bytes lie there as long as their owner is, and nobody writes to them.
        unsafe { Buffer::from_custom_allocation(NonNull::from(bytes).cast(), bytes.len(), self.bytes.clone()) }
    }
}

/// The small buffers of an array, in the order in which [`alone`] places them.
fn each_small(data: &ArrayData, see: &mut impl FnMut(&Buffer)) {
    let nulls = data.nulls().map(|nulls| nulls.buffer());
    nulls.into_iter().chain(data.buffers()).filter(|buffer| buffer.len() < SMALL).for_each(&mut *see);
    data.child_data().iter().for_each(|child| each_small(child, see));
}

/// Decompressed buffers are alone already.
fn copy(buffer: &Buffer) -> Buffer {
    const PADDING: usize = 64;
    match buffer.capacity() > buffer.len() + PADDING {
        true => Buffer::from(buffer.as_slice()),
        false => buffer.clone(),
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{Array, DictionaryArray, Int64Array, ListArray, StringViewArray};
    use datafusion::arrow::datatypes::Int32Type;

    use super::*;
    use crate::memory::encode;

    #[test]
    fn buffers_are_their_own() {
        let numbers = Int64Array::from_iter((0..1000).map(|n| (n % 7 > 0).then_some(n)));
        let texts = StringViewArray::from_iter_values((0..1000).map(|n| format!("text number {n}, not inline")));
        let lists =
            ListArray::from_iter_primitive::<Int32Type, _, _>((0..1000).map(|n| (n % 5 > 0).then(|| vec![Some(n); 2])));
        let words: DictionaryArray<Int32Type> = (0..1000).map(|n| if n % 2 > 0 { "odd" } else { "even" }).collect();
        let batch = RecordBatch::try_from_iter_with_nullable([
            ("n", Arc::new(numbers) as _, true),
            ("t", Arc::new(texts) as _, true),
            ("l", Arc::new(lists) as _, true),
            ("w", Arc::new(words) as _, true),
        ])
        .unwrap();
        let encoded = encode(&batch, None).unwrap();
        let length = encoded.len();
        let decoded = decode(encoded).unwrap();
        assert_eq!(decoded, batch);
        decoded.columns().iter().for_each(|column| column.to_data().validate_full().unwrap());
        let held: usize = decoded.columns().iter().map(|column| column.get_array_memory_size()).sum();
        assert!(held < length + 4096, "{held} of {length} bytes");
    }
}
