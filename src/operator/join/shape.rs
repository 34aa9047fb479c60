//! The join itself, to be run on parts of its input.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, new_null_array};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::{JoinType, NullEquality, Result};
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::{ExecutionPlan, PhysicalExpr};

use super::engine_join::EngineJoin;
use super::range::Bounds;
use crate::operator::spill::{Footprint, Side};

/// What a column that numbers the rows of the probe side is called; nobody sees it.
const NUMBER: &str = "__probe_row";

/// A join without its input: its type, keys, filter and projection.
///
/// Where the probe side is ordered, and the engine's join would keep that order, each probe row carries its number
/// through the whole of the spilled join, as a last column; [`order`](super::order) sorts by it.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    join: EngineJoin,
    build: SchemaRef,
    probe: SchemaRef,
    output: SchemaRef,
    ordered: bool,
    /// How many copies of held rows are compared as bytes at most.
    copies: usize,
}

impl Shape {
    pub(super) fn new(join: EngineJoin) -> Self {
        let keeps_order = join.plan().maintains_input_order()[1];
        let ordered = keeps_order && join.right().properties().output_ordering().is_some();
        let (build, probe, output) = (join.left().schema(), join.right().schema(), join.plan().schema());
        let copies = Bounds::of(&join).map_or(0, |bounds| bounds.copies());
        match ordered {
            true => Self { probe: numbered(&probe), output: numbered(&output), join, build, ordered, copies },
            false => Self { probe, output, join, build, ordered, copies },
        }
    }

    pub(super) fn join_type(&self) -> JoinType {
        self.join.join_type()
    }

    /// The most bytes that are held while rows of `footprint` are made ready for joining with them.
    pub(super) fn while_building(&self, footprint: &Footprint) -> usize {
        footprint.while_sorting(self.copies)
    }

    /// Whether the last column of probe and output numbers the probe rows.
    pub(super) fn is_ordered(&self) -> bool {
        self.ordered
    }

    /// What comes out, with the number where the join is ordered.
    pub(super) fn output(&self) -> &SchemaRef {
        &self.output
    }

    pub(super) fn build(&self) -> &SchemaRef {
        &self.build
    }

    pub(super) fn probe(&self) -> &SchemaRef {
        &self.probe
    }

    /// What pairs with equal keys have to fulfil besides.
    pub(super) fn filter(&self) -> Option<&JoinFilter> {
        self.join.filter()
    }

    /// Whether rows are found by their keys, and not each compared with every other.
    pub(super) fn has_keys(&self) -> bool {
        !self.join.on().is_empty()
    }

    /// Whether [`Shape::columns`] has places for the build side's columns, which stand first.
    pub(super) fn gives_build_columns(&self) -> bool {
        !matches!(self.join_type(), JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark)
    }

    /// Whether [`Shape::columns`] has places for the probe side's columns, which stand behind those of the build side.
    pub(super) fn gives_probe_columns(&self) -> bool {
        !matches!(self.join_type(), JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark)
    }

    /// The build side for a partitioner.
    pub(super) fn build_side(&self, level: usize) -> Side {
        let keys = self.join.on().iter().map(|(left, _)| Arc::clone(left)).collect();
        Side { schema: Arc::clone(&self.build), keys, nulls: self.nulls(), level }
    }

    /// The probe side for a partitioner.
    pub(super) fn probe_side(&self, level: usize) -> Side {
        let keys = self.join.on().iter().map(|(_, right)| Arc::clone(right)).collect();
        Side { schema: Arc::clone(&self.probe), keys, nulls: self.nulls(), level }
    }

    fn nulls(&self) -> NullEquality {
        self.join.null_equality()
    }

    /// The one key of a `NOT IN`, on the build side; none for any other join.
    pub(super) fn null_aware_key(&self) -> Option<&Arc<dyn PhysicalExpr>> {
        self.join.on().first().filter(|_| self.join.is_null_aware()).map(|(build, _)| build)
    }

    /// Whether rows of the build side come out that have met nobody, or only for having met somebody: each exactly
    /// once, when the whole of the probe side is known.
    pub(super) fn emits_build_rows(&self) -> bool {
        use JoinType::{Full, Left, LeftAnti, LeftMark, LeftSemi};
        matches!(self.join_type(), Left | Full | LeftSemi | LeftAnti | LeftMark)
    }

    /// The same join of other inputs, giving [`Shape::output`].
    pub(super) fn whole(&self, build: Arc<dyn ExecutionPlan>, probe: Arc<dyn ExecutionPlan>) -> Result<EngineJoin> {
        let projection = self.columns(probe.schema().fields().len());
        self.join.part(self.join_type(), build, probe, projection)
    }

    /// The same with the probe rows held.
    pub(super) fn swapped(
        &self,
        build: Arc<dyn ExecutionPlan>,
        probe: Arc<dyn ExecutionPlan>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.whole(build, probe)?.swapped()
    }

    /// The join of one block of build rows with a probe side whose rows are numbered in a last column.
    ///
    /// For a join that emits probe rows by whether they have met anybody, that is known after all blocks: here it gives
    /// the pairs (and build rows) alone, and the number of each probe row that has met somebody as the last column.
    pub(super) fn block(
        &self,
        build: Arc<dyn ExecutionPlan>,
        probe: Arc<dyn ExecutionPlan>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let (width, number) = (probe.schema().fields().len(), probe.schema().fields().len() - 1);
        let (join_type, projection) = match self.join_type() {
            JoinType::Right | JoinType::Full => {
                let pairs = if self.join_type() == JoinType::Full { JoinType::Left } else { JoinType::Inner };
                let number = self.build.fields().len() + number;
                (pairs, self.columns(width).into_iter().chain([number]).collect())
            }
            _ => (JoinType::RightSemi, vec![number]),
        };
        self.join.part(join_type, build, probe, projection)?.into_plan()
    }

    /// The columns of [`Shape::output`] among those of the join of the build side with a probe side of `width` columns.
    pub(super) fn columns(&self, width: usize) -> Vec<usize> {
        let probe_width = self.join.right().schema().fields().len();
        let (first, mark) = match self.join_type() {
            JoinType::RightMark => (0, Some(probe_width)),
            JoinType::RightSemi | JoinType::RightAnti => (0, None),
            _ => (self.build.fields().len(), None),
        };
        let all = || (0..self.join.join_schema().fields().len()).collect();
        let projection: Vec<_> = self.join.projection().map_or_else(all, |columns| columns.to_vec());
        // The mark stands behind the probe side, which has grown.
        let moved = projection.into_iter().map(|column| if Some(column) == mark { width } else { column });
        moved.chain(self.ordered.then_some(first + probe_width)).collect()
    }

    /// Probe rows as they come out without a partner, or for having one: build columns are NULL, the mark is `mark`.
    pub(super) fn probe_rows(&self, probe: &RecordBatch, mark: bool) -> Result<RecordBatch> {
        let rows = probe.num_rows();
        let mut columns: Vec<ArrayRef> = Vec::new();
        if matches!(self.join_type(), JoinType::Right | JoinType::Full) {
            columns.extend(self.build.fields().iter().map(|field| new_null_array(field.data_type(), rows)));
        }
        columns.extend(probe.columns().iter().cloned());
        if self.join_type() == JoinType::RightMark {
            columns.push(Arc::new(BooleanArray::from(vec![mark; rows])));
        }
        let projection = self.columns(probe.num_columns());
        let columns = projection.into_iter().map(|column| Arc::clone(&columns[column])).collect();
        self.batch(columns, rows)
    }

    /// A batch of [`Shape::output`].
    pub(super) fn batch(&self, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.output), columns, &options)?)
    }
}

/// The schema with a number of the row as its last column.
pub(super) fn numbered(schema: &Schema) -> SchemaRef {
    let number = Arc::new(Field::new(NUMBER, DataType::UInt64, true));
    let fields = schema.fields().iter().cloned().chain([number]);
    Arc::new(Schema::new_with_metadata(fields.collect::<Vec<_>>(), schema.metadata().clone()))
}
