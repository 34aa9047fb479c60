//! Aggregates of all rows of the partition so far.

use std::mem;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::common::Result;
use datafusion::logical_expr::{Accumulator, WindowFrameBound, WindowFrameUnits};
use datafusion::physical_expr::window::{PlainAggregateWindowExpr, WindowExpr};

use super::parts::Parts;
use super::values::{Found, Function, Values};

/// One aggregate whose frame begins with the partition and ends with the row, or its peers.
pub(super) struct Total {
    function: Arc<dyn WindowExpr>,
    /// Whether peers have a value in common.
    by_peers: bool,
    accumulator: Box<dyn Accumulator>,
    /// Rows of the last peers, whose value is not known before others come.
    pending: usize,
    found: Found,
}

impl Total {
    /// None for any other function.
    pub(super) fn new(function: &Arc<dyn WindowExpr>) -> Result<Option<Self>> {
        let frame = function.get_window_frame();
        let to_row = matches!(frame.end_bound, WindowFrameBound::CurrentRow) && frame.start_bound.is_unbounded();
        let aggregate = function.as_any().downcast_ref::<PlainAggregateWindowExpr>().filter(|_| to_row);
        let Some(aggregate) = aggregate else { return Ok(None) };
        Ok(Some(Self {
            accumulator: aggregate.get_aggregate_expr().create_accumulator()?,
            function: Arc::clone(function),
            by_peers: frame.units != WindowFrameUnits::Rows,
            pending: 0,
            found: Found::default(),
        }))
    }

    /// All rows so far have their values.
    fn settle(&mut self, values: &mut Values) -> Result<()> {
        match mem::take(&mut self.pending) {
            0 => Ok(()),
            rows => self.found.push(self.accumulator.evaluate()?, rows, values),
        }
    }

    fn add(&mut self, arguments: &[ArrayRef], rows: Range<usize>) -> Result<()> {
        self.pending += rows.len();
        let arguments: Vec<_> = arguments.iter().map(|values| values.slice(rows.start, rows.len())).collect();
        self.accumulator.update_batch(&arguments)
    }

    fn restart(&mut self) -> Result<()> {
        if let Some(aggregate) = self.function.as_any().downcast_ref::<PlainAggregateWindowExpr>() {
            self.accumulator = aggregate.get_aggregate_expr().create_accumulator()?;
        }
        Ok(())
    }
}

#[async_trait]
impl Function for Total {
    async fn push(&mut self, parts: &Parts, values: &mut [Values]) -> Result<()> {
        let arguments = self.function.evaluate_args(&parts.batch)?;
        for part in &parts.peers {
            if part.starts_peers {
                self.settle(&mut values[0])?;
            }
            if part.starts_partition {
                self.restart()?;
            }
            match self.by_peers {
                true => self.add(&arguments, part.rows.clone())?,
                false => {
                    for row in part.rows.clone() {
                        self.add(&arguments, row..row + 1)?;
                        self.settle(&mut values[0])?;
                    }
                }
            }
        }
        self.found.out(&mut values[0])
    }

    async fn finish(&mut self, values: &mut [Values]) -> Result<()> {
        self.settle(&mut values[0])?;
        self.found.out(&mut values[0])
    }

    /// With what a table or a list of values takes while it grows.
    fn bytes(&self) -> usize {
        2 * self.accumulator.size()
    }
}
