//! The dataframe calls, against the SQL that says the same and at their edges.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "frames/asof.rs"]
mod asof;
#[path = "frames/chains.rs"]
mod chains;
#[path = "frames/functions.rs"]
mod functions;
#[path = "frames/joins.rs"]
mod joins;
#[path = "frames/names.rs"]
mod names;
#[path = "frames/pairs.rs"]
mod pairs;
#[path = "frames/rows.rs"]
mod rows;
#[path = "frames/shapes.rs"]
mod shapes;

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use partita::prelude::*;

fn context() -> Context {
    Context::builder().threads(2).build().unwrap()
}

/// The rows as text, in the order they come: values between blanks, `-` for NULL.
async fn listed(frame: &Frame) -> Vec<String> {
    let options = FormatOptions::new().with_null("-");
    let mut rows = Vec::new();
    for batch in frame.compute().await.unwrap() {
        let columns: Vec<_> =
            batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options).unwrap()).collect();
        rows.extend(
            (0..batch.num_rows())
                .map(|row| columns.iter().map(|column| column.value(row).to_string()).collect::<Vec<_>>().join(" ")),
        );
    }
    rows
}

/// The rows as text in the order of the text.
async fn sorted(frame: &Frame) -> Vec<String> {
    let mut rows = listed(frame).await;
    rows.sort();
    rows
}

/// A frame of columns of whole numbers, in two partitions.
fn numbers<const N: usize>(ctx: &Context, columns: [(&str, Vec<Option<i64>>); N]) -> Frame {
    let columns = columns.map(|(name, values)| (name, Arc::new(Int64Array::from(values)) as ArrayRef, true));
    ctx.from_batches(vec![RecordBatch::try_from_iter_with_nullable(columns).unwrap()], 2).unwrap()
}

fn error(outcome: partita::Result<Frame>) -> String {
    outcome.unwrap_err().report()
}
