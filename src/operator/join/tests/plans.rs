//! Small joins in two ways: the engine's, and ours with little memory.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Float64Array, Int64Array, StringViewArray};
use datafusion::arrow::compute::{cast, concat_batches};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::{JoinSide, JoinType, NullEquality};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::TaskContext;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, lit};
use datafusion::physical_expr::{LexOrdering, Partitioning, PhysicalSortExpr};
use datafusion::physical_plan::joins::utils::{ColumnIndex, JoinFilter};
use datafusion::physical_plan::joins::{HashJoinExec, NestedLoopJoinExecBuilder, PartitionMode};
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::{ExecutionPlan, PhysicalExpr, collect_partitioned};
use datafusion::prelude::SessionConfig;

use crate::operator::tests::{SmallPool, rows_of_batch};

/// One row: two keys and a value.
pub(super) type Row = (Option<i64>, Option<i64>, i64);

/// A join of two small tables.
#[derive(Clone)]
pub(super) struct Case {
    pub(super) build: Vec<Row>,
    pub(super) probe: Vec<Row>,
    pub(super) join_type: JoinType,
    pub(super) key: DataType,
    /// 0 for a nested-loop join.
    pub(super) keys: usize,
    pub(super) null_equality: NullEquality,
    pub(super) null_aware: bool,
    /// Whether only pairs whose build value is less than the probe value are partners.
    pub(super) residual: bool,
    /// Which other comparisons partners fulfil, a bit for each; see [`Case::filter`].
    pub(super) compared: u8,
    /// Whether every other column is left out, and the rest turned round.
    pub(super) projected: bool,
    /// Whether the probe side is sorted by its value, which the join then has to keep.
    pub(super) ordered: bool,
    pub(super) mode: PartitionMode,
    pub(super) partitions: usize,
    pub(super) input_rows: usize,
    pub(super) batch_size: usize,
    pub(super) memory: usize,
}

impl fmt::Debug for Case {
    /// On a few lines: what chance has found is to be read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} by {} keys of {}, {:?}", self.join_type, self.keys, self.key, self.null_equality)?;
        writeln!(f, "null_aware {}, residual {}, {:b}", self.null_aware, self.residual, self.compared)?;
        writeln!(f, "projected {}, ordered {}", self.projected, self.ordered)?;
        writeln!(f, "{:?} in {} partitions", self.mode, self.partitions)?;
        writeln!(f, "batches of {} and {}, {} bytes", self.input_rows, self.batch_size, self.memory)?;
        let (build, probe) = (&self.build, &self.probe);
        write!(f, "build {build:?}\nprobe {probe:?}")
    }
}

/// How the rows of each output partition came out.
pub(super) type Rows = Vec<Vec<String>>;

impl Case {
    fn schema(&self, side: &str) -> SchemaRef {
        Arc::new(Schema::new(vec![
            Field::new(format!("{side}_key"), self.key.clone(), true),
            Field::new(format!("{side}_second"), DataType::Int64, true),
            Field::new(format!("{side}_value"), DataType::Int64, false),
            Field::new(format!("{side}_text"), DataType::Utf8View, true),
        ]))
    }

    fn batches(&self, side: &str, rows: &[Row]) -> Vec<RecordBatch> {
        let schema = self.schema(side);
        let batch = |rows: &[Row]| {
            let key: ArrayRef = Arc::new(rows.iter().map(|row| row.0).collect::<Int64Array>());
            let key = match self.key {
                DataType::Binary | DataType::BinaryView => cast(&cast(&key, &DataType::Utf8).unwrap(), &self.key),
                // Zero and minus zero are equal.
                DataType::Float64 if side == "probe" => {
                    let float = |row: &Row| row.0.map(|key| if key == 0 { -0.0 } else { key as f64 });
                    Ok(Arc::new(rows.iter().map(float).collect::<Float64Array>()) as ArrayRef)
                }
                DataType::Date32 => cast(&cast(&key, &DataType::Int32).unwrap(), &self.key),
                _ => cast(&key, &self.key),
            };
            let text = rows.iter().map(|row| Some(format!("{side} row with the value {}", row.2)));
            let columns: Vec<ArrayRef> = vec![
                key.unwrap(),
                Arc::new(rows.iter().map(|row| row.1).collect::<Int64Array>()),
                Arc::new(rows.iter().map(|row| Some(row.2)).collect::<Int64Array>()),
                Arc::new(text.collect::<StringViewArray>()),
            ];
            RecordBatch::try_new(Arc::clone(&schema), columns).unwrap()
        };
        rows.chunks(self.input_rows).map(batch).collect()
    }

    fn on(&self) -> Vec<(Arc<dyn PhysicalExpr>, Arc<dyn PhysicalExpr>)> {
        let column = |name: &str, index| Arc::new(Column::new(name, index)) as Arc<dyn PhysicalExpr>;
        let names = [("build_key", "probe_key"), ("build_second", "probe_second")];
        let pairs = names.iter().enumerate().map(|(i, (build, probe))| (column(build, i), column(probe, i)));
        pairs.take(self.keys).collect()
    }

    fn filter(&self) -> Option<JoinFilter> {
        let names = ["key", "second", "value"];
        let side = |side| self.schema(side).fields().iter().take(3).cloned().collect::<Vec<_>>();
        let schema = Schema::new([side("build"), side("probe")].concat());
        let index = |side| (0..names.len()).map(move |index| ColumnIndex { index, side });
        let indices = index(JoinSide::Left).chain(index(JoinSide::Right)).collect();
        let build = |column: usize| Column::new(&format!("build_{}", names[column]), column);
        let probe = |column: usize| Column::new(&format!("probe_{}", names[column]), 3 + column);
        let binary = |left: Arc<dyn PhysicalExpr>, operator, right: Arc<dyn PhysicalExpr>| {
            Arc::new(BinaryExpr::new(left, operator, right)) as Arc<dyn PhysicalExpr>
        };
        let shifted = |by: i64| binary(Arc::new(build(2)), Operator::Plus, lit(by));
        let parts = [
            (self.residual, binary(Arc::new(build(2)), Operator::Lt, Arc::new(probe(2)))),
            (self.compared & 1 > 0, binary(Arc::new(build(0)), Operator::LtEq, Arc::new(probe(0)))),
            (self.compared & 2 > 0, binary(Arc::new(probe(1)), Operator::Lt, Arc::new(build(1)))),
            (self.compared & 4 > 0, binary(shifted(-50), Operator::LtEq, Arc::new(probe(2)))),
            (self.compared & 4 > 0, binary(Arc::new(probe(2)), Operator::Lt, shifted(50))),
            (self.compared & 8 > 0, binary(Arc::new(build(0)), Operator::GtEq, Arc::new(probe(0)))),
            (self.compared & 16 > 0, binary(Arc::new(build(1)), Operator::NotEq, Arc::new(probe(1)))),
        ];
        let parts = parts.into_iter().filter(|(is_part, _)| *is_part).map(|(_, part)| part);
        let all = parts.reduce(|all, part| binary(all, Operator::And, part))?;
        Some(JoinFilter::new(all, indices, Arc::new(schema)))
    }

    /// The batches of one side by partition: by key for a partitioned join, in turn for the probe side of any other.
    async fn partitioned(&self, side: &str, rows: &[Row], keys: Vec<Arc<dyn PhysicalExpr>>) -> Vec<Vec<RecordBatch>> {
        let batches = self.batches(side, rows);
        if self.mode == PartitionMode::CollectLeft {
            let count = if side == "build" { 1 } else { self.partitions };
            let mut partitions = vec![Vec::new(); count];
            batches.into_iter().enumerate().for_each(|(i, batch)| partitions[i % count].push(batch));
            return partitions;
        }
        let source = source(vec![batches], self.schema(side), None);
        let repartition = RepartitionExec::try_new(source, Partitioning::Hash(keys, self.partitions)).unwrap();
        collect_partitioned(Arc::new(repartition), Arc::new(TaskContext::default())).await.unwrap()
    }

    /// The engine's join: by its keys, or a nested loop where there are none.
    pub(super) async fn join(&self) -> Arc<dyn ExecutionPlan> {
        let (build_keys, probe_keys) = self.on().into_iter().unzip();
        let mut probe_rows = self.probe.clone();
        if self.ordered {
            probe_rows.sort_by_key(|row| row.2);
        }
        let build = self.partitioned("build", &self.build, build_keys).await;
        let mut probe = self.partitioned("probe", &probe_rows, probe_keys).await;
        let by_value = PhysicalSortExpr::new_default(Arc::new(Column::new("probe_value", 2)));
        if self.ordered {
            probe.iter_mut().for_each(|partition| *partition = sorted(partition, self.input_rows));
        }
        let build = source(build, self.schema("build"), None);
        let probe = source(probe, self.schema("probe"), LexOrdering::new([by_value]).filter(|_| self.ordered));
        let mode = self.mode;
        if self.keys == 0 {
            let join = NestedLoopJoinExecBuilder::new(build, probe, self.join_type).with_filter(self.filter());
            let join = join.build().unwrap();
            let columns = (0..join.schema().fields().len()).rev().step_by(2).collect();
            return Arc::new(if self.projected { join.with_projection(Some(columns)).unwrap() } else { join });
        }
        let join = HashJoinExec::try_new(
            build,
            probe,
            self.on(),
            self.filter(),
            &self.join_type,
            None,
            mode,
            self.null_equality,
            self.null_aware,
        )
        .unwrap();
        let columns = (0..join.schema().fields().len()).rev().step_by(2).collect();
        Arc::new(if self.projected { join.with_projection(Some(columns)).unwrap() } else { join })
    }

    /// A task with that much memory.
    pub(super) fn task(&self, memory: usize) -> Arc<TaskContext> {
        let runtime = RuntimeEnvBuilder::new().with_memory_pool(Arc::new(SmallPool::new(memory)));
        let config = SessionConfig::new()
            .with_batch_size(self.batch_size)
            .set_str("datafusion.execution.spill_compression", "lz4_frame");
        let task = TaskContext::default().with_session_config(config);
        Arc::new(task.with_runtime(runtime.build_arc().unwrap()))
    }
}

/// The same rows in batches of `rows`, by their value: the order of arrival through an exchange is anybody's guess.
fn sorted(batches: &[RecordBatch], rows: usize) -> Vec<RecordBatch> {
    use datafusion::arrow::compute::{sort_to_indices, take_record_batch};
    let Some(first) = batches.first() else { return Vec::new() };
    let all = concat_batches(&first.schema(), batches).unwrap();
    let all = take_record_batch(&all, &sort_to_indices(all.column(2), None, None).unwrap()).unwrap();
    (0..all.num_rows()).step_by(rows).map(|start| all.slice(start, rows.min(all.num_rows() - start))).collect()
}

fn source(partitions: Vec<Vec<RecordBatch>>, schema: SchemaRef, order: Option<LexOrdering>) -> Arc<dyn ExecutionPlan> {
    let source = MemorySourceConfig::try_new(&partitions, schema, None).unwrap();
    DataSourceExec::from_data_source(source.try_with_sort_information(order.into_iter().collect()).unwrap())
}

/// Runs `plan` and writes each of its rows as text.
pub(super) async fn rows_of(plan: Arc<dyn ExecutionPlan>, task: Arc<TaskContext>) -> Rows {
    let partitions = collect_partitioned(plan, task).await.unwrap();
    partitions.iter().map(|batches| batches.iter().flat_map(rows_of_batch).collect()).collect()
}
