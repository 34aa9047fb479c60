//! A scan of very many columns.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use datafusion::common::stats::Statistics;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfig, FileScanConfigBuilder};
use datafusion::datasource::source::DataSource;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::DynamicFilterPhysicalExpr;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr, conjunction, split_conjunction};
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayFormatType, Partitioning};
use futures::TryStreamExt;

use super::spill::{SpillFigures, Spool, batches_of};
use crate::error::Error;
use crate::source::{Totals, WideFile, twin};

/// A scan of Parquet files that reads some of the columns at a time, for all rows of a piece of a row group, puts them on
/// disk, and gives them out side by side.
///
/// A page is decoded as a whole, and of each column one page is there while rows are read: two threads over 1,000 columns
/// took 1.1 GB, whatever the limit.
///
/// ```text
/// piece of a row group   columns 0..20    ─► disk ─┐
///                        columns 20..40   ─► disk ─┼─► rows of all columns
///                        …                         │
///                        columns 980..1000 ─► disk ─┘
/// ```
#[derive(Debug)]
pub(crate) struct ColumnGroups {
    scan: Arc<Scan>,
}

#[derive(Debug)]
struct Scan {
    /// The scan of all columns, as it was planned.
    config: FileScanConfig,
    /// The same of no files.
    of_none: FileScanConfig,
    groups: Vec<ProjectionExprs>,
    /// What leaves out row groups and pages.
    predicate: Option<Arc<dyn PhysicalExpr>>,
    schema: SchemaRef,
    totals: Totals,
}

impl ColumnGroups {
    /// The scan by groups of columns; none where a page of each column fits.
    ///
    /// Errors: columns that have no type.
    pub(crate) fn new(config: &FileScanConfig) -> Result<Option<Self>> {
        let files = config.file_groups.iter().flat_map(FileGroup::iter);
        let groups = files.filter_map(|file| Some(file.extension::<WideFile>()?.column_groups)).max().unwrap_or(1);
        let columns: Vec<_> = config.file_source().projection().into_iter().flatten().cloned().collect();
        if groups < 2 || columns.len() < 2 {
            return Ok(None);
        }
        let groups = columns.chunks(columns.len().div_ceil(groups));
        Ok(Some(Self {
            scan: Arc::new(Scan {
                groups: groups.map(|columns| ProjectionExprs::from(columns.to_vec())).collect(),
                predicate: fixed(config.file_source().filter())?,
                schema: config.projected_schema()?,
                of_none: FileScanConfigBuilder::from(config.clone()).with_file_groups(Vec::new()).build(),
                config: config.clone(),
                totals: Totals::default(),
            }),
        }))
    }

    /// The scan of all columns.
    pub(crate) fn config(&self) -> &FileScanConfig {
        &self.scan.config
    }
}

/// The parts of a predicate that stay as they are: one that has learnt more meanwhile would leave out rows of one group
/// of columns and not of another.
fn fixed(predicate: Option<Arc<dyn PhysicalExpr>>) -> Result<Option<Arc<dyn PhysicalExpr>>> {
    let Some(predicate) = predicate else { return Ok(None) };
    let mut parts = Vec::new();
    for part in split_conjunction(&predicate) {
        if !part.exists(|part| Ok(part.is::<DynamicFilterPhysicalExpr>()))? {
            parts.push(Arc::clone(part));
        }
    }
    Ok((!parts.is_empty()).then(|| conjunction(parts)))
}

/// What a partition reads.
struct Reading {
    scan: Arc<Scan>,
    context: Arc<TaskContext>,
    partition: usize,
    files: std::vec::IntoIter<PartitionedFile>,
    rows: Option<SideBySide>,
    figures: SpillFigures,
    /// How many rows are wanted yet.
    left: usize,
}

impl Reading {
    async fn next(mut self) -> Result<Option<(RecordBatch, Self)>> {
        while self.left > 0 {
            if let Some(rows) = &mut self.rows
                && let Some(batch) = rows.next(self.left).await?
            {
                self.left -= batch.num_rows();
                return Ok(Some((batch, self)));
            }
            let Some(file) = self.files.next() else { break };
            self.rows = Some(self.read(file).await?);
        }
        Ok(None)
    }

    async fn read(&mut self, file: PartitionedFile) -> Result<SideBySide> {
        let scan = Arc::clone(&self.scan);
        let mut groups = Vec::with_capacity(scan.groups.len());
        for (number, columns) in scan.groups.iter().enumerate() {
            let (rows, metrics) = self.spill(file.clone(), columns).await?;
            groups.push(Group { rows, batch: None });
            match number {
                0 => scan.totals.add(&metrics, self.partition),
                _ => scan.totals.add_columns(&metrics, self.partition),
            }
        }
        Ok(SideBySide { schema: Arc::clone(&scan.schema), groups })
    }

    /// The rows of some columns, by way of the disk, and what was counted on the way.
    async fn spill(
        &mut self,
        file: PartitionedFile,
        columns: &ProjectionExprs,
    ) -> Result<(SendableRecordBatchStream, ExecutionPlanMetricsSet)> {
        let source = twin(self.scan.config.file_source(), Some(columns), self.scan.predicate.clone())?;
        let metrics = source.metrics().clone();
        let of_file = FileScanConfigBuilder::from(self.scan.of_none.clone())
            .with_source(source)
            .with_file_groups(vec![FileGroup::new(vec![file])])
            .with_limit(Some(self.left).filter(|left| *left < usize::MAX))
            .build();
        let mut rows = of_file.open(0, Arc::clone(&self.context))?;
        let schema = rows.schema();
        let mut spool = Spool::create(&self.context, &self.figures)?;
        while let Some(batch) = rows.try_next().await? {
            spool.push(&batch)?;
        }
        drop(rows);
        Ok((batches_of(spool.take(), schema, None), metrics))
    }
}

/// Groups of columns of the same rows.
struct SideBySide {
    schema: SchemaRef,
    groups: Vec<Group>,
}

struct Group {
    rows: SendableRecordBatchStream,
    /// What was read and has not been given out.
    batch: Option<RecordBatch>,
}

impl SideBySide {
    /// The next rows of all columns, at most so many.
    async fn next(&mut self, most: usize) -> Result<Option<RecordBatch>> {
        let mut rows = most;
        for group in &mut self.groups {
            if group.batch.as_ref().is_none_or(|batch| batch.num_rows() == 0) {
                group.batch = group.rows.try_next().await?;
            }
            rows = rows.min(group.batch.as_ref().map_or(0, RecordBatch::num_rows));
        }
        if rows == 0 {
            let is_left = |group: &Group| group.batch.as_ref().is_some_and(|batch| batch.num_rows() > 0);
            return match self.groups.iter().any(is_left) {
                true => Err(Error::data("a file has changed while it was read").into()),
                false => Ok(None),
            };
        }
        let mut columns = Vec::with_capacity(self.schema.fields().len());
        for group in &mut self.groups {
            let Some(batch) = group.batch.take() else { continue };
            if batch.num_rows() == rows {
                columns.extend_from_slice(batch.columns());
                continue;
            }
            columns.extend(batch.slice(0, rows).columns().iter().cloned());
            group.batch = Some(batch.slice(rows, batch.num_rows() - rows));
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        Ok(Some(RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?))
    }
}

impl DataSource for ColumnGroups {
    fn open(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let files = self.scan.config.file_groups.get(partition).map(|group| group.files().to_vec());
        let reading = Reading {
            scan: Arc::clone(&self.scan),
            context,
            partition,
            files: files.unwrap_or_default().into_iter(),
            rows: None,
            figures: SpillFigures::new(&self.scan.totals.metrics(), partition),
            left: self.scan.config.limit.unwrap_or(usize::MAX),
        };
        let schema = Arc::clone(&self.scan.schema);
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, futures::stream::try_unfold(reading, Reading::next))))
    }

    fn fmt_as(&self, t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match t {
            DisplayFormatType::TreeRender => writeln!(f, "column_groups={}", self.scan.groups.len())?,
            _ => write!(f, "column_groups={}, ", self.scan.groups.len())?,
        }
        self.scan.config.fmt_as(t, f)
    }

    fn output_partitioning(&self) -> Partitioning {
        self.scan.config.output_partitioning()
    }

    fn eq_properties(&self) -> EquivalenceProperties {
        self.scan.config.eq_properties()
    }

    fn partition_statistics(&self, partition: Option<usize>) -> Result<Arc<Statistics>> {
        self.scan.config.partition_statistics(partition)
    }

    fn with_fetch(&self, limit: Option<usize>) -> Option<Arc<dyn DataSource>> {
        let limited = FileScanConfigBuilder::from(self.scan.config.clone()).with_limit(limit).build();
        Some(Arc::new(Self::new(&limited).ok()??))
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
