//! The operator: the engine's aggregate, with another way to disk.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateOutputMode};

use super::shape::{Shape, quantile};
use super::stream::Aggregation;
use super::whole;
use crate::operator::stand_in::{Execution, StandIn};

/// An aggregate of the engine that goes through disk where the budget refuses its state: a final or single one with
/// groups, or any without groups that takes a quantile.
#[derive(Debug)]
pub(crate) struct Aggregate {
    engine: Arc<AggregateExec>,
    shape: Arc<Shape>,
}

/// Whether the function needs to see every value, and has a way to do so from disk.
pub(crate) fn keeps_every_value(function: &AggregateFunctionExpr) -> bool {
    quantile(function).is_some()
}

impl StandIn for Aggregate {
    type Engine = AggregateExec;

    const NAME: &'static str = "SpillingAggregateExec";
    const PREFIX: &'static str = "Spilling";

    fn of(engine: Arc<AggregateExec>) -> Result<Option<Self>> {
        let shape = Arc::new(Shape::new(&engine)?);
        Ok(Some(Self { engine, shape }))
    }

    fn engine(&self) -> &Arc<AggregateExec> {
        &self.engine
    }

    fn keeps_order(&self) -> bool {
        false
    }

    fn rows(&self, execution: Execution<'_>) -> Result<SendableRecordBatchStream> {
        let (input, task) = execution.begin()?;
        let aggregation = Aggregation {
            shape: Arc::clone(&self.shape),
            loan: task.loan(),
            context: task.context,
            figures: task.figures,
            baseline: task.baseline,
        };
        Ok(match self.engine.group_expr().is_true_no_grouping() {
            true => whole::stream(aggregation, input, self.engine.mode().output_mode() == AggregateOutputMode::Partial),
            false => aggregation.stream(input),
        })
    }
}
