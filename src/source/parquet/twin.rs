//! Sources that read the same files for themselves.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::datasource::physical_plan::{FileSource, ParquetSource};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::projection::ProjectionExprs;

/// A Parquet source that reads in the same way, counts for itself, gives the columns of `projection`, and leaves out what
/// `predicate` tells. In which order row groups come nearest to the first rows of an order is not to be asked of the other.
pub(crate) fn twin(
    source: &Arc<dyn FileSource>,
    projection: Option<&ProjectionExprs>,
    predicate: Option<Arc<dyn PhysicalExpr>>,
) -> Result<Arc<dyn FileSource>> {
    let Some(parquet) = source.downcast_ref::<ParquetSource>() else { return Ok(Arc::clone(source)) };
    let options = parquet.table_parquet_options().clone();
    let hint = options.global.metadata_size_hint;
    let mut twin = ParquetSource::new(source.table_schema().clone()).with_table_parquet_options(options);
    if let Some(hint) = hint {
        twin = twin.with_metadata_size_hint(hint);
    }
    if let Some(readers) = parquet.parquet_file_reader_factory() {
        twin = twin.with_parquet_file_reader_factory(Arc::clone(readers));
    }
    if let Some(predicate) = predicate {
        twin = twin.with_predicate(predicate);
    }
    let projected = projection.map(|projection| twin.try_pushdown_projection(projection)).transpose()?;
    Ok(projected.flatten().unwrap_or_else(|| Arc::new(twin)))
}
