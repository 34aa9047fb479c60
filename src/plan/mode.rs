//! `mode(value)`: the most frequent value that is not NULL, the smallest of several.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Int64Type};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};

use crate::error::Error;

/// Its name.
pub(super) const MODE: &str = "mode";

/// The function. Over groups it is planned as counts of values, by `distinct_aggregates`; it counts by itself as a
/// window function, and in grouping sets.
pub(crate) fn mode() -> AggregateUDF {
    AggregateUDF::new_from_impl(Mode { signature: Signature::any(1, Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Mode {
    signature: Signature,
}

impl AggregateUDFImpl for Mode {
    fn name(&self) -> &str {
        MODE
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        arguments.first().cloned().ok_or_else(|| Error::user("mode wants a value").into())
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Counts { data_type: args.return_field.data_type().clone(), counts: HashMap::new(), bytes: 0 }))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let list = |data_type, of| {
            let name = format_state_name(args.name, of);
            Arc::new(Field::new_list(name, Field::new_list_field(data_type, true), true))
        };
        let value = args.input_fields[0].data_type().clone();
        Ok(vec![list(value, "values"), list(DataType::Int64, "counts")])
    }
}

/// How often each value was seen.
#[derive(Debug)]
struct Counts {
    data_type: DataType,
    counts: HashMap<ScalarValue, i64>,
    /// What the values take.
    bytes: usize,
}

impl Counts {
    fn add(&mut self, value: ScalarValue, count: i64) {
        match self.counts.get_mut(&value) {
            Some(counted) => *counted += count,
            None => {
                self.bytes += value.size();
                // A value may be a view of a whole batch.
                self.counts.insert(value.compacted(), count);
            }
        }
    }
}

impl Accumulator for Counts {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let Some(values) = values.first() else { return Ok(()) };
        let nulls = values.logical_nulls();
        for row in (0..values.len()).filter(|row| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(*row))) {
            self.add(ScalarValue::try_from_array(values, row)?, 1);
        }
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let Some(values) = values.first() else { return Ok(()) };
        for row in 0..values.len() {
            let value = ScalarValue::try_from_array(values, row)?;
            if let Some(count) = self.counts.get_mut(&value) {
                *count -= 1;
                if *count == 0 {
                    self.bytes = self.bytes.saturating_sub(value.size());
                    self.counts.remove(&value);
                }
            }
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let before = |a: &ScalarValue, b: &ScalarValue| a.partial_cmp(b).is_some_and(|order| order.is_lt());
        let mut most: Option<(&ScalarValue, i64)> = None;
        for (value, count) in &self.counts {
            if most.is_none_or(|(other, of_other)| *count > of_other || (*count == of_other && before(value, other))) {
                most = Some((value, *count));
            }
        }
        most.map_or_else(|| ScalarValue::try_from(&self.data_type), |(value, _)| Ok(value.clone()))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.bytes + self.counts.capacity() * size_of::<(ScalarValue, i64)>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let (values, counts): (Vec<_>, Vec<_>) = self.counts.drain().unzip();
        self.bytes = 0;
        let counts = counts.into_iter().map(|count| ScalarValue::Int64(Some(count))).collect::<Vec<_>>();
        let list =
            |values: &[ScalarValue], data_type| ScalarValue::List(ScalarValue::new_list(values, data_type, true));
        Ok(vec![list(&values, &self.data_type), list(&counts, &DataType::Int64)])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let lists = states
            .first()
            .zip(states.get(1))
            .and_then(|(values, counts)| Some((values.as_list_opt::<i32>()?, counts.as_list_opt::<i32>()?)));
        let (values, counts) = lists.ok_or_else(|| Error::internal("the state of a mode is two lists"))?;
        for (values, counts) in values.iter().flatten().zip(counts.iter().flatten()) {
            for (row, count) in counts.as_primitive::<Int64Type>().values().iter().enumerate() {
                self.add(ScalarValue::try_from_array(&values, row)?, *count);
            }
        }
        Ok(())
    }
}
