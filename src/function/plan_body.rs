//! The body of an SQL function as an expression of the engine.

use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::{DFSchema, DFSchemaRef, TableReference};
use datafusion::error::Result as EngineResult;
use datafusion::logical_expr::planner::{PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning};
use datafusion::logical_expr::{EmptyRelation, Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, lit, when};
use datafusion::physical_plan::PhysicalExpr;
use datafusion::scalar::ScalarValue;
use datafusion::sql::parser::Statement as EngineStatement;
use datafusion::sql::sqlparser::ast::{self, Query, SelectItem, SetExpr, TableFactor, Visit, Visitor};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;

use super::body::{BodyFunction, cast_to, subquery};
use super::definition::{FunctionDefinition, NullInput};
use super::overload::{Compute, Overload, Parameter};
use super::signature::Accepts;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::source;
use crate::sql::{self, Piece, Statement};

/// The relation that a body is planned over: its columns are the parameters.
const PARAMETERS: &str = "partita function parameters";

/// Makes a function of an expression over its parameters.
///
/// Errors: what planning finds; a call of the function itself; aggregates and windows over the parameters.
pub(super) async fn plan_body(
    definition: FunctionDefinition,
    parameters: Vec<Parameter>,
    returns: DataType,
    body: ast::Expr,
    piece: &Piece<'_>,
    context: &Context,
) -> Result<Overload> {
    refuse_recursion(&definition, &body)?;
    let schema = parameter_schema(&parameters);
    let relation = TableReference::bare(definition.name.as_str());
    let qualified = Arc::new(DFSchema::try_from_qualified_schema(relation.clone(), &schema)?);
    let planner = Arc::new(ParameterRelation(Arc::clone(&qualified)));
    let plan = plan(query(body)?, planner, piece, context).await?;
    let expression = expression(plan, &definition.name)?;
    let from = expression.get_type(&qualified)?;
    let expression = cast_to(expression, &from, &returns);
    let expression = match definition.null_input {
        NullInput::Called => expression,
        NullInput::Strict => strict(expression, &qualified, &returns)?,
    };
    let physical = if has_subquery(&expression) { None } else { Some(physical(&expression, &qualified, context)?) };
    let body = BodyFunction { relation, expression, physical, schema: Arc::new(schema) };
    Ok(Overload { definition, parameters, returns, compute: Compute::Body(Arc::new(body)) })
}

fn parameter_schema(parameters: &[Parameter]) -> Schema {
    let field = |parameter: &Parameter| {
        let data_type = match &parameter.accepts {
            Accepts::Type(data_type) => data_type.clone(),
            Accepts::Nested => DataType::Null,
        };
        Field::new(&parameter.name, data_type, true)
    };
    Schema::new(parameters.iter().map(field).collect::<Vec<_>>())
}

/// A body means what its names meant when it was made: a function that it calls has to be there before, so that only
/// a call of itself could go round in circles.
fn refuse_recursion(definition: &FunctionDefinition, body: &ast::Expr) -> Result<()> {
    struct Calls<'a>(&'a FunctionDefinition);
    impl Visitor for Calls<'_> {
        type Break = ();

        fn pre_visit_expr(&mut self, expr: &ast::Expr) -> ControlFlow<()> {
            let ast::Expr::Function(call) = expr else { return ControlFlow::Continue(()) };
            let [part] = call.name.0.as_slice() else { return ControlFlow::Continue(()) };
            let same = part.as_ident().is_some_and(|name| crate::sql::normal(name) == self.0.name);
            let most = self.0.parameters.len();
            let least = self.0.parameters.iter().filter(|parameter| parameter.default.is_none()).count();
            let given = match &call.args {
                ast::FunctionArguments::List(list) => list.args.len(),
                _ => 0,
            };
            if same && (least..=most).contains(&given) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
    }
    match body.visit(&mut Calls(definition)) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(Error::user(format!("function '{}' calls itself", definition.name))
            .with_hint("WITH RECURSIVE is the way to go on until something is reached")),
    }
}

/// `SELECT body FROM parameters`.
fn query(body: ast::Expr) -> Result<Box<Query>> {
    let text = format!("SELECT 1 FROM \"{PARAMETERS}\"");
    let query = Parser::new(&GenericDialect {}).try_with_sql(&text).and_then(|mut parser| parser.parse_query());
    let mut query = query.map_err(|error| Error::internal(error.to_string()))?;
    if let SetExpr::Select(select) = &mut *query.body {
        select.projection = vec![SelectItem::UnnamedExpr(body)];
    }
    Ok(query)
}

/// Plans a query that names a relation which only `planner` knows.
async fn plan(
    query: Box<Query>,
    planner: Arc<dyn RelationPlanner>,
    piece: &Piece<'_>,
    context: &Context,
) -> Result<LogicalPlan> {
    let query = EngineStatement::Statement(Box::new(ast::Statement::Query(query)));
    let mut statement = Statement::Engine(Box::new(query));
    sql::normalize(&mut statement, context).map_err(|error| error.at_if_none(piece.start()))?;
    context.parameters().bind(&mut statement)?;
    let Statement::Engine(mut statement) = statement else { return Err(Error::internal("the query is gone")) };
    let mut state = context.session().state();
    source::resolve(&mut statement, piece, &mut state).await.map_err(|error| error.at_if_none(piece.start()))?;
    state.register_relation_planner(planner)?;
    let plan = state.statement_to_plan(*statement).await;
    plan.map_err(|error| sql::diagnose(error, piece, &context.table_names()))
}

/// The one expression of the planned body, in which the bodies of other functions stand in their places.
fn expression(plan: LogicalPlan, name: &str) -> Result<Expr> {
    let plan = crate::plan::inline_bodies(plan)?;
    let LogicalPlan::Projection(projection) = plan else {
        return Err(Error::user(format!("the body of '{name}' is no expression")));
    };
    if !matches!(*projection.input, LogicalPlan::EmptyRelation(_)) {
        return Err(Error::user(format!("the body of '{name}' has an aggregate or a window over its parameters"))
            .with_hint("write it over a table: (SELECT max(column) FROM table)"));
    }
    let mut expressions = projection.expr;
    match (expressions.pop(), expressions.is_empty()) {
        (Some(expression), true) => Ok(expression.unalias()),
        _ => Err(Error::user(format!("the body of '{name}' is not one expression"))),
    }
}

/// NULL where a parameter is NULL.
fn strict(expression: Expr, schema: &DFSchema, returns: &DataType) -> Result<Expr> {
    let nulls = schema.columns().into_iter().map(|column| Expr::Column(column).is_null());
    let Some(any) = nulls.reduce(Expr::or) else { return Ok(expression) };
    Ok(when(any, lit(ScalarValue::try_from(returns)?)).otherwise(expression)?)
}

fn has_subquery(expression: &Expr) -> bool {
    use datafusion::common::tree_node::TreeNode;
    expression.exists(|expr| Ok(subquery(expr).is_some())).unwrap_or(true)
}

/// The expression as the engine computes it over columns.
fn physical(expression: &Expr, schema: &DFSchemaRef, context: &Context) -> Result<Arc<dyn PhysicalExpr>> {
    let input = LogicalPlan::EmptyRelation(EmptyRelation { produce_one_row: true, schema: Arc::clone(schema) });
    let plan = LogicalPlanBuilder::from(input).project([expression.clone().alias("body")])?.build()?;
    let state = context.session().state();
    let plan = state.analyzer().execute_and_check(plan, state.config_options(), |_, _| {})?;
    let mut expressions = plan.expressions();
    let expression = expressions.pop().ok_or_else(|| Error::internal("the body is gone"))?;
    Ok(state.create_physical_expr(expression.unalias(), schema)?)
}

/// Gives the planner the parameters as a relation.
#[derive(Debug)]
struct ParameterRelation(DFSchemaRef);

impl RelationPlanner for ParameterRelation {
    fn plan_relation(
        &self,
        relation: TableFactor,
        _: &mut dyn RelationPlannerContext,
    ) -> EngineResult<RelationPlanning> {
        match &relation {
            TableFactor::Table { name, .. } if name.to_string().trim_matches('"') == PARAMETERS => {
                let schema = Arc::clone(&self.0);
                let plan = LogicalPlan::EmptyRelation(EmptyRelation { produce_one_row: true, schema });
                Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, None))))
            }
            _ => Ok(RelationPlanning::Original(Box::new(relation))),
        }
    }
}
