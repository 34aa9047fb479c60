//! Runs every file of `tests/sqllogictest/` twice: with the default limit, and at the smallest limit there is.
//!
//! `PARTITA_SLT=joins cargo test --test sqllogictest` runs the files whose path contains `joins`.
//! `PARTITA_SLT_UPDATE=1` writes what came out into the files instead of comparing: read the difference before it is
//! committed, and reason or ask another engine whether it is right.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::logical_expr::LogicalPlan;
use partita::{Context, ContextBuilder, Error, MemoryLimit};
use sqllogictest::{AsyncDB, DBOutput, DefaultColumnType, MakeConnection, Record, Runner, StatementExpect};

/// The smallest limit first: the budget counts the resident size of the whole process, and the default limit lets that
/// grow past 128 MB.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_file_at_both_limits() {
    if !updating() {
        every_file(Context::builder().threads(4).memory_limit(MemoryLimit::smallest())).await;
    }
    every_file(Context::builder().threads(2)).await;
}

/// A gap that has been closed belongs among the other files, where it stays closed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn known_gaps_are_still_gaps() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sqllogictest/known_gaps.txt");
    let mut runner = runner(Context::builder().threads(2).build().unwrap());
    let mut closed = Vec::new();
    for record in sqllogictest::parse_file(file).unwrap() {
        let setup = matches!(record, Record::Statement { expected: StatementExpect::Ok, .. });
        let gap = matches!(record, Record::Statement { .. } | Record::Query { .. }) && !setup;
        let text = record.to_string();
        match runner.run_async(record).await {
            Ok(_) if gap => closed.push(text),
            Err(failure) if setup => panic!("{}", failure.display(false)),
            _ => {}
        }
    }
    assert!(closed.is_empty(), "these work now: move them to the other files\n\n{}", closed.join("\n\n"));
}

/// Runs each file on a context of its own, and tells of all that failed.
async fn every_file(builder: ContextBuilder) {
    let files = files();
    assert!(!files.is_empty(), "no file was chosen");
    let mut failures = Vec::new();
    for file in &files {
        if let Err(failure) = run(file, &builder).await {
            failures.push(failure);
        }
    }
    assert!(failures.is_empty(), "{} of {} files failed\n\n{}", failures.len(), files.len(), failures.join("\n\n"));
}

async fn run(file: &Path, builder: &ContextBuilder) -> Result<(), String> {
    let context = builder.clone().build().map_err(|error| error.report())?;
    let mut runner = runner(context);
    if updating() {
        return update(&mut runner, file).await.map_err(|error| format!("{}: {error}", file.display()));
    }
    runner.run_file_async(file).await.map_err(|error| error.display(false).to_string())
}

/// A runner whose connections all lead to one context.
fn runner(context: Context) -> Runner<Engine, impl MakeConnection<Conn = Engine>> {
    let mut runner = Runner::new(move || {
        let context = context.clone();
        async move { Ok(Engine { context }) }
    });
    runner.with_column_validator(sqllogictest::strict_column_validator);
    runner
}

async fn update<M>(runner: &mut Runner<Engine, M>, file: &Path) -> Result<(), Box<dyn std::error::Error>>
where
    M: MakeConnection<Conn = Engine>,
{
    use sqllogictest::{default_normalizer, default_validator, strict_column_validator};
    runner.update_test_file(file, " ", default_validator, default_normalizer, strict_column_validator).await
}

fn updating() -> bool {
    std::env::var_os("PARTITA_SLT_UPDATE").is_some()
}

/// All `.slt` files, in the order of their names, that the filter lets through.
fn files() -> Vec<PathBuf> {
    let wanted = std::env::var("PARTITA_SLT").unwrap_or_default();
    let all = glob::glob(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sqllogictest/**/*.slt")).unwrap();
    all.map(|file| file.unwrap()).filter(|file| file.to_string_lossy().contains(&wanted)).collect()
}

struct Engine {
    context: Context,
}

#[async_trait]
impl AsyncDB for Engine {
    type Error = Error;
    type ColumnType = DefaultColumnType;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, Error> {
        let frame = self.context.sql(sql).await?;
        let batches = frame.compute().await?;
        let schema = frame.schema();
        if let LogicalPlan::Dml(_) | LogicalPlan::Copy(_) = frame.logical_plan() {
            return Ok(DBOutput::StatementComplete(affected(&batches)));
        }
        if schema.fields().is_empty() {
            return Ok(DBOutput::StatementComplete(0));
        }
        let types = schema.fields().iter().map(|field| column_type(field.data_type())).collect();
        let mut rows = Vec::new();
        for batch in &batches {
            rows.extend(rows_of(batch)?);
        }
        Ok(DBOutput::Rows { types, rows })
    }

    async fn shutdown(&mut self) {}

    fn engine_name(&self) -> &str {
        "partita"
    }
}

/// The count that INSERT and COPY answer with.
fn affected(batches: &[RecordBatch]) -> u64 {
    use datafusion::arrow::array::{AsArray, types::UInt64Type};
    let counts = batches.iter().filter_map(|batch| batch.columns().first()?.as_primitive_opt::<UInt64Type>());
    counts.flat_map(|counts| counts.iter().flatten()).sum()
}

fn column_type(data_type: &DataType) -> DefaultColumnType {
    match data_type {
        _ if data_type.is_integer() => DefaultColumnType::Integer,
        _ if data_type.is_floating() => DefaultColumnType::FloatingPoint,
        DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..) | DataType::Decimal256(..) => {
            DefaultColumnType::FloatingPoint
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => DefaultColumnType::Text,
        DataType::Dictionary(_, values) => column_type(values),
        _ => DefaultColumnType::Any,
    }
}

/// The cells of a batch as text: NULL is `NULL`, text of no characters is `(empty)`.
fn rows_of(batch: &RecordBatch) -> Result<Vec<Vec<String>>, Error> {
    let options = FormatOptions::new().with_null("NULL");
    let columns = batch.columns().iter();
    let formatters = columns.map(|column| ArrayFormatter::try_new(column, &options)).collect::<Result<Vec<_>, _>>()?;
    let cell = |formatter: &ArrayFormatter, row| match formatter.value(row).to_string() {
        text if text.is_empty() => "(empty)".to_string(),
        text => text.replace('\n', "\\n"),
    };
    Ok((0..batch.num_rows()).map(|row| formatters.iter().map(|column| cell(column, row)).collect()).collect())
}
