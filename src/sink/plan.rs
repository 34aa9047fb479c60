//! EXPLAIN's result: text of many lines, not a table.

use datafusion::arrow::array::Array;
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};

use super::Sink;
use super::output::Output;
use super::style::{Style, Tone};
use super::table::Table;
use crate::error::{Error, Result};

/// A table, but for the plans of an EXPLAIN, which are written out in full.
///
/// ```text
/// physical_plan
///   ProjectionExec: expr=[1 as one]
///     PlaceholderRowExec
/// ```
pub(super) struct TableOrPlan {
    output: Option<Output>,
    style: Style,
    chosen: Option<Box<dyn Sink>>,
}

impl TableOrPlan {
    pub(super) fn new(output: Output, style: Style) -> Self {
        Self { output: Some(output), style, chosen: None }
    }

    fn chosen(&mut self) -> Result<&mut Box<dyn Sink>> {
        self.chosen.as_mut().ok_or_else(|| Error::internal("a table was written to before it began"))
    }
}

impl Sink for TableOrPlan {
    fn begin(&mut self, schema: &SchemaRef) -> Result<()> {
        if let Some(output) = self.output.take() {
            let style = self.style.clone();
            self.chosen = Some(match is_plan(schema) {
                true => Box::new(Plan { output, style }),
                false => Box::new(Table::new(output, style)),
            });
        }
        self.chosen()?.begin(schema)
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.chosen()?.write(batch)
    }

    fn finish(&mut self) -> Result<()> {
        self.chosen()?.finish()
    }
}

/// The columns that the engine gives an EXPLAIN, and nothing else by chance.
fn is_plan(schema: &SchemaRef) -> bool {
    let columns: Vec<_> = schema.fields().iter().map(|field| (field.name().as_str(), field.data_type())).collect();
    columns == [("plan_type", &DataType::Utf8), ("plan", &DataType::Utf8)]
}

struct Plan {
    output: Output,
    style: Style,
}

impl Sink for Plan {
    fn begin(&mut self, _: &SchemaRef) -> Result<()> {
        Ok(())
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let options = FormatOptions::new();
        let formatters =
            batch.columns().iter().map(|column: &std::sync::Arc<dyn Array>| ArrayFormatter::try_new(column, &options));
        let formatters = formatters.collect::<Result<Vec<_>, _>>()?;
        let [name, plan] = formatters.as_slice() else { return Ok(()) };
        for row in 0..batch.num_rows() {
            self.output.line(&self.style.paint(Tone::Name, name.value(row).to_string()))?;
            for line in plan.value(row).to_string().lines() {
                self.output.line(&format!("  {line}"))?;
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        self.output.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Format, table::tests::printed};

    #[tokio::test]
    async fn plans_are_text() {
        let shown = printed(Format::Table, "EXPLAIN FORMAT indent SELECT 1 AS one").await;
        insta::assert_snapshot!(shown, @r"
        logical_plan
          Projection: Int64(1) AS one
            EmptyRelation: rows=1
        physical_plan
          ProjectionExec: expr=[1 as one]
            PlaceholderRowExec
        ");
    }
}
