//! The rule that makes an overflow of a sum an error.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, FieldRef, Int64Type, UInt64Type};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Expr, ExprSchemable, GroupsAccumulator, LogicalPlan, ReversedUDAF,
    SetMonotonicity, Signature, StatisticsArgs, WindowFunctionDefinition,
};
use datafusion::optimizer::AnalyzerRule;

use super::expressions::rewrite_expressions;
use super::sum_accumulator::{GroupSums, RunningSum};

/// Puts a sum that fails in the place of the engine's sum of BIGINTs, which wraps around.
///
/// ```text
/// before: Aggregate: sum(clicks)                 after: Aggregate: sum(clicks)      checked, of the same name
/// ```
///
/// It stands behind the coercion of types, which makes BIGINTs of all smaller whole numbers.
#[derive(Debug)]
pub(crate) struct CheckedSums;

impl AnalyzerRule for CheckedSums {
    fn name(&self) -> &str {
        "checked_sums"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        rewrite_expressions(plan, |mut expr, schema| {
            let changed = match &mut expr {
                Expr::AggregateFunction(call) => check(&mut call.func, &call.params.args, schema)?,
                Expr::WindowFunction(call) => match &mut call.fun {
                    WindowFunctionDefinition::AggregateUDF(sum) => check(sum, &call.params.args, schema)?,
                    WindowFunctionDefinition::WindowUDF(_) => false,
                },
                _ => false,
            };
            Ok(Transformed::new_transformed(expr, changed))
        })
    }
}

/// Exchanges the engine's sum of BIGINTs; whether it was one.
fn check(function: &mut Arc<AggregateUDF>, args: &[Expr], schema: &DFSchema) -> Result<bool> {
    let [arg] = args else { return Ok(false) };
    let engines = sum_udaf();
    if *function != engines || !matches!(arg.get_type(schema)?, DataType::Int64 | DataType::UInt64) {
        return Ok(false);
    }
    *function = Arc::new(AggregateUDF::new_from_impl(CheckedSum { engines }));
    Ok(true)
}

/// The sum of BIGINTs, signed or not. DISTINCT sums are the engine's, but for those over window frames that keep their
/// values in `operator::window`, which are sums of each value once.
#[derive(Debug, PartialEq, Eq, Hash)]
struct CheckedSum {
    engines: Arc<AggregateUDF>,
}

impl CheckedSum {
    fn running(args: &AccumulatorArgs<'_>) -> Box<dyn Accumulator> {
        match args.return_field.data_type() {
            DataType::UInt64 => Box::<RunningSum<UInt64Type>>::default(),
            _ => Box::<RunningSum<Int64Type>>::default(),
        }
    }
}

impl AggregateUDFImpl for CheckedSum {
    fn name(&self) -> &str {
        self.engines.name()
    }

    fn signature(&self) -> &Signature {
        self.engines.signature()
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        self.engines.return_type(arg_types)
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        if args.is_distinct { self.engines.accumulator(args) } else { Ok(Self::running(&args)) }
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        if args.is_distinct { self.engines.create_sliding_accumulator(args) } else { Ok(Self::running(&args)) }
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        !args.is_distinct
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(match args.return_field.data_type() {
            DataType::UInt64 => Box::<GroupSums<UInt64Type>>::default(),
            _ => Box::<GroupSums<Int64Type>>::default(),
        })
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        self.engines.state_fields(args)
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Identical
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn set_monotonicity(&self, data_type: &DataType) -> SetMonotonicity {
        self.engines.inner().set_monotonicity(data_type)
    }

    fn value_from_stats(&self, args: &StatisticsArgs<'_>) -> Option<ScalarValue> {
        self.engines.value_from_stats(args)
    }
}
