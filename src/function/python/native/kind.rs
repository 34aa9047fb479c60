//! The types of values: each variable has one, and keeps it.

use datafusion::arrow::datatypes::DataType;

/// What a register holds the bits of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// 0 or 1, the integers that Python takes it for.
    Bool,
    /// An `i64`.
    Int,
    /// An `f64`.
    Float,
}

impl Kind {
    /// What Python sees of a column, and what it may give for one. Values that have no room are found when it runs.
    pub(super) fn of(data_type: &DataType) -> Option<Self> {
        match data_type {
            DataType::Boolean => Some(Self::Bool),
            DataType::Float32 | DataType::Float64 => Some(Self::Float),
            whole if whole.is_integer() => Some(Self::Int),
            _ => None,
        }
    }

    /// The type of the columns that its values are read from and written to.
    pub(super) fn column(self) -> DataType {
        match self {
            Self::Bool => DataType::Boolean,
            Self::Int => DataType::Int64,
            Self::Float => DataType::Float64,
        }
    }
}
