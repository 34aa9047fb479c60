//! Columns as bytes that a few lines of Python read.
//!
//! ```text
//! column   0, or 1 and a byte a row (1: there, 0: NULL); then the values, those of NULLs included
//! numbers  each in its width, little-endian; booleans in a byte; dates in days, times in microseconds
//! text     1, u64 length, all values with a NUL between; or 0, u32 length each, u64 length, all values
//! bytes    u32 length each, u64 length, all values;   decimals: text
//! lists    u32 length each, u64 number of elements, the column of elements; maps: two columns
//! structs  the column of each field
//! ```

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BinaryViewArray, OffsetSizeTrait, StringViewArray};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::DataType;

use super::kind::plain;
use crate::error::{Error, Result};

/// Appends a column, of any type that Python has values for.
pub(super) fn encode(array: &ArrayRef, out: &mut Vec<u8>) -> Result<()> {
    write(&cast(array, &plain(array.data_type())?)?, out)
}

/// A cast that fails where a value has no room.
pub(super) fn cast(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    if array.data_type() == to {
        return Ok(ArrayRef::clone(array));
    }
    Ok(cast_with_options(array, to, &CastOptions { safe: false, ..CastOptions::default() })?)
}

fn write(array: &ArrayRef, out: &mut Vec<u8>) -> Result<()> {
    write_validity(array, out);
    match array.data_type() {
        DataType::Null => {}
        DataType::Boolean => out.extend(array.as_boolean().values().iter().map(u8::from)),
        DataType::Utf8View => write_text(array.as_string_view(), out),
        DataType::BinaryView => write_bytes(array.as_binary_view(), out),
        kind if kind.is_decimal() => write_text(cast(array, &DataType::Utf8View)?.as_string_view(), out),
        DataType::List(_) => {
            let lists = array.as_list::<i32>();
            let values = write_lengths(lists.offsets(), lists.values(), out);
            write(&values, out)?;
        }
        DataType::Map(..) => {
            let maps = array.as_map();
            let entries: ArrayRef = std::sync::Arc::new(maps.entries().clone());
            let entries = write_lengths(maps.offsets(), &entries, out);
            entries.as_struct().columns().iter().try_for_each(|column| write(column, out))?;
        }
        DataType::Struct(_) => array.as_struct().columns().iter().try_for_each(|column| write(column, out))?,
        kind => write_numbers(array, kind, out)?,
    }
    Ok(())
}

fn write_validity(array: &ArrayRef, out: &mut Vec<u8>) {
    match array.logical_nulls().filter(|nulls| nulls.null_count() > 0) {
        None => out.push(0),
        Some(nulls) => {
            out.push(1);
            out.extend(nulls.iter().map(u8::from));
        }
    }
}

fn write_numbers(array: &ArrayRef, kind: &DataType, out: &mut Vec<u8>) -> Result<()> {
    let width = kind.primitive_width().ok_or_else(|| Error::internal(format!("{kind} is no number")))?;
    let data = array.to_data();
    let buffer = data.buffers().first().map_or(&[][..], |buffer| buffer.as_slice());
    let bytes = buffer.get(data.offset() * width..(data.offset() + data.len()) * width);
    // The machines that the program runs on are little-endian.
    out.extend_from_slice(bytes.ok_or_else(|| Error::internal("a column is shorter than it says"))?);
    Ok(())
}

fn write_text(array: &StringViewArray, out: &mut Vec<u8>) {
    let start = out.len();
    out.push(1);
    out.extend_from_slice(&[0; 8]);
    let mut values = (0..array.len()).map(|row| if array.is_null(row) { "" } else { array.value(row) });
    let plain = values.by_ref().enumerate().all(|(row, value)| {
        if row > 0 {
            out.push(0);
        }
        out.extend_from_slice(value.as_bytes());
        !value.as_bytes().contains(&0)
    });
    if plain {
        let length = (out.len() - start - 9) as u64;
        out[start + 1..start + 9].copy_from_slice(&length.to_le_bytes());
        return;
    }
    out.truncate(start);
    out.push(0);
    write_parts(
        (0..array.len()).map(|row| if array.is_null(row) { &[][..] } else { array.value(row).as_bytes() }),
        out,
    );
}

fn write_bytes(array: &BinaryViewArray, out: &mut Vec<u8>) {
    write_parts((0..array.len()).map(|row| if array.is_null(row) { &[][..] } else { array.value(row) }), out);
}

/// The length of each part, their sum, and the parts.
pub(super) fn write_parts<'a>(parts: impl Iterator<Item = &'a [u8]> + Clone, out: &mut Vec<u8>) {
    let mut total = 0u64;
    for part in parts.clone() {
        out.extend_from_slice(&(part.len() as u32).to_le_bytes());
        total += part.len() as u64;
    }
    out.extend_from_slice(&total.to_le_bytes());
    parts.for_each(|part| out.extend_from_slice(part));
}

/// The lengths of lists; the elements that the lists have, without those before and behind.
fn write_lengths<O: OffsetSizeTrait>(offsets: &OffsetBuffer<O>, values: &ArrayRef, out: &mut Vec<u8>) -> ArrayRef {
    offsets.lengths().for_each(|length| out.extend_from_slice(&(length as u32).to_le_bytes()));
    let first = offsets.first().map_or(0, |offset| offset.as_usize());
    let last = offsets.last().map_or(0, |offset| offset.as_usize());
    out.extend_from_slice(&((last - first) as u64).to_le_bytes());
    values.slice(first, last - first)
}
