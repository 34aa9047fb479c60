//! The state of an aggregate: a few values, each a column while it travels.

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::DataType;

use super::argument::Element;
use super::output::declared;
use crate::error::{Error, Result};

/// What an aggregate keeps of a group: one value or a tuple of at most 6, of the types that lists hold too.
///
/// ```
/// fn is_state<S: partita::AggregateState>() {}
/// is_state::<f64>();
/// is_state::<(f64, i64, Option<String>, Vec<f64>)>();
/// ```
pub trait AggregateState: Sized + Send + Sync + 'static {
    /// The types of its columns.
    fn types() -> Vec<DataType>;

    /// States as columns.
    ///
    /// Errors: values that have no room in their column.
    fn write(states: Vec<Self>) -> Result<Vec<ArrayRef>>;

    /// States out of columns that [`AggregateState::write`] made.
    ///
    /// Errors: other columns.
    fn read(columns: &[ArrayRef], rows: usize) -> Result<Vec<Self>>;
}

fn value<T: Element>(column: &T::Column, row: usize) -> Result<T> {
    T::item(column, row).map_err(Error::internal)
}

fn missing() -> Error {
    Error::internal("a column of an aggregate's state is missing")
}

impl<T: Element + Send + Sync + 'static> AggregateState for T {
    fn types() -> Vec<DataType> {
        vec![declared::<T>()]
    }

    fn write(states: Vec<Self>) -> Result<Vec<ArrayRef>> {
        let mut builder = T::builder(states.len());
        for state in states {
            state.push(&mut builder).map_err(Error::data)?;
        }
        Ok(vec![T::finish(builder, &declared::<T>())?])
    }

    fn read(columns: &[ArrayRef], rows: usize) -> Result<Vec<Self>> {
        let column = T::column(columns.first().ok_or_else(missing)?)?;
        (0..rows).map(|row| value::<T>(&column, row)).collect()
    }
}

macro_rules! tuples {
    ($($part:ident $at:tt),*) => {
        #[allow(non_snake_case)]
        impl<$($part: Element + Send + Sync + 'static),*> AggregateState for ($($part,)*) {
            fn types() -> Vec<DataType> {
                vec![$(declared::<$part>()),*]
            }

            fn write(states: Vec<Self>) -> Result<Vec<ArrayRef>> {
                $(let mut $part = $part::builder(states.len());)*
                for state in states {
                    $(state.$at.push(&mut $part).map_err(Error::data)?;)*
                }
                Ok(vec![$($part::finish($part, &declared::<$part>())?),*])
            }

            fn read(columns: &[ArrayRef], rows: usize) -> Result<Vec<Self>> {
                $(let $part = $part::column(columns.get($at).ok_or_else(missing)?)?;)*
                (0..rows).map(|row| Ok(($(value::<$part>(&$part, row)?,)*))).collect()
            }
        }
    };
}

tuples!(A 0);
tuples!(A 0, B 1);
tuples!(A 0, B 1, C 2);
tuples!(A 0, B 1, C 2, D 3);
tuples!(A 0, B 1, C 2, D 3, E 4);
tuples!(A 0, B 1, C 2, D 3, E 4, G 5);
