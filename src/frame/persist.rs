//! Frames whose rows are computed once.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::common::{Column, DFSchema, ScalarValue, TableReference};
use datafusion::datasource::provider_as_source;
use datafusion::execution::TaskContext;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};

use super::Frame;
use crate::error::Result;
use crate::source::PersistedTable;

/// The name of computed rows in plans.
pub(super) const NAME: &str = "persisted";

/// # Computed rows
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path().join("squares");
/// let ctx = partita::Context::builder().build()?;
/// let squares = ctx.sql("SELECT value, value * value AS square FROM generate_series(1, 1000)").await?;
/// let computed = squares.persist().await?;
/// assert_eq!(computed.count().await?, 1000); // nothing is squared again
///
/// let kept = squares.persist_to(&folder).await?;
/// assert_eq!(kept.count().await?, 1000);
/// let again = squares.persist_to(&folder).await?; // in this run or in another: nothing runs if nothing has changed
/// # assert_eq!(again.count().await?, 1000);
/// # Ok(()) }
/// ```
impl Frame {
    /// Runs the frame and gives a new one over its computed partitions, with the same columns and the same partitions.
    ///
    /// They are held in the budget while there is room, go to disk when others need it, and are read back from there
    /// without anyone noticing: frames far larger than the memory limit can be persisted. They are given back when the
    /// last frame over them is dropped.
    ///
    /// Errors: what goes wrong in the query; a spill folder that is full.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let squares = ctx.range(0..1000)?.with_column("square", col("value") * col("value"))?;
    /// let computed = squares.persist().await?;
    /// assert_eq!(computed.filter(col("square").lt(100))?.count().await?, 10); // nothing is squared again
    /// # Ok(()) }
    /// ```
    pub async fn persist(&self) -> Result<Frame> {
        let (_, names) = self.with_unique_names()?;
        self.over(self.stored(NAME).await?, &names)
    }

    /// Runs the frame and gives the table of its partitions, whose columns have unique names. The budget knows it by `name`.
    pub(crate) async fn stored(&self, name: &str) -> Result<Arc<dyn TableProvider>> {
        let (plan, names) = self.with_unique_names()?;
        let plan = Frame::new(self.context.clone(), plan).partitions().await?;
        let task = Arc::new(TaskContext::from(&self.context.session().state()));
        let memory = self.context.shared_memory();
        Ok(Arc::new(PersistedTable::of(memory, name, self.schema_of(&names), plan, task).await?))
    }

    /// The frame's own columns under other names.
    pub(super) fn schema_of(&self, names: &[String]) -> SchemaRef {
        let field = |(field, name): (&Arc<Field>, &String)| field.as_ref().clone().with_name(name);
        let fields: Vec<Field> = self.plan.schema().fields().iter().zip(names).map(field).collect();
        Arc::new(Schema::new_with_metadata(fields, self.plan.schema().metadata().clone()))
    }

    /// The frame's rows with columns of different names, and these names. `SELECT a.id, b.id` has two of one name.
    pub(super) fn with_unique_names(&self) -> Result<(LogicalPlan, Vec<String>)> {
        let schema = self.plan.schema();
        let names = unique_names(schema);
        if names.iter().eq(schema.fields().iter().map(|field| field.name())) {
            return Ok((self.plan.clone(), names));
        }
        let column = |((qualifier, field), name): (_, &String)| Expr::Column((qualifier, field).into()).alias(name);
        let columns: Vec<Expr> = schema.iter().zip(&names).map(column).collect();
        Ok((LogicalPlanBuilder::from(self.plan.clone()).project(columns)?.build()?, names))
    }

    /// A frame with this one's columns over a table that has them under `names`; those that it has not are NULL.
    pub(super) fn over(&self, table: Arc<dyn TableProvider>, names: &[String]) -> Result<Frame> {
        let schema = table.schema();
        let scan = LogicalPlanBuilder::scan(NAME, provider_as_source(table), None)?;
        let column = |((qualifier, field), name): ((Option<&TableReference>, &Arc<Field>), &String)| {
            let value = match schema.field_with_name(name) {
                Ok(_) => Expr::Column(Column::new(Some(NAME), name)),
                Err(_) => Expr::Literal(ScalarValue::try_new_null(field.data_type())?, None),
            };
            Ok(value.alias_qualified(qualifier.cloned(), field.name()))
        };
        let columns: Vec<Expr> = self.plan.schema().iter().zip(names).map(column).collect::<Result<_>>()?;
        Ok(Frame::new(self.context.clone(), scan.project(columns)?.build()?))
    }
}

/// The names of the columns; a second one of a name gets a number.
fn unique_names(schema: &DFSchema) -> Vec<String> {
    let mut taken: HashSet<String> = HashSet::new();
    let all: HashSet<&String> = schema.fields().iter().map(|field| field.name()).collect();
    let name = |field: &Arc<Field>| {
        let numbered = (2..).map(|number| format!("{}:{number}", field.name())).filter(|name| !all.contains(name));
        std::iter::once(field.name().clone())
            .chain(numbered)
            .find(|name| taken.insert(name.clone()))
            .unwrap_or_default()
    };
    schema.fields().iter().map(name).collect()
}
