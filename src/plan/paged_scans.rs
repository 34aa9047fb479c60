//! The rule that reads wide row groups of Parquet files by pieces.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::{ParquetAccessPlan, RowGroupAccess};
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfig, FileScanConfigBuilder};
use datafusion::datasource::source::DataSourceExec;
use datafusion::parquet::arrow::arrow_reader::{RowSelection, RowSelector};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;

use crate::source::WideFile;

/// Makes several files to the engine of one whose row groups are wide, each with a part of the rows of a row group, and
/// deals them out evenly where their order does not matter.
///
/// ```text
/// DataSourceExec: a.parquet:0..900 MB │ a.parquet:900..1800 MB, one row group
/// →
/// DataSourceExec: rows 0..20 000, rows 20 000..40 000, … │ rows 500 000..520 000, …
/// ```
///
/// It comes after the engine has split files by ranges of bytes, which know nothing of rows.
#[derive(Debug)]
pub(crate) struct PagedScans;

impl PhysicalOptimizerRule for PagedScans {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _options: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            let scan = node.downcast_ref::<DataSourceExec>();
            let config = scan.and_then(|scan| scan.data_source().downcast_ref::<FileScanConfig>());
            let Some(config) = config.filter(|config| has_wide_files(config)) else { return Ok(Transformed::no(node)) };
            let groups = match is_ordered(config) {
                true => config.file_groups.iter().map(|group| FileGroup::new(pieces_of(group))).collect(),
                false => dealt_out(config),
            };
            let config = FileScanConfigBuilder::from(config.clone()).with_file_groups(groups).build();
            Ok(Transformed::yes(DataSourceExec::from_data_source(config) as _))
        })
        .data()
    }

    fn name(&self) -> &str {
        "paged_scans"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn has_wide_files(config: &FileScanConfig) -> bool {
    config.file_groups.iter().flat_map(FileGroup::iter).any(|file| file.extension::<WideFile>().is_some())
}

/// Whether it matters to which partition a row goes, and after which other.
fn is_ordered(config: &FileScanConfig) -> bool {
    config.preserve_order || !config.output_ordering.is_empty() || config.output_partitioning.is_some()
}

fn pieces_of(group: &FileGroup) -> Vec<PartitionedFile> {
    group.iter().flat_map(pieces).collect()
}

/// All pieces in as many groups as there were.
fn dealt_out(config: &FileScanConfig) -> Vec<FileGroup> {
    let pieces: Vec<_> = config.file_groups.iter().flat_map(pieces_of).collect();
    let (count, groups) = (pieces.len(), config.file_groups.len());
    let mut pieces = pieces.into_iter();
    let of_group = |group| pieces.by_ref().take(count * (group + 1) / groups - count * group / groups).collect();
    (0..groups).map(of_group).map(FileGroup::new).collect()
}

/// The file, or what is read of it at once, one after the other.
fn pieces(file: &PartitionedFile) -> Vec<PartitionedFile> {
    let Some(wide) = file.extension::<WideFile>() else { return vec![file.clone()] };
    let groups = wide.metadata().row_groups();
    let mut pieces = Vec::new();
    for (number, group) in groups.iter().enumerate() {
        let column = group.column(0);
        let offset = column.dictionary_page_offset().unwrap_or_else(|| column.data_page_offset());
        // As the engine chooses the row groups of a range.
        if file.range.as_ref().is_some_and(|range| !range.contains(offset)) {
            continue;
        }
        let rows = usize::try_from(group.num_rows()).unwrap_or(0);
        let at_once = wide.rows_at_once(number);
        for first in (0..rows).step_by(at_once) {
            let mut access = ParquetAccessPlan::new_none(groups.len());
            access.set(number, access_to(first, at_once.min(rows - first), rows));
            pieces.push(piece(file, access));
        }
    }
    pieces
}

fn access_to(first: usize, wanted: usize, rows: usize) -> RowGroupAccess {
    if wanted == rows {
        return RowGroupAccess::Scan;
    }
    let selectors = [RowSelector::skip(first), RowSelector::select(wanted), RowSelector::skip(rows - first - wanted)];
    let selectors = selectors.into_iter().filter(|selector| selector.row_count > 0);
    RowGroupAccess::Selection(RowSelection::from(selectors.collect::<Vec<_>>()))
}

/// Statistics and the range are those of the whole file.
fn piece(file: &PartitionedFile, access: ParquetAccessPlan) -> PartitionedFile {
    let mut piece = file.clone().with_extension(access);
    piece.range = None;
    piece.statistics = None;
    piece
}
