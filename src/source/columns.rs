//! The columns of a table's files: declared, or inferred from every file.

use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::datasource::file_format::arrow::ArrowFormatFactory;
use datafusion::datasource::file_format::avro::AvroFormatFactory;
use datafusion::datasource::file_format::parquet::ParquetFormatFactory;
use datafusion::datasource::file_format::{FileFormat, FileFormatFactory};
use datafusion::execution::SessionState;
use datafusion::execution::object_store::ObjectStoreUrl;
use futures::{StreamExt, TryStreamExt};

use crate::error::{Error, Result};
use crate::source::builder::sql_type;
use crate::source::format::Format;
use crate::source::location::{DataFile, Location};
use crate::source::options::{Options, unknown};
use crate::source::schema::{same, union};
use crate::source::{avro, csv, json};

/// The columns of a table's files and the engine's way to read them.
pub(crate) struct Columns {
    pub(crate) format: Arc<dyn FileFormat>,
    pub(crate) schema: SchemaRef,
}

/// Tells the columns of the files: declared, or inferred from all of them.
///
/// Errors: a file that is empty, cut short or of another format; columns that do not go together.
pub(crate) async fn columns(
    kind: Format,
    location: &Location,
    files: &[DataFile],
    options: &Options,
    state: &SessionState,
) -> Result<Columns> {
    let declared = declared(options, state)?;
    let filled: Vec<DataFile> = files.iter().filter(|file| file.meta.size > 0).cloned().collect();
    if filled.is_empty() && declared.is_none() {
        let what = if files.len() == 1 { "is an empty file" } else { "holds no file with any rows" };
        return Err(Error::data(format!("{location} {what}, so its columns cannot be told"))
            .with_hint("give the columns: columns => {'name': 'VARCHAR', …}"));
    }
    let Columns { format, schema } = match kind {
        Format::Csv | Format::Tsv => csv::columns(kind, filled, options, declared.as_ref(), state).await?,
        Format::Json => json::columns(filled, options, declared.as_ref(), state).await?,
        Format::Parquet => {
            engine_columns(&ParquetFormatFactory::new(), &filled, options, declared.as_ref(), state).await?
        }
        Format::Arrow => engine_columns(&ArrowFormatFactory::new(), &filled, options, declared.as_ref(), state).await?,
        Format::Avro => {
            check_avro(&filled).await?;
            engine_columns(&AvroFormatFactory::new(), &filled, options, declared.as_ref(), state).await?
        }
    };
    Ok(Columns { format, schema: retyped(&schema, &options.types, state)? })
}

/// Looks through the blocks of all files, on a thread of its own.
async fn check_avro(files: &[DataFile]) -> Result<()> {
    let files = files.to_vec();
    let checked = tokio::task::spawn_blocking(move || files.iter().try_for_each(|file| avro::check_whole(&file.path)));
    checked.await.map_err(|error| Error::internal(format!("checking files stopped: {error}")))?
}

/// The schema that was given, as Arrow or as SQL.
fn declared(options: &Options, state: &SessionState) -> Result<Option<SchemaRef>> {
    if options.columns.is_empty() {
        return Ok(options.schema.clone());
    }
    let field = |(name, sql): &(String, String)| Ok(Field::new(name, sql_type(sql, state)?, true));
    let fields = options.columns.iter().map(field).collect::<Result<Vec<_>>>()?;
    Ok(Some(Arc::new(Schema::new(fields))))
}

/// The schema with the types that were given for some of its columns.
fn retyped(schema: &SchemaRef, types: &[(String, String)], state: &SessionState) -> Result<SchemaRef> {
    let mut fields: Vec<Field> = schema.fields().iter().map(|field| field.as_ref().clone()).collect();
    for (name, sql) in types {
        let Some(field) = fields.iter_mut().find(|field| field.name() == name) else {
            return Err(Error::user(format!("a type is given for '{name}', which is no column of the files")));
        };
        *field = field.clone().with_data_type(sql_type(sql, state)?);
    }
    Ok(Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone())))
}

/// Asks the engine for a format that carries the options it knows.
///
/// Errors: an option that neither we nor the engine know.
pub(crate) fn engine_format(
    factory: &dyn FileFormatFactory,
    options: &Options,
    state: &SessionState,
) -> Result<Arc<dyn FileFormat>> {
    for name in options.engine.keys() {
        let one = options.engine.iter().filter(|(key, _)| *key == name);
        let one = one.map(|(key, value)| (key.clone(), value.clone())).collect();
        factory.create(state, &one).map_err(|error| unknown(name).with_source(error))?;
    }
    Ok(factory.create(state, &options.engine)?)
}

async fn engine_columns(
    factory: &dyn FileFormatFactory,
    files: &[DataFile],
    options: &Options,
    declared: Option<&SchemaRef>,
    state: &SessionState,
) -> Result<Columns> {
    let format = engine_format(factory, options, state)?;
    if let Some(schema) = declared {
        return Ok(Columns { format, schema: Arc::clone(schema) });
    }
    let schemas = inferred(format.as_ref(), files, state).await?;
    let schemas: Vec<_> = files.iter().map(|file| file.path.as_path()).zip(schemas).collect();
    let by_name = format.get_ext() == "parquet";
    let schema = if by_name { union(&schemas, false)? } else { same(&schemas)? };
    Ok(Columns { format, schema })
}

/// The schema of each file; errors name their file. Files of one schema share it: there may be many thousands.
pub(crate) async fn inferred(
    format: &dyn FileFormat,
    files: &[DataFile],
    state: &SessionState,
) -> Result<Vec<SchemaRef>> {
    let store = state.runtime_env().object_store(ObjectStoreUrl::local_filesystem())?;
    let ahead = state.config_options().execution.meta_fetch_concurrency.get();
    let (format, store) = (&format, &store);
    let schemas = futures::stream::iter(files.to_vec()).map(|file| async move {
        let schema = format.infer_schema(state, store, std::slice::from_ref(&file.meta)).await;
        schema.map_err(|error| unreadable(&file.path, format.get_ext().trim_start_matches('.'), error.into()))
    });
    let mut last: Option<SchemaRef> = None;
    let shared = schemas.buffered(ahead).map_ok(|schema| {
        let schema = last.take().filter(|last| *last == schema).unwrap_or(schema);
        Arc::clone(last.insert(schema))
    });
    shared.try_collect().await
}

/// A file that is not what its name says, or was cut short; an error that has a place already is left as it is.
fn unreadable(file: &Path, format: &str, cause: Error) -> Error {
    if cause.message().contains(&*file.file_name().unwrap_or_default().to_string_lossy()) {
        return cause;
    }
    Error::data(format!("'{}' cannot be read as {format}: {}", file.display(), cause.message()))
        .with_hint("the file may have been cut short, or be of another format than its name says")
        .with_source(cause)
}
