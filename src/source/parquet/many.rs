//! A scan of very many files.

use std::any::Any;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::stats::Statistics;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfig, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::{DataSource, DataSourceExec, OpenArgs};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::SchedulingType;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayFormatType, ExecutionPlan, Partitioning};
use futures::TryStreamExt;

use super::totals::Totals;
use super::turns::Turns;
use super::twin::twin;
use crate::operator::ColumnGroups;

/// So many files are read by one scan of the engine.
const AT_A_TIME: usize = 256;

/// A scan of Parquet files, some hundreds at a time.
///
/// The engine counts 38 figures for each file it reads, and keeps them as long as the plan: with them, and with what was
/// kept of each file, a sum over 20,000 files took 399 MB, and takes 120. Here the files of a turn have a scan of their
/// own, whose figures are added up when it is through.
///
/// ```text
/// partition 0   files 0..256 │ 256..512 │ …          each a scan, one after the other
/// partition 1   files 0..256 │ …                     its last turns are taken by who has none left
///                       figures ─► Totals
/// ```
#[derive(Debug)]
pub(crate) struct ManyFiles {
    scan: Arc<Scan>,
}

#[derive(Debug)]
pub(super) struct Scan {
    /// The scan of all files, as it was planned.
    config: FileScanConfig,
    /// The same of no files.
    of_none: FileScanConfig,
    totals: Totals,
}

impl ManyFiles {
    /// The scan by turns; none where it has few files, or files of another format.
    pub(crate) fn new(config: &FileScanConfig) -> Option<Self> {
        let files: usize = config.file_groups.iter().map(FileGroup::len).sum();
        if files <= 2 * AT_A_TIME || config.file_source().downcast_ref::<ParquetSource>().is_none() {
            return None;
        }
        let config = if is_fixed(config) { config.clone() } else { reordered(config) };
        let of_none = FileScanConfigBuilder::from(config.clone()).with_file_groups(Vec::new()).build();
        Some(Self { scan: Arc::new(Scan { config, of_none, totals: Totals::default() }) })
    }

    fn turns(&self, shared: bool) -> Turns {
        Turns::new(self.scan.config.file_groups.iter().map(FileGroup::len), AT_A_TIME, shared)
    }
}

impl Scan {
    /// The rows of some files of a group, at most `limit`, and where the figures about them are.
    fn open(
        &self,
        (group, files): (usize, Range<usize>),
        limit: Option<usize>,
        context: Arc<TaskContext>,
    ) -> Result<(SendableRecordBatchStream, ExecutionPlanMetricsSet)> {
        let files = self.config.file_groups[group].files()[files].to_vec();
        let source = self.config.file_source();
        let source = twin(source, source.projection(), source.filter())?;
        let metrics = source.metrics().clone();
        let of_some = FileScanConfigBuilder::from(self.of_none.clone())
            .with_source(source)
            .with_file_groups(vec![FileGroup::new(files)])
            .with_limit(limit)
            .build();
        Ok((of_some.open(0, context)?, metrics))
    }
}

/// Whether it matters to which partition a row goes, or after which other.
fn is_fixed(config: &FileScanConfig) -> bool {
    config.preserve_order || config.output_partitioning.is_some()
}

/// The scan with the files first that may have the first rows of an order that is wanted.
fn reordered(config: &FileScanConfig) -> FileScanConfig {
    let source = config.file_source();
    let groups = config.file_groups.iter();
    let groups = groups.map(|group| FileGroup::new(source.reorder_files(group.files().to_vec()))).collect();
    FileScanConfigBuilder::from(config.clone()).with_file_groups(groups).build()
}

/// What a plan node scans, where it scans files.
pub(crate) fn file_scan(node: &dyn ExecutionPlan) -> Option<&FileScanConfig> {
    let source = node.downcast_ref::<DataSourceExec>()?.data_source();
    let many = source.downcast_ref::<ManyFiles>().map(|many| &many.scan.config);
    let many = many.or_else(|| source.downcast_ref::<ColumnGroups>().map(ColumnGroups::config));
    many.or_else(|| source.downcast_ref::<FileScanConfig>())
}

/// What a partition reads.
struct Reading {
    scan: Arc<Scan>,
    turns: Arc<Turns>,
    partition: usize,
    context: Arc<TaskContext>,
    /// How many rows are wanted yet.
    left: Option<usize>,
    turn: Option<(SendableRecordBatchStream, ExecutionPlanMetricsSet)>,
}

impl Reading {
    async fn next(mut self) -> Result<Option<(RecordBatch, Self)>> {
        while self.left != Some(0) {
            if self.turn.is_none() {
                let Some(files) = self.turns.next(self.partition) else { break };
                self.turn = Some(self.scan.open(files, self.left, Arc::clone(&self.context))?);
            }
            let Some((rows, _)) = &mut self.turn else { continue };
            if let Some(batch) = rows.try_next().await? {
                self.left = self.left.map(|left| left.saturating_sub(batch.num_rows()));
                return Ok(Some((batch, self)));
            }
            self.end_turn();
        }
        Ok(None)
    }

    fn end_turn(&mut self) {
        if let Some((rows, metrics)) = self.turn.take() {
            // Some figures are told when it is gone.
            drop(rows);
            self.scan.totals.add(&metrics, self.partition);
        }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.end_turn();
    }
}

impl DataSource for ManyFiles {
    fn open(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        self.open_with_args(OpenArgs::new(partition, context))
    }

    fn open_with_args(&self, args: OpenArgs) -> Result<SendableRecordBatchStream> {
        let shared = args.sibling_state.and_then(|state| state.downcast::<Turns>().ok());
        let reading = Reading {
            scan: Arc::clone(&self.scan),
            turns: shared.unwrap_or_else(|| Arc::new(self.turns(false))),
            partition: args.partition,
            context: args.context,
            left: self.scan.config.limit,
            turn: None,
        };
        let schema = self.scan.config.projected_schema()?;
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, futures::stream::try_unfold(reading, Reading::next))))
    }

    /// As the engine decides it: files go to another partition where neither the order nor the partition of rows matters.
    fn create_sibling_state(&self, options: &ConfigOptions) -> Option<Arc<dyn Any + Send + Sync>> {
        let shared = !is_fixed(&self.scan.config) && options.execution.enable_file_stream_work_stealing;
        shared.then(|| Arc::new(self.turns(true)) as _)
    }

    fn fmt_as(&self, t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.scan.config.fmt_as(t, f)
    }

    fn output_partitioning(&self) -> Partitioning {
        self.scan.config.output_partitioning()
    }

    fn eq_properties(&self) -> EquivalenceProperties {
        self.scan.config.eq_properties()
    }

    fn scheduling_type(&self) -> SchedulingType {
        self.scan.config.scheduling_type()
    }

    fn partition_statistics(&self, partition: Option<usize>) -> Result<Arc<Statistics>> {
        self.scan.config.partition_statistics(partition)
    }

    fn with_fetch(&self, limit: Option<usize>) -> Option<Arc<dyn DataSource>> {
        let limited = FileScanConfigBuilder::from(self.scan.config.clone()).with_limit(limit).build();
        Some(Arc::new(Self::new(&limited)?))
    }

    fn fetch(&self) -> Option<usize> {
        self.scan.config.fetch()
    }

    fn metrics(&self) -> ExecutionPlanMetricsSet {
        self.scan.totals.metrics()
    }

    /// The rule that makes it comes after those that ask.
    fn try_swapping_with_projection(&self, _: &ProjectionExprs) -> Result<Option<Arc<dyn DataSource>>> {
        Ok(None)
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.scan.config.apply_expressions(f)
    }
}
