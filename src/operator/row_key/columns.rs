//! The operator that makes columns of keys again.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayFormatType, ExecutionPlan};
use futures::StreamExt;

use super::encoding::KeyEncoding;
use crate::operator::pass::{Pass, PassExec};

/// Gives out the columns that keys were made of.
///
/// ```text
/// KeyColumnsExec: columns=1000               c0 … c999, count
///   SpillingAggregateExec: gby=[row_key]     row_key, count
/// ```
pub(crate) type KeyColumnsExec = PassExec<KeyColumns>;

/// Which columns of the input are keys, and what comes out.
#[derive(Debug, Clone)]
pub(crate) struct KeyColumns {
    schema: SchemaRef,
    keys: Vec<(usize, Arc<KeyEncoding>)>,
    columns: Vec<ColumnSource>,
}

/// Where a column comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ColumnSource {
    /// A column of the input.
    Input(usize),
    /// A column of a key: which key, and which of its columns.
    Key(usize, usize),
}

impl KeyColumns {
    /// The columns of `schema`, each from its source; `keys` are the columns of the input that are keys.
    pub(crate) fn new(schema: SchemaRef, keys: Vec<(usize, Arc<KeyEncoding>)>, columns: Vec<ColumnSource>) -> Self {
        Self { schema, keys, columns }
    }

    /// Whether it makes all columns of one such key, in their order, of a column that is the only one.
    pub(crate) fn is_one_key(&self, encoding: &KeyEncoding) -> bool {
        let in_order = |(place, source): (usize, &ColumnSource)| match source {
            ColumnSource::Key(0, column) => *column == place,
            _ => false,
        };
        let is_one = matches!(&self.keys[..], [(0, key)] if key.as_ref() == encoding);
        is_one && self.columns.len() == encoding.columns() && self.columns.iter().enumerate().all(in_order)
    }

    /// The same columns by another schema, of the same types.
    pub(crate) fn with_schema(&self, schema: SchemaRef) -> Self {
        Self { schema, ..self.clone() }
    }

    fn of_keys(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let decode = |(key, encoding): &(usize, Arc<KeyEncoding>)| encoding.decode(batch.column(*key).as_binary_view());
        let keys = self.keys.iter().map(decode).collect::<Result<Vec<_>>>()?;
        let column = |source: &ColumnSource| match *source {
            ColumnSource::Input(column) => ArrayRef::clone(batch.column(column)),
            ColumnSource::Key(key, column) => ArrayRef::clone(&keys[key][column]),
        };
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), self.columns.iter().map(column).collect())?)
    }
}

impl Pass for KeyColumns {
    const NAME: &'static str = "KeyColumnsExec";

    fn rows(
        &self,
        input: &Arc<dyn ExecutionPlan>,
        partition: usize,
        context: Arc<TaskContext>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> Result<SendableRecordBatchStream> {
        let (columns, baseline) = (self.clone(), BaselineMetrics::new(metrics, partition));
        let rows = input.execute(partition, context)?.map(move |batch| {
            let _timer = baseline.elapsed_compute().timer();
            let batch = columns.of_keys(&batch?)?;
            baseline.record_output(batch.num_rows());
            Ok(batch)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), rows)))
    }

    fn describe(&self, t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.keys.iter().map(|(_, key)| key.columns()).sum::<usize>();
        match t {
            DisplayFormatType::TreeRender => write!(f, "columns={columns}"),
            DisplayFormatType::Default | DisplayFormatType::Verbose => write!(f, "KeyColumnsExec: columns={columns}"),
        }
    }

    fn columns(&self) -> Option<&SchemaRef> {
        Some(&self.schema)
    }

    fn stays(&self, column: usize) -> bool {
        matches!(self.columns.get(column), Some(ColumnSource::Input(from)) if *from == column)
    }
}
