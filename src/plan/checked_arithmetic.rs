//! The rule that makes an overflow an error.

use std::sync::Arc;

use datafusion::arrow::compute::kernels::numeric::{add, mul, sub};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result, exec_err};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::interval_arithmetic::{Interval, apply_operator};
use datafusion::logical_expr::sort_properties::{ExprProperties, SortProperties};
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Expr, ExprSchemable, LogicalPlan, Operator, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility,
};
use datafusion::optimizer::AnalyzerRule;
use datafusion::physical_expr_common::datum::apply;
use datafusion::scalar::ScalarValue;

use super::expressions::rewrite_expressions;

/// Puts arithmetic that fails in the place of `+`, `-` and `*` of whole numbers, which the engine wraps around:
/// `SELECT quantity * price` answered a negative amount where the product has no room in its type.
///
/// ```text
/// before: Projection: quantity * price           after: Projection: checked_mul(quantity, price) AS quantity * price
/// ```
///
/// It stands behind the coercion of types, before constants are folded. Division is checked by the engine.
#[derive(Debug)]
pub(crate) struct CheckedArithmetic;

impl AnalyzerRule for CheckedArithmetic {
    fn name(&self) -> &str {
        "checked_arithmetic"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        rewrite_expressions(plan, checked)
    }
}

fn checked(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right })
            if is_checked(op) && is_whole(&left, schema)? && is_whole(&right, schema)? =>
        {
            Ok(Transformed::yes(call(op, vec![*left, *right])))
        }
        // The least number of a type has no opposite.
        Expr::Negative(inner) if !matches!(*inner, Expr::Literal(..)) && is_whole(&inner, schema)? => {
            let zero = Expr::Literal(ScalarValue::new_zero(&inner.get_type(schema)?)?, None);
            Ok(Transformed::yes(call(Operator::Minus, vec![zero, *inner])))
        }
        expr => Ok(Transformed::no(expr)),
    }
}

fn is_checked(op: Operator) -> bool {
    matches!(op, Operator::Plus | Operator::Minus | Operator::Multiply)
}

fn is_whole(expr: &Expr, schema: &DFSchema) -> Result<bool> {
    Ok(expr.get_type(schema)?.is_integer())
}

fn call(op: Operator, args: Vec<Expr>) -> Expr {
    let signature = Signature::any(2, Volatility::Immutable);
    let function = ScalarUDF::new_from_impl(CheckedOperation { op, signature });
    Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(function), args))
}

/// `+`, `-` or `*` of two whole numbers of one type, which fails where the result does not fit it.
#[derive(Debug, PartialEq, Eq, Hash)]
struct CheckedOperation {
    op: Operator,
    signature: Signature,
}

impl ScalarUDFImpl for CheckedOperation {
    fn name(&self) -> &str {
        match self.op {
            Operator::Plus => "checked_add",
            Operator::Minus => "checked_sub",
            _ => "checked_mul",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        Ok(arg_types[0].clone())
    }

    fn is_strict(&self) -> bool {
        true
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [left, right] = args.args.as_slice() else { return exec_err!("{} takes two numbers", self.name()) };
        match self.op {
            Operator::Plus => apply(left, right, add),
            Operator::Minus => apply(left, right, sub),
            _ => apply(left, right, mul),
        }
    }

    fn evaluate_bounds(&self, inputs: &[&Interval]) -> Result<Interval> {
        apply_operator(&self.op, inputs[0], inputs[1])
    }

    /// Unlike numbers that wrap around, those that cannot stay in order.
    fn output_ordering(&self, inputs: &[ExprProperties]) -> Result<SortProperties> {
        let [left, right] = [&inputs[0].sort_properties, &inputs[1].sort_properties];
        Ok(match self.op {
            Operator::Plus => left.add(right),
            Operator::Minus => left.sub(right),
            _ => SortProperties::Unordered,
        })
    }
}
