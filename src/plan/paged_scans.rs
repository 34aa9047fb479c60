//! The rule that reads wide row groups of Parquet files, and ranges of Arrow files, by pieces.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::datasource::listing::{FileRange, PartitionedFile};
use datafusion::datasource::physical_plan::parquet::{ParquetAccessPlan, RowGroupAccess};
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfig, FileScanConfigBuilder};
use datafusion::datasource::source::DataSourceExec;
use datafusion::parquet::arrow::arrow_reader::{RowSelection, RowSelector};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;

use crate::source::{WideFile, file_scan};

/// A range of an Arrow file has so many bytes at least, and so many there are at most.
const ARROW_RANGE: u64 = 4 << 20;
const ARROW_RANGES: u64 = 4096;

/// Makes several files to the engine of one whose row groups are wide, each with a part of the rows of a row group, and
/// deals them out evenly where their order does not matter.
///
/// ```text
/// DataSourceExec: a.parquet:0..900 MB │ a.parquet:900..1800 MB, one row group
/// →
/// DataSourceExec: rows 0..20 000, rows 20 000..40 000, … │ rows 500 000..520 000, …
/// ```
///
/// It comes after the engine has split files by ranges of bytes, which know nothing of rows. Of Arrow files it reads all
/// batches of a range before it decodes the first one: those ranges become small ones.
#[derive(Debug)]
pub(crate) struct PagedScans;

impl PhysicalOptimizerRule for PagedScans {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _options: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            let Some(config) = file_scan(node.as_ref()).filter(|config| has_pieces(config)) else {
                return Ok(Transformed::no(node));
            };
            let groups = match in_ranges(config) {
                true => in_order(config, ranges),
                false if is_ordered(config) => in_order(config, pieces),
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

fn has_pieces(config: &FileScanConfig) -> bool {
    let mut files = config.file_groups.iter().flat_map(FileGroup::iter);
    in_ranges(config) || files.any(|file| file.extension::<WideFile>().is_some())
}

/// Dictionaries of Arrow files are read again for each range.
fn in_ranges(config: &FileScanConfig) -> bool {
    let source = config.file_source();
    let schema = source.table_schema().file_schema();
    let mut fields = schema.flattened_fields().into_iter();
    source.file_type() == "arrow" && !fields.any(|field| matches!(field.data_type(), DataType::Dictionary(..)))
}

/// Whether it matters to which partition a row goes, and after which other.
fn is_ordered(config: &FileScanConfig) -> bool {
    config.preserve_order || !config.output_ordering.is_empty() || config.output_partitioning.is_some()
}

fn in_order(config: &FileScanConfig, pieces: fn(&PartitionedFile) -> Vec<PartitionedFile>) -> Vec<FileGroup> {
    let groups = config.file_groups.iter();
    groups.map(|group| FileGroup::new(group.iter().flat_map(pieces).collect())).collect()
}

/// All pieces in as many groups as there were.
fn dealt_out(config: &FileScanConfig) -> Vec<FileGroup> {
    let pieces: Vec<_> = config.file_groups.iter().flat_map(FileGroup::iter).flat_map(pieces).collect();
    let (count, groups) = (pieces.len(), config.file_groups.len());
    let mut pieces = pieces.into_iter();
    let of_group = |group| pieces.by_ref().take(count * (group + 1) / groups - count * group / groups).collect();
    (0..groups).map(of_group).map(FileGroup::new).collect()
}

/// The file, or what is read of it at once, one after the other.
fn pieces(file: &PartitionedFile) -> Vec<PartitionedFile> {
    let Some(wide) = file.extension::<WideFile>() else { return vec![file.clone()] };
    let mut pieces = Vec::new();
    for (number, group) in wide.row_groups.iter().enumerate() {
        // As the engine chooses the row groups of a range.
        if file.range.as_ref().is_some_and(|range| !range.contains(group.offset)) {
            continue;
        }
        for first in (0..group.rows).step_by(group.rows_at_once) {
            let mut access = ParquetAccessPlan::new_none(wide.row_groups.len());
            access.set(number, access_to(first, group.rows_at_once.min(group.rows - first), group.rows));
            pieces.push(piece(file, access));
        }
    }
    pieces
}

/// Small ranges of an Arrow file; the list of its batches is read for each of them, so that they are not too many. Where
/// it has no range, it is read batch by batch.
fn ranges(file: &PartitionedFile) -> Vec<PartitionedFile> {
    let Some(FileRange { start, end }) = file.range else { return vec![file.clone()] };
    let bytes = ARROW_RANGE.max(file.object_meta.size / ARROW_RANGES);
    let starts = (start..end).step_by(usize::try_from(bytes).unwrap_or(usize::MAX));
    let range = |start: i64| FileRange { start, end: end.min(start.saturating_add_unsigned(bytes)) };
    starts.map(|start| PartitionedFile { range: Some(range(start)), ..file.clone() }).collect()
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
