//! DELETE and UPDATE on stored tables.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::catalog::TableProvider;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{
    DmlStatement, Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Projection, WriteOp,
};
use datafusion::physical_plan::PhysicalExpr;

use crate::error::Error;
use crate::source::{Change, ChangeTarget, StoredTable};

/// Compiles every DELETE and UPDATE of a stored table in the plan (EXPLAIN has it inside) before the optimizer sees it;
/// why is told at [`ChangeTarget`].
///
/// ```text
/// Dml: op=[Delete] table=[t]          Dml: op=[Delete] table=[t with its change]
///   Filter: t.a > 1              →      EmptyRelation
///     TableScan: t
/// ```
pub(super) fn compile_changes(plan: LogicalPlan, state: &SessionState) -> Result<LogicalPlan> {
    plan.transform_up(|node| match node {
        LogicalPlan::Dml(write) if matches!(write.op, WriteOp::Delete | WriteOp::Update) => {
            Ok(match compile(&write, state)? {
                Some(change) => Transformed::yes(LogicalPlan::Dml(change)),
                None => Transformed::no(LogicalPlan::Dml(write)),
            })
        }
        other => Ok(Transformed::no(other)),
    })
    .data()
}

/// The statement with its change compiled; none when its table is not a stored one.
fn compile(write: &DmlStatement, state: &SessionState) -> Result<Option<DmlStatement>> {
    let provider = source_as_provider(&write.target)?;
    let Some(table) = provider.downcast_ref::<StoredTable>() else { return Ok(None) };
    let change = match (&write.op, &*write.input) {
        (WriteOp::Update, LogicalPlan::Projection(Projection { expr, input, .. })) => {
            let rows = Rows::of(input, write)?;
            let schema = table.schema();
            let assigned = expr.iter().filter_map(|expr| assignment(expr));
            let value = |(name, value)| Ok((schema.index_of(name)?, rows.compile(value, state)?));
            Change::Update { predicate: rows.predicate(state)?, values: assigned.map(value).collect::<Result<_>>()? }
        }
        (WriteOp::Delete, rows) => Change::Delete { predicate: Rows::of(rows, write)?.predicate(state)? },
        _ => return Err(unsupported(&write.op)),
    };
    let target = provider_as_source(Arc::new(ChangeTarget { table: table.clone(), change }));
    let input = Arc::new(LogicalPlanBuilder::empty(false).build()?);
    Ok(Some(DmlStatement::new(write.table_name.clone(), target, write.op.clone(), input)))
}

/// The column and its new value, where the value is not the column itself.
fn assignment(expr: &Expr) -> Option<(&str, &Expr)> {
    match expr {
        Expr::Alias(alias) => match &*alias.expr {
            Expr::Column(column) if column.name == alias.name => None,
            value => Some((&alias.name, value)),
        },
        _ => None,
    }
}

/// The rows that a change is about: those of one table for which the predicate is true.
struct Rows<'a> {
    predicate: Option<&'a Expr>,
    schema: &'a DFSchema,
}

impl<'a> Rows<'a> {
    /// Of the plan `[Filter] → [SubqueryAlias] → TableScan`; anything else names other tables or a LIMIT.
    fn of(plan: &'a LogicalPlan, write: &DmlStatement) -> Result<Self> {
        let (predicate, table) = match plan {
            LogicalPlan::Filter(filter) => (Some(&filter.predicate), &*filter.input),
            table => (None, table),
        };
        let scan = match table {
            LogicalPlan::SubqueryAlias(alias) => &*alias.input,
            scan => scan,
        };
        match scan {
            LogicalPlan::TableScan(scan) if scan.projection.is_none() && scan.filters.is_empty() => {
                Ok(Self { predicate, schema: table.schema() })
            }
            _ => Err(unsupported(&write.op)),
        }
    }

    fn predicate(&self, state: &SessionState) -> Result<Option<Arc<dyn PhysicalExpr>>> {
        // `WHERE NULL` has no type of its own.
        let boolean = |predicate: &Expr| predicate.clone().cast_to(&DataType::Boolean, self.schema);
        self.predicate.map(|predicate| self.compile(&boolean(predicate)?, state)).transpose()
    }

    fn compile(&self, expr: &Expr, state: &SessionState) -> Result<Arc<dyn PhysicalExpr>> {
        let subquery = |expr: &Expr| {
            Ok(matches!(expr, Expr::Exists(_) | Expr::InSubquery(_) | Expr::ScalarSubquery(_) | Expr::SetComparison(_)))
        };
        if expr.exists(subquery)? {
            return Err(Error::user("DELETE and UPDATE know no subqueries")
                .with_hint("CREATE OR REPLACE TABLE t AS SELECT … FROM t … makes the table anew with any query")
                .into());
        }
        state.create_physical_expr(expr.clone(), self.schema)
    }
}

fn unsupported(op: &WriteOp) -> datafusion::common::DataFusionError {
    Error::user(format!("{} takes one table and a WHERE, no LIMIT, FROM or USING", op.name().to_uppercase()))
        .with_hint("CREATE OR REPLACE TABLE t AS SELECT … FROM t … makes the table anew with any query")
        .into()
}
