//! Values inside of a value: items of a list, fields of a struct, entries of a map.

use datafusion::arrow::array::{Array, ArrayRef, StructArray};
use serde::de::value::{Error, StrDeserializer};
use serde::de::{DeserializeSeed, Error as _, IntoDeserializer, MapAccess, SeqAccess};

use super::cell::Cell;

/// The items of one list.
pub(super) struct Items {
    items: ArrayRef,
    next: usize,
}

impl Items {
    pub(super) fn new(items: ArrayRef) -> Self {
        Self { items, next: 0 }
    }
}

impl<'de> SeqAccess<'de> for Items {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        if self.next == self.items.len() {
            return Ok(None);
        }
        self.next += 1;
        seed.deserialize(Cell::new(self.items.as_ref(), self.next - 1)).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len() - self.next)
    }
}

/// The fields of one struct: by name, or in their order.
pub(super) struct Fields<'a> {
    array: &'a StructArray,
    row: usize,
    next: usize,
}

impl<'a> Fields<'a> {
    pub(super) fn new(array: &'a StructArray, row: usize) -> Self {
        Self { array, row, next: 0 }
    }

    fn value<'de, S: DeserializeSeed<'de>>(&self, field: usize, seed: S) -> Result<S::Value, Error> {
        let name = self.array.fields()[field].name();
        let value = seed.deserialize(Cell::new(self.array.column(field).as_ref(), self.row));
        value.map_err(|error| Error::custom(format!("column '{name}': {error}")))
    }
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        let Some(field) = self.array.fields().get(self.next) else { return Ok(None) };
        self.next += 1;
        let name: StrDeserializer<'_, Error> = field.name().as_str().into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        self.value(self.next - 1, seed)
    }
}

impl<'de> SeqAccess<'de> for Fields<'_> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        if self.next == self.array.num_columns() {
            return Ok(None);
        }
        self.next += 1;
        self.value(self.next - 1, seed).map(Some)
    }
}

/// The entries of one map: a struct of key and value each.
pub(super) struct Entries {
    entries: StructArray,
    next: usize,
}

impl Entries {
    pub(super) fn new(entries: StructArray) -> Self {
        Self { entries, next: 0 }
    }
}

impl<'de> MapAccess<'de> for Entries {
    type Error = Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        if self.next == self.entries.len() {
            return Ok(None);
        }
        self.next += 1;
        seed.deserialize(Cell::new(self.entries.column(0).as_ref(), self.next - 1)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        seed.deserialize(Cell::new(self.entries.column(1).as_ref(), self.next - 1))
    }
}
