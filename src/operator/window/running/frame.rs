//! Functions of other frames, by the engine's own evaluation of them.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::window_state::PartitionBatchState;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr::window::{PartitionBatches, PartitionWindowAggStates, WindowEvalContext, WindowExpr};

use super::parts::{Part, Parts};
use super::values::{Function, Values};
use crate::operator::spill::compact;
use crate::operator::window::large::says;

/// So much of what has been pruned may be kept by views, in bytes.
const SLACK: usize = if cfg!(test) { 4 << 10 } else { 1 << 20 };

/// Functions that look at one partition after the other, and at a part of its rows at a time: their frame.
pub(super) struct Frames {
    functions: Vec<Arc<dyn WindowExpr>>,
    states: Vec<PartitionWindowAggStates>,
    /// The partition at hand, under a key that it has for itself.
    partition: PartitionBatches,
    schema: SchemaRef,
    /// What stands in the place of columns that no function looks at.
    unread: Vec<Option<ArrayRef>>,
    /// What the rows of the frame take.
    bytes: usize,
}

impl Frames {
    pub(super) fn new(functions: Vec<Arc<dyn WindowExpr>>, schema: SchemaRef) -> Result<Self> {
        let mut read = std::collections::HashSet::new();
        for function in &functions {
            let all = function.all_expressions();
            let expressions = all.args.iter().chain(&all.order_by_exprs);
            read.extend(expressions.flat_map(collect_columns).map(|column| column.index()));
        }
        // A FILTER is not told.
        let all = functions.iter().any(|function| says(function.as_ref(), "filter: Some("));
        let column = |(index, field): (usize, &Arc<datafusion::arrow::datatypes::Field>)| match all {
            false if !read.contains(&index) => ScalarValue::new_default(field.data_type()).ok(),
            _ => None,
        };
        let unread = schema.fields().iter().enumerate().map(column);
        let unread = unread.map(|value| value.map(|value| value.to_array()).transpose()).collect::<Result<_>>()?;
        let states = functions.iter().map(|_| PartitionWindowAggStates::default()).collect();
        Ok(Self { functions, states, partition: PartitionBatches::default(), schema, unread, bytes: 0 })
    }

    /// The batch with the columns that are looked at.
    fn read(&mut self, batch: &RecordBatch) -> Result<RecordBatch> {
        let rows = batch.num_rows();
        let mut columns = Vec::with_capacity(batch.num_columns());
        for (column, unread) in batch.columns().iter().zip(&mut self.unread) {
            columns.push(match unread {
                None => ArrayRef::clone(column),
                Some(value) => {
                    if value.len() < rows {
                        *value = ScalarValue::try_from_array(value, 0)?.to_array_of_size(rows)?;
                    }
                    value.slice(0, rows)
                }
            });
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?)
    }

    fn add(&mut self, batch: &RecordBatch, part: &Part) -> Result<()> {
        let rows = batch.slice(part.rows.start, part.rows.len());
        match self.partition.get_mut(&Vec::new()) {
            Some(partition) => partition.extend(&rows),
            None => {
                self.partition.insert(Vec::new(), PartitionBatchState::new_with_batch(rows));
                Ok(())
            }
        }
    }

    /// Finds the values that can be found, and forgets the rows that are no longer looked at.
    fn evaluate(&mut self, values: &mut [Values]) -> Result<()> {
        let key = Vec::new();
        let mut unused = usize::MAX;
        for ((function, states), values) in self.functions.iter().zip(&mut self.states).zip(values) {
            function.evaluate_stateful(&self.partition, states, &WindowEvalContext::default())?;
            let Some(window) = states.get_mut(&key) else { continue };
            let found = ArrayRef::clone(&window.state.out_col);
            window.state.out_col = found.slice(0, 0);
            values.push(found);
            unused = unused.min(window.state.window_frame_range.start).min(window.state.last_calculated_index);
        }
        let Some(partition) = self.partition.get_mut(&key) else { return Ok(()) };
        let rows = partition.record_batch.num_rows();
        let unused = unused.min(rows);
        if unused > 0 {
            partition.record_batch = compacted(partition.record_batch.slice(unused, rows - unused))?;
            let states = self.states.iter_mut().filter_map(|states| states.get_mut(&key));
            states.for_each(|window| window.state.prune_state(unused));
        }
        self.bytes = partition.record_batch.get_array_memory_size();
        Ok(())
    }

    fn end(&mut self, values: &mut [Values]) -> Result<()> {
        if let Some(partition) = self.partition.get_mut(&Vec::new()) {
            partition.is_end = true;
            self.evaluate(values)?;
        }
        self.partition.clear();
        self.states.iter_mut().for_each(|states| states.clear());
        self.bytes = 0;
        Ok(())
    }
}

impl Function for Frames {
    fn push(&mut self, parts: &Parts, values: &mut [Values]) -> Result<()> {
        let batch = self.read(&parts.batch)?;
        for part in &parts.partitions {
            if part.starts_partition {
                self.end(values)?;
            }
            self.add(&batch, part)?;
        }
        self.evaluate(values)
    }

    fn finish(&mut self, values: &mut [Values]) -> Result<()> {
        self.end(values)
    }

    fn bytes(&self) -> usize {
        self.bytes
    }
}

/// A slice of views goes on keeping what they no longer point at, batch after batch.
fn compacted(batch: RecordBatch) -> Result<RecordBatch> {
    if batch.get_array_memory_size() < SLACK {
        return Ok(batch);
    }
    let columns = batch.columns().iter().map(|column| compact(ArrayRef::clone(column)));
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(batch.schema(), columns.collect::<Result<_>>()?, &options)?)
}
