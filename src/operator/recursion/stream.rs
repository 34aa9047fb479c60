//! The way of rows through a recursive query: step after step.

use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::execution_plan::reset_plan_states;
use datafusion::physical_plan::metrics::BaselineMetrics;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;

use super::fresh::Fresh;
use super::seen::Seen;
use super::step::StepWriter;
use super::step_exec::StepTable;
use crate::operator::spill::{Loan, SpillFigures};

/// A recursive query that is about to run.
pub(super) struct Recursion {
    pub(super) name: String,
    pub(super) schema: SchemaRef,
    pub(super) is_distinct: bool,
    pub(super) recursive: Arc<dyn ExecutionPlan>,
    pub(super) table: StepTable,
    pub(super) figures: SpillFigures,
    pub(super) baseline: BaselineMetrics,
    pub(super) context: Arc<TaskContext>,
}

impl Recursion {
    /// The rows of the first term, and those of the recursive one until it has none.
    pub(super) fn stream(self, first: SendableRecordBatchStream) -> Result<SendableRecordBatchStream> {
        let loan = |what| Loan::new(&format!("{}[{what}]", self.name), &self.context, self.figures.peak.clone());
        let seen = match self.is_distinct {
            true => Some(Seen::new(Arc::clone(&self.schema), loan("seen"), &self.context, &self.figures)?),
            false => None,
        };
        let (step, schema) = (StepWriter::new(loan("step")), Arc::clone(&self.schema));
        let walk = Walk { recursion: self, rows: Some(Fresh::new(first, seen)), step };
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, futures::stream::try_unfold(walk, Walk::next))))
    }
}

/// Where it is.
struct Walk {
    recursion: Recursion,
    /// The rows of the term that runs; none after the last step.
    rows: Option<Fresh>,
    /// Those of them that are out.
    step: StepWriter,
}

impl Walk {
    async fn next(mut self) -> Result<Option<(RecordBatch, Self)>> {
        while let Some(rows) = &mut self.rows {
            match rows.next().await? {
                Some(batch) if batch.num_rows() > 0 => {
                    self.step.push(&batch, &self.recursion.context, &self.recursion.figures)?;
                    self.recursion.baseline.record_output(batch.num_rows());
                    return Ok(Some((batch, self)));
                }
                Some(_) => {}
                None => self.next_step()?,
            }
        }
        Ok(None)
    }

    fn next_step(&mut self) -> Result<()> {
        let recursion = &self.recursion;
        // What a LIMIT in the recursive term left of the step before.
        recursion.table.clear();
        let step = self.step.take();
        let Some(rows) = self.rows.take().filter(|_| step.rows > 0) else { return Ok(()) };
        recursion.table.put(step);
        let term = reset_plan_states(Arc::clone(&recursion.recursive))?;
        let input = term.execute(0, Arc::clone(&recursion.context))?;
        self.rows = Some(Fresh::new(input, rows.into_seen()));
        Ok(())
    }
}
