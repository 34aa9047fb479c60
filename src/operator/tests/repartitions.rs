//! Rows dealt out to partitions, which are read in one order or another, or not at all.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, StringArray};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::catalog::memory::MemorySourceConfig;
use datafusion::common::Result;
use datafusion::execution::TaskContext;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::physical_expr::expressions::col;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::{ExecutionPlan, Partitioning};
use datafusion::prelude::SessionConfig;
use futures::future::try_join_all;
use futures::{StreamExt, TryStreamExt};
use proptest::prelude::*;

use super::oracle::{block_on, config};
use super::{SmallPool, rows_of_batch};
use crate::Error;
use crate::operator::{Repartition, stand_in};

fn batch(rows: std::ops::Range<i64>) -> RecordBatch {
    let keys: ArrayRef = Arc::new(rows.clone().map(|row| (row % 7 > 0).then_some(row % 23)).collect::<Int64Array>());
    let texts: ArrayRef = Arc::new(rows.map(|row| Some(format!("the text of row {row}"))).collect::<StringArray>());
    RecordBatch::try_from_iter_with_nullable([("k", keys, true), ("s", texts, true)]).unwrap()
}

#[derive(Debug, Clone)]
struct Case {
    inputs: usize,
    outputs: usize,
    rows: i64,
    by_keys: bool,
    memory: usize,
    batch_size: usize,
}

impl Case {
    fn engine(&self) -> Arc<dyn ExecutionPlan> {
        let mut inputs = vec![Vec::new(); self.inputs];
        for (turn, first) in (0..self.rows).step_by(20).enumerate() {
            inputs[turn % self.inputs].push(batch(first..(first + 20).min(self.rows)));
        }
        let schema = batch(0..0).schema();
        let source = MemorySourceConfig::try_new_exec(&inputs, Arc::clone(&schema), None).unwrap();
        let partitioning = match self.by_keys {
            true => Partitioning::Hash(vec![col("k", &schema).unwrap()], self.outputs),
            false => Partitioning::RoundRobinBatch(self.outputs),
        };
        Arc::new(RepartitionExec::try_new(source, partitioning).unwrap())
    }

    fn ours(&self) -> Arc<dyn ExecutionPlan> {
        stand_in::<Repartition>(&self.engine()).unwrap().unwrap()
    }

    fn task(&self, folder: &std::path::Path) -> Arc<TaskContext> {
        let disk = DiskManagerBuilder::default().with_mode(DiskManagerMode::Directories(vec![folder.into()]));
        let runtime = RuntimeEnvBuilder::new().with_disk_manager_builder(disk);
        let runtime = runtime.with_memory_pool(Arc::new(SmallPool::new(self.memory))).build_arc().unwrap();
        let config = SessionConfig::new().with_batch_size(self.batch_size);
        Arc::new(TaskContext::default().with_session_config(config).with_runtime(runtime))
    }

    /// The rows of each output; those that are left are not read.
    async fn rows(
        &self,
        plan: &Arc<dyn ExecutionPlan>,
        at_once: bool,
        left: Option<usize>,
    ) -> Result<Vec<Vec<String>>> {
        let folder = tempfile::tempdir().unwrap();
        let task = self.task(folder.path());
        let outputs = (0..self.outputs).map(|output| plan.execute(output, Arc::clone(&task)).unwrap());
        let outputs: Vec<_> = outputs.enumerate().filter(|(output, _)| Some(*output) != left).collect();
        let batches: Vec<Vec<RecordBatch>> = match at_once {
            true => try_join_all(outputs.into_iter().map(|(_, output)| output.try_collect())).await?,
            false => futures::stream::iter(outputs).then(|(_, output)| output.try_collect()).try_collect().await?,
        };
        assert_eq!(task.memory_pool().reserved(), 0);
        assert_eq!(task.runtime_env().disk_manager.used_disk_space(), 0);
        Ok(batches.iter().map(|batches| batches.iter().flat_map(rows_of_batch).collect()).collect())
    }
}

prop_compose! {
    fn cases()(
        inputs in 1..4usize,
        outputs in 1..5usize,
        rows in 0..1500i64,
        by_keys in any::<bool>(),
        memory in prop::sample::select(vec![0usize, 20_000, 10_000_000]),
        batch_size in 5..200usize,
    ) -> Case {
        Case { inputs, outputs, rows, by_keys, memory, batch_size }
    }
}

fn sorted(mut rows: Vec<String>) -> Vec<String> {
    rows.sort();
    rows
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn each_row_finds_the_output_that_the_engine_sends_it_to(
        case in cases(),
        at_once in any::<bool>(),
        left in prop::option::of(0..5usize),
    ) {
        let left = left.filter(|left| *left < case.outputs);
        let expected = block_on(case.rows(&case.engine(), true, left)).unwrap();
        let rows = block_on(case.rows(&case.ours(), at_once, left)).unwrap();
        if case.inputs == 1 {
            prop_assert_eq!(rows, expected);
        } else {
            let sorted = |rows: Vec<Vec<String>>| rows.into_iter().map(sorted).collect::<Vec<_>>();
            prop_assert_eq!(sorted(rows), sorted(expected));
        }
    }
}

const LARGE: Case = Case { inputs: 2, outputs: 2, rows: 5000, by_keys: true, memory: 20_000, batch_size: 50 };

fn spilled(plan: &Arc<dyn ExecutionPlan>) -> usize {
    plan.metrics().and_then(|metrics| metrics.spilled_rows()).unwrap_or(0)
}

#[tokio::test]
async fn rows_of_an_output_that_is_read_later_wait_on_disk() {
    let plan = LARGE.ours();
    LARGE.rows(&plan, false, None).await.unwrap();
    assert!(spilled(&plan) > 1000, "{} rows were spilled", spilled(&plan));
    let plan = Case { memory: 10_000_000, ..LARGE }.ours();
    LARGE.rows(&plan, true, None).await.unwrap();
}

/// What the engine's operator had spilled had no checksum: rows of a damaged file came out as others.
#[tokio::test]
async fn damage_is_an_error_and_never_wrong_rows() {
    let folder = tempfile::tempdir().unwrap();
    let (plan, task) = (LARGE.ours(), LARGE.task(folder.path()));
    let first = plan.execute(0, Arc::clone(&task)).unwrap();
    let mut second = plan.execute(1, Arc::clone(&task)).unwrap();
    first.try_collect::<Vec<_>>().await.unwrap();
    let mut files = 0;
    for entry in walk(folder.path()) {
        let mut bytes = std::fs::read(&entry).unwrap();
        let middle = bytes.len() / 2;
        if let Some(byte) = bytes.get_mut(middle) {
            *byte ^= 0x55;
            std::fs::write(&entry, bytes).unwrap();
            files += 1;
        }
    }
    assert!(files > 0, "nothing was on disk");
    let error = loop {
        match second.next().await {
            Some(Ok(_)) => {}
            Some(Err(error)) => break Error::from(error),
            None => panic!("all rows came out of a damaged file"),
        }
    };
    assert!(error.is_spill() && error.to_string().contains("damaged"), "{error}");
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

/// Batches were made of so many rows, however long, and what was gathered for them was counted by the batch before: of
/// rows of 100 kB each output held gigabytes that nobody had reserved.
#[tokio::test]
async fn long_rows_make_small_batches() {
    let text = "long ".repeat(1000);
    let batch = |first: i64| {
        let keys: ArrayRef = Arc::new(Int64Array::from_iter_values(first..first + 8));
        let texts: ArrayRef = Arc::new(StringArray::from(vec![text.as_str(); 8]));
        RecordBatch::try_from_iter([("k", keys), ("s", texts)]).unwrap()
    };
    let source = MemorySourceConfig::try_new_exec(&[(0..100).map(batch).collect()], batch(0).schema(), None).unwrap();
    let partitioning = Partitioning::Hash(vec![col("k", &source.schema()).unwrap()], 3);
    let engine: Arc<dyn ExecutionPlan> = Arc::new(RepartitionExec::try_new(source, partitioning).unwrap());
    let plan = stand_in::<Repartition>(&engine).unwrap().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let task = Case { batch_size: 64, memory: 10_000_000, ..LARGE }.task(folder.path());
    let mut rows = 0;
    for output in 0..3 {
        let batches: Vec<_> = plan.execute(output, Arc::clone(&task)).unwrap().try_collect().await.unwrap();
        assert!(batches.iter().all(|batch| batch.num_rows() < 16), "a batch of too many rows");
        rows += batches.iter().map(RecordBatch::num_rows).sum::<usize>();
    }
    assert_eq!(rows, 800);
}
