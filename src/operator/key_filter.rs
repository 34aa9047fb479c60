//! Rows of a scan that no join above has a partner for, left out at once.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use datafusion::arrow::array::{Array, BooleanArray};
use datafusion::arrow::compute::{filter_record_batch, prep_null_mask_filter};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::cast::as_boolean_array;
use datafusion::common::{Result, ScalarValue};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::{DynamicFilterPhysicalExpr, Literal};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet};
use datafusion::physical_plan::{DisplayFormatType, ExecutionPlan, PhysicalExpr};
use futures::{Stream, StreamExt};

use super::pass::{Pass, PassExec};
use crate::memory::Gather;

/// Applies the filters that joins above have found from their build sides to the rows of a scan.
///
/// ```text
/// SpillingHashJoinExec ── keys of its build side ──┐
///   …                                              ▼
///   RepartitionExec                        filter, once it is known
///     KeyFilterExec  ◄─────────────────────────────┘
///       DataSourceExec                     (which leaves out row groups by it)
/// ```
///
/// The engine's scan uses such a filter for whole row groups; row by row it would have to decode columns twice, which
/// costs other queries more than it saves. Here each filter is tried on some batches at a time, and left alone for more
/// of them where it lets most rows pass. It never changes what comes out of the joins, so it need not be applied.
pub(crate) type KeyFilterExec = PassExec<KeyFilter>;

/// The filters: dynamic ones over the columns of the input.
#[derive(Debug, Clone)]
pub(crate) struct KeyFilter {
    pub(crate) filters: Vec<Arc<dyn PhysicalExpr>>,
}

impl Pass for KeyFilter {
    const NAME: &'static str = "KeyFilterExec";

    fn rows(
        &self,
        input: &Arc<dyn ExecutionPlan>,
        partition: usize,
        context: Arc<TaskContext>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> Result<SendableRecordBatchStream> {
        let input = input.execute(partition, Arc::clone(&context))?;
        let filters = self.filters.iter().map(|filter| Trial::new(Arc::clone(filter))).collect();
        let kept = Gather::new(input.schema(), context.session_config().batch_size());
        let held = MemoryConsumer::new(Self::NAME).register(context.memory_pool());
        let baseline = BaselineMetrics::new(metrics, partition);
        Ok(Box::pin(Filtered { input, filters, kept, held, baseline, ended: false }))
    }

    fn describe(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyFilterExec: filters={}", self.filters.len())
    }

    fn expressions(&self) -> &[Arc<dyn PhysicalExpr>] {
        &self.filters
    }

    fn leaves_out(&self) -> bool {
        true
    }
}

/// One filter, and whether it is worth its while.
struct Trial {
    filter: Arc<dyn PhysicalExpr>,
    batches: u32,
    seen: usize,
    passed: usize,
    /// The share of the rows that it has let pass lately.
    share: f64,
    /// Batches to come that it is not applied to.
    resting: u32,
}

impl Trial {
    /// So many batches tell what a filter leaves out.
    const LONG: u32 = 8;

    /// A filter that lets a larger share of the rows pass costs more than it saves: asking it is as dear as joining.
    const WORTH: f64 = 0.4;

    /// Such a filter is tried again after so many batches.
    const REST: u32 = 120;

    fn new(filter: Arc<dyn PhysicalExpr>) -> Self {
        Self { filter, batches: 0, seen: 0, passed: 0, share: 1.0, resting: 0 }
    }

    /// The rows that may have partners; none where all may.
    fn mask(&mut self, batch: &RecordBatch) -> Result<Option<BooleanArray>> {
        if self.resting > 0 {
            self.resting -= 1;
            return Ok(None);
        }
        if !is_known(&self.filter)? {
            return Ok(None);
        }
        let mask = self.filter.evaluate(batch)?.into_array(batch.num_rows())?;
        let mask = as_boolean_array(&mask)?;
        let mask = if mask.null_count() > 0 { prep_null_mask_filter(mask) } else { mask.clone() };
        self.note(mask.len(), mask.true_count());
        Ok(Some(mask))
    }

    fn note(&mut self, seen: usize, passed: usize) {
        self.batches += 1;
        self.seen += seen;
        self.passed += passed;
        if self.batches == Self::LONG {
            self.share = self.passed as f64 / self.seen.max(1) as f64;
            if self.share > Self::WORTH {
                self.resting = Self::REST;
            }
            (self.batches, self.seen, self.passed) = (0, 0, 0);
        }
    }
}

/// Whether the join has said anything yet.
fn is_known(filter: &Arc<dyn PhysicalExpr>) -> Result<bool> {
    let Some(dynamic) = filter.downcast_ref::<DynamicFilterPhysicalExpr>() else { return Ok(true) };
    let current = dynamic.current()?;
    let literal = current.downcast_ref::<Literal>();
    Ok(literal.is_none_or(|literal| *literal.value() != ScalarValue::Boolean(Some(true))))
}

struct Filtered {
    input: SendableRecordBatchStream,
    filters: Vec<Trial>,
    /// Rows that are left of several batches, as one.
    kept: Gather,
    /// What is reserved for them.
    held: MemoryReservation,
    baseline: BaselineMetrics,
    ended: bool,
}

impl Filtered {
    fn keep(&mut self, mut batch: RecordBatch) -> Result<()> {
        for filter in &mut self.filters {
            if let Some(mask) = filter.mask(&batch)?.filter(BooleanArray::has_false) {
                batch = filter_record_batch(&batch, &mask)?;
            }
        }
        // What leaves the most out comes first: the others have less to look at.
        if self.filters.iter().any(|filter| filter.batches == 0) {
            self.filters.sort_by(|a, b| a.share.total_cmp(&b.share));
        }
        self.kept.push(batch)?;
        if self.kept.in_making() > self.held.size() {
            self.held.resize(self.kept.in_making());
        }
        Ok(())
    }
}

impl Stream for Filtered {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(batch) = self.kept.next() {
                return self.baseline.record_poll(Poll::Ready(Some(Ok(batch))));
            }
            if self.ended {
                return self.baseline.record_poll(Poll::Ready(None));
            }
            let kept = match ready!(self.input.poll_next_unpin(cx)) {
                Some(Ok(batch)) => {
                    let timer = self.baseline.elapsed_compute().clone();
                    let _timer = timer.timer();
                    self.keep(batch)
                }
                Some(Err(error)) => Err(error),
                None => {
                    self.ended = true;
                    self.kept.finish().map_err(Into::into)
                }
            };
            if let Err(error) = kept {
                return Poll::Ready(Some(Err(error)));
            }
        }
    }
}

impl RecordBatchStream for Filtered {
    fn schema(&self) -> SchemaRef {
        self.input.schema()
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{ArrayRef, Int64Array};
    use datafusion::datasource::memory::MemorySourceConfig;
    use datafusion::logical_expr::Operator;
    use datafusion::physical_expr::expressions::{BinaryExpr, col, lit};
    use futures::TryStreamExt;

    use super::*;

    /// Of 20 batches with the numbers below 100 each, how many rows come through, where the join lets those below
    /// `bound` pass.
    async fn kept(bound: Option<i64>) -> usize {
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..100));
        let batch = RecordBatch::try_from_iter([("n", numbers)]).unwrap();
        let scan = MemorySourceConfig::try_new_exec(&[vec![batch.clone(); 20]], batch.schema(), None).unwrap();
        let column = col("n", &batch.schema()).unwrap();
        let filter = Arc::new(DynamicFilterPhysicalExpr::new(vec![Arc::clone(&column)], lit(true)));
        if let Some(bound) = bound {
            filter.update(Arc::new(BinaryExpr::new(column, Operator::Lt, lit(bound)))).unwrap();
        }
        let filtered = KeyFilterExec::new(scan, KeyFilter { filters: vec![filter] });
        let rows = filtered.execute(0, Arc::new(TaskContext::default())).unwrap();
        rows.try_fold(0, |sum, batch| async move { Ok(sum + batch.num_rows()) }).await.unwrap()
    }

    #[tokio::test]
    async fn a_filter_is_applied_where_it_leaves_much_out() {
        assert_eq!(kept(None).await, 2000);
        assert_eq!(kept(Some(10)).await, 200);
        assert_eq!(kept(Some(90)).await, 8 * 90 + 12 * 100, "tried on eight batches, and left alone then");
    }
}
