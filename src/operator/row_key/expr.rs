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

/// The values of a row as one key, of type `BinaryView`; a NULL is a value like any other.
#[derive(Debug)]
pub(crate) struct RowKey {
    columns: Vec<Arc<dyn PhysicalExpr>>,
    encoding: Arc<KeyEncoding>,
}

impl RowKey {
    /// The values of `columns`, which have the types of the encoding.
    pub(crate) fn new(columns: Vec<Arc<dyn PhysicalExpr>>, encoding: Arc<KeyEncoding>) -> Self {
        Self { columns, encoding }
    }
}

impl PhysicalExpr for RowKey {
    fn data_type(&self, _: &Schema) -> Result<DataType> {
        Ok(DataType::BinaryView)
    }

    fn nullable(&self, _: &Schema) -> Result<bool> {
        Ok(false)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        let values = |column: &Arc<dyn PhysicalExpr>| column.evaluate(batch)?.into_array(batch.num_rows());
        let columns = self.columns.iter().map(values).collect::<Result<Vec<_>>>()?;
        let keys = self.encoding.encode(&columns, batch.num_rows())?;
        Ok(ColumnarValue::Array(Arc::new(keys)))
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        self.columns.iter().collect()
    }

    fn with_new_children(self: Arc<Self>, columns: Vec<Arc<dyn PhysicalExpr>>) -> Result<Arc<dyn PhysicalExpr>> {
        Ok(Arc::new(Self { columns, encoding: Arc::clone(&self.encoding) }))
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
        self.columns == other.columns && self.encoding == other.encoding
    }
}

impl Eq for RowKey {}

impl Hash for RowKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.columns.hash(state);
    }
}
