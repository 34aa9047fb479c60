//! The rule that computes volatile keys of sorts and windows once.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Column, Result};
use datafusion::logical_expr::expr::Sort as SortExpr;
use datafusion::logical_expr::{Expr, LogicalPlan, Projection, Sort, Window};
use datafusion::optimizer::AnalyzerRule;

use super::expressions::map_expressions;

/// Computes what sorts and windows go by, where it is another with every look, once a row and below them.
///
/// ```text
/// Sort: random()        →   Projection: a
///   TableScan: t [a]          Sort: key 0
///                               Projection: a, random() AS key 0
///                                 TableScan: t [a]
/// ```
///
/// The engine computes the keys in the sort and again in the merge of its partitions, which then compares what was
/// never sorted.
#[derive(Debug)]
pub(crate) struct VolatileKeys;

impl AnalyzerRule for VolatileKeys {
    fn name(&self) -> &str {
        "volatile_keys"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(|plan| match plan {
            LogicalPlan::Sort(sort) if sort.expr.iter().any(|key| key.expr.is_volatile()) => sorted(sort),
            LogicalPlan::Window(window) if window.window_expr.iter().any(has_volatile_part) => windowed(window),
            plan => Ok(Transformed::no(plan)),
        })
        .data()
    }
}

fn has_volatile_part(window: &Expr) -> bool {
    let mut found = false;
    // Never fails: it only looks.
    let _ = window.clone().unalias().map_children(|part| {
        found |= part.is_volatile();
        Ok(Transformed::no(part))
    });
    found
}

fn sorted(sort: Sort) -> Result<Transformed<LogicalPlan>> {
    let columns = columns_of(&sort.input);
    let mut keys = Keys::default();
    let expr = sort.expr.into_iter().map(|key| SortExpr { expr: keys.column(key.expr), ..key }).collect();
    let input = keys.below(sort.input)?;
    let plan = LogicalPlan::Sort(Sort { expr, input: Arc::new(input), fetch: sort.fetch });
    Ok(Transformed::yes(LogicalPlan::Projection(Projection::try_new(columns, Arc::new(plan))?)))
}

fn windowed(window: Window) -> Result<Transformed<LogicalPlan>> {
    let input = Arc::clone(&window.input);
    let mut keys = Keys::default();
    let plan = map_expressions(LogicalPlan::Window(window), |expr| {
        let (alias, inner) = match expr {
            Expr::Alias(alias) => (Some(alias.name.clone()), *alias.expr),
            expr => (None, expr),
        };
        let inner = inner.map_children(|part| Ok(Transformed::yes(keys.column(part))))?.data;
        Ok(Transformed::yes(match alias {
            Some(alias) => inner.alias(alias),
            None => inner,
        }))
    })?;
    let LogicalPlan::Window(window) = plan.data else { return Ok(plan) };
    let mut columns = columns_of(&input);
    let made = LogicalPlan::Window(Window::try_new(window.window_expr, Arc::new(keys.below(input)?))?);
    let behind = made.schema().columns().into_iter().skip(columns.len() + keys.0.len());
    columns.extend(behind.map(Expr::Column));
    Ok(Transformed::yes(LogicalPlan::Projection(Projection::try_new(columns, Arc::new(made))?)))
}

fn columns_of(plan: &LogicalPlan) -> Vec<Expr> {
    plan.schema().columns().into_iter().map(Expr::Column).collect()
}

/// Expressions that are computed below, each a column.
#[derive(Default)]
struct Keys(Vec<Expr>);

impl Keys {
    /// The column of a volatile expression; any other as it is.
    fn column(&mut self, expr: Expr) -> Expr {
        if !expr.is_volatile() || matches!(expr, Expr::Column(_)) {
            return expr;
        }
        let name = format!("partita key {}", self.0.len());
        self.0.push(expr.alias(name.as_str()));
        Expr::Column(Column::new_unqualified(name))
    }

    /// The input with those columns behind its own.
    fn below(&self, input: Arc<LogicalPlan>) -> Result<LogicalPlan> {
        let columns = columns_of(&input).into_iter().chain(self.0.iter().cloned());
        Ok(LogicalPlan::Projection(Projection::try_new(columns.collect(), input)?))
    }
}
