//! The expression that makes a key of many columns.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_plan::PhysicalExpr;

use super::encoding::KeyEncoding;

/// What a NULL in a row makes of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Nulls {
    /// A value like any other, which groups and set operations take it for.
    Value,
    /// A NULL, which joins find no partner for.
    Null,
}

/// The values of a row as one key, of type `BinaryView`.
#[derive(Debug)]
pub(crate) struct RowKey {
    columns: Vec<Arc<dyn PhysicalExpr>>,
    encoding: Arc<KeyEncoding>,
    nulls: Nulls,
}

impl RowKey {
    /// The values of `columns`, which have the types of the encoding.
    pub(crate) fn new(columns: Vec<Arc<dyn PhysicalExpr>>, encoding: Arc<KeyEncoding>, nulls: Nulls) -> Self {
        Self { columns, encoding, nulls }
    }

    fn is_nullable(&self) -> bool {
        self.nulls == Nulls::Null
    }
}

impl PhysicalExpr for RowKey {
    fn data_type(&self, _: &Schema) -> Result<DataType> {
        Ok(DataType::BinaryView)
    }

    fn nullable(&self, _: &Schema) -> Result<bool> {
        Ok(self.is_nullable())
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        let values = |column: &Arc<dyn PhysicalExpr>| column.evaluate(batch)?.into_array(batch.num_rows());
        let columns = self.columns.iter().map(values).collect::<Result<Vec<_>>>()?;
        let keys = self.encoding.encode(&columns, batch.num_rows(), self.is_nullable())?;
        Ok(ColumnarValue::Array(Arc::new(keys)))
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        self.columns.iter().collect()
    }

    fn with_new_children(self: Arc<Self>, columns: Vec<Arc<dyn PhysicalExpr>>) -> Result<Arc<dyn PhysicalExpr>> {
        Ok(Arc::new(Self { columns, encoding: Arc::clone(&self.encoding), nulls: self.nulls }))
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for RowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row_key(")?;
        for (place, column) in self.columns.iter().enumerate() {
            write!(f, "{}{column}", if place == 0 { "" } else { ", " })?;
        }
        write!(f, ")")
    }
}

impl PartialEq for RowKey {
    fn eq(&self, other: &Self) -> bool {
        self.nulls == other.nulls && self.columns == other.columns && self.encoding == other.encoding
    }
}

impl Eq for RowKey {}

impl Hash for RowKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.columns.hash(state);
        self.nulls.hash(state);
    }
}
