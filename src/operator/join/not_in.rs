//! `NOT IN` with its values held, and not the rows that are looked up in them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use datafusion::arrow::array::Array;
use datafusion::arrow::compute::{filter_record_batch, is_not_null};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::{JoinType, Result};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::joins::{HashJoinExec, PartitionMode};
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, Partitioning, PhysicalExpr};
use futures::future::ready;
use futures::{StreamExt, TryStreamExt, stream};

use crate::operator::row_count;

/// The join that gives what the `NOT IN` that `join` is gives, once [`Values`] has seen to its NULLs; none where it is
/// another join, or the values are thought to be more than the rows.
///
/// ```text
/// HashJoinExec: LeftAnti, null-aware        HashJoinExec: RightAnti
///   CoalescePartitionsExec                    CoalescePartitionsExec
///     lineitem (60 million rows)       →        values (a few)
///   values (a few)                            lineitem (60 million rows), in its partitions
/// ```
///
/// The engine holds the rows, for what it knows of their NULLs at the end; all columns of theirs go to disk when they
/// do not fit. But all is known when the values are there.
pub(super) fn holding_values(join: &HashJoinExec) -> Result<Option<HashJoinExec>> {
    if !join.null_aware || join.filter().is_some() || is_smaller(join.left(), join.right())? {
        return Ok(None);
    }
    let partitions = join.right().output_partitioning().partition_count();
    let rows = in_partitions(join.left(), partitions)?;
    let values = match partitions {
        1 => Arc::clone(join.right()),
        _ => Arc::new(CoalescePartitionsExec::new(Arc::clone(join.right()))),
    };
    let on = join.on.iter().map(|(row, value)| (Arc::clone(value), Arc::clone(row))).collect();
    let projection = join.projection.as_ref().map(|columns| columns.to_vec());
    let (mode, nulls) = (PartitionMode::CollectLeft, join.null_equality());
    let values = HashJoinExec::try_new(values, rows, on, None, &JoinType::RightAnti, projection, mode, nulls, false)?;
    Ok(Some(values.builder().with_fetch(join.fetch()).build()?))
}

/// `rows` in as many partitions as the join came out in, on which somebody above may count; where that was one, in as
/// many as there are: they are put together behind the join.
fn in_partitions(rows: &Arc<dyn ExecutionPlan>, partitions: usize) -> Result<Arc<dyn ExecutionPlan>> {
    let rows = match rows.downcast_ref::<CoalescePartitionsExec>() {
        Some(coalesced) if coalesced.fetch().is_none() => coalesced.input(),
        _ => rows,
    };
    if partitions == 1 || rows.output_partitioning().partition_count() == partitions {
        return Ok(Arc::clone(rows));
    }
    Ok(Arc::new(RepartitionExec::try_new(Arc::clone(rows), Partitioning::RoundRobinBatch(partitions))?))
}

fn is_smaller(rows: &Arc<dyn ExecutionPlan>, values: &Arc<dyn ExecutionPlan>) -> Result<bool> {
    let (rows, values) = (row_count(rows)?, row_count(values)?);
    Ok(rows.get_value().zip(values.get_value()).is_some_and(|(rows, values)| rows < values))
}

/// What is known of the values when all of them are there.
///
/// Nothing is "not in" values of which one is not known; and where there are any at all, no row whose own value is not
/// known.
#[derive(Debug, Default)]
pub(super) struct Values {
    any: AtomicBool,
    null: AtomicBool,
}

impl Values {
    /// `values` as they are, looked at on their way.
    pub(super) fn watch(
        self: Arc<Self>,
        values: SendableRecordBatchStream,
        key: Arc<dyn PhysicalExpr>,
    ) -> SendableRecordBatchStream {
        let schema = values.schema();
        let watched = values.map(move |batch| batch.and_then(|batch| self.look_at(batch, &key)));
        Box::pin(RecordBatchStreamAdapter::new(schema, watched))
    }

    fn look_at(&self, batch: RecordBatch, key: &Arc<dyn PhysicalExpr>) -> Result<RecordBatch> {
        let values = key.evaluate(&batch)?.into_array(batch.num_rows())?;
        self.any.fetch_or(!values.is_empty(), Ordering::Relaxed);
        self.null.fetch_or(values.logical_null_count() > 0, Ordering::Relaxed);
        Ok(batch)
    }

    /// Those of `rows` that can be "not in" the values. They must not be asked for before all values are there.
    pub(super) fn comparable(
        self: Arc<Self>,
        rows: SendableRecordBatchStream,
        key: Arc<dyn PhysicalExpr>,
    ) -> SendableRecordBatchStream {
        let schema = rows.schema();
        let values = Arc::clone(&self);
        // Looked at when the first row is asked for: nothing is "not in" values of which one is not known.
        let rows = stream::once(async move { (!values.null.load(Ordering::Relaxed)).then_some(rows) });
        let comparable = rows.filter_map(ready).flatten().and_then(move |batch| ready(self.comparable_of(batch, &key)));
        Box::pin(RecordBatchStreamAdapter::new(schema, comparable))
    }

    fn comparable_of(&self, batch: RecordBatch, key: &Arc<dyn PhysicalExpr>) -> Result<RecordBatch> {
        if !self.any.load(Ordering::Relaxed) {
            return Ok(batch);
        }
        let keys = key.evaluate(&batch)?.into_array(batch.num_rows())?;
        match keys.logical_null_count() {
            0 => Ok(batch),
            _ => Ok(filter_record_batch(&batch, &is_not_null(&keys)?)?),
        }
    }
}
