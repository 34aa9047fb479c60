//! One query, twice.

use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::array::{Int64Array, StringViewArray};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::datasource::MemTable;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::physical_plan::{ExecutionPlan, collect};
use datafusion::prelude::{SessionConfig, SessionContext};
use proptest::prelude::*;

use super::{SmallPool, rows_of_batch};
use crate::plan;

/// A row: two keys that repeat, a value, and its number, which does not.
pub(super) type Row = (Option<i64>, Option<i64>, Option<i64>);

/// A table `t` with the columns `k`, `g`, `v`, `s` (a text of `v`) and `id`, and how it is read.
#[derive(Debug, Clone)]
pub(super) struct Table {
    pub(super) rows: Vec<Row>,
    pub(super) partitions: usize,
    pub(super) input_rows: usize,
    pub(super) batch_size: usize,
    pub(super) memory: usize,
}

prop_compose! {
    /// Tables of some hundred rows with few keys or many, some NULLs, and one key that may have most of the rows.
    pub(super) fn tables()(
        (distinct, skew) in (1..300i64, 0..10u8),
    )(
        rows in prop::collection::vec((
            (0..distinct, 0..10u8).prop_map(move |(key, same)| match same {
                0 => None,
                same if same < skew => Some(7),
                _ => Some(key),
            }),
            prop::option::weighted(0.9, 0..3i64),
            prop::option::weighted(0.9, -50..50i64),
        ), 0..400),
        (partitions, input_rows, batch_size) in (1..4usize, 10..100usize, 8..100usize),
        memory in prop::sample::select(vec![60_000usize, 300_000, 10_000_000]),
    ) -> Table {
        Table { rows, partitions, input_rows, batch_size, memory }
    }
}

impl Table {
    fn batch(rows: &[(usize, &Row)]) -> RecordBatch {
        let numbers =
            |of: fn(&Row) -> Option<i64>| Arc::new(rows.iter().map(|(_, row)| of(row)).collect::<Int64Array>());
        let text = |row: &Row| row.2.map(|value| format!("a text that is no inline view, of the value {value}"));
        RecordBatch::try_from_iter_with_nullable([
            ("k", numbers(|row| row.0) as _, true),
            ("g", numbers(|row| row.1) as _, true),
            ("v", numbers(|row| row.2) as _, true),
            ("s", Arc::new(rows.iter().map(|(_, row)| text(row)).collect::<StringViewArray>()) as _, true),
            ("id", Arc::new(rows.iter().map(|(id, _)| Some(*id as i64)).collect::<Int64Array>()) as _, true),
        ])
        .unwrap()
    }

    fn provider(&self) -> MemTable {
        let rows: Vec<_> = self.rows.iter().enumerate().collect();
        let mut partitions = vec![Vec::new(); self.partitions];
        for (i, rows) in rows.chunks(self.input_rows).enumerate() {
            partitions[i % self.partitions].push(Self::batch(rows));
        }
        MemTable::try_new(Self::batch(&[]).schema(), partitions).unwrap()
    }

    fn session(&self, ours: bool) -> SessionContext {
        let memory = if ours { self.memory } else { usize::MAX / 2 };
        let runtime = RuntimeEnvBuilder::new().with_memory_pool(Arc::new(SmallPool::new(memory))).build_arc().unwrap();
        // Of one large batch, the engine's window operator is right about NULLs, too: it gives out rows whose peers have
        // not all come.
        let (partitions, batch_size) = if ours { (self.partitions, self.batch_size) } else { (1, 8192) };
        let config = SessionConfig::new().with_target_partitions(partitions).with_batch_size(batch_size);
        let builder = SessionStateBuilder::new().with_default_features().with_config(config).with_runtime_env(runtime);
        let builder = match ours {
            true => builder
                .with_optimizer_rules(plan::optimizer_rules())
                .with_physical_optimizer_rules(plan::physical_rules()),
            false => builder,
        };
        let session = SessionContext::new_with_state(builder.build());
        session.register_table("t", Arc::new(self.provider())).unwrap();
        session.register_udaf(plan::mode());
        session
    }

    /// The rows of a query as they come, and how many files operators of the name have spilled.
    async fn answer(&self, sql: &str, ours: bool, operator: &str) -> (Vec<String>, usize) {
        let session = self.session(ours);
        let plan = session.sql(sql).await.unwrap().create_physical_plan().await.unwrap();
        let batches = collect(Arc::clone(&plan), session.task_ctx()).await;
        let batches = batches.unwrap_or_else(|error| panic!("{error}\n{sql}, by operators of ours: {ours}\n{self:?}"));
        let spilled = spilled(&plan, operator);
        drop(plan);
        if ours {
            nothing_is_left(&session.runtime_env(), sql).await;
        }
        (batches.iter().flat_map(rows_of_batch).collect(), spilled)
    }

    /// The rows of a query by operators of ours.
    pub(super) async fn rows_of(&self, sql: &str) -> Vec<String> {
        self.answer(sql, true, "").await.0
    }

    /// The same, as they come.
    pub(super) async fn batches_of(&self, sql: &str) -> Vec<RecordBatch> {
        self.session(true).sql(sql).await.unwrap().collect().await.unwrap()
    }

    /// What a query by operators of ours that has to fail says.
    pub(super) async fn error_of(&self, sql: &str) -> String {
        let session = self.session(true);
        let plan = session.sql(sql).await.unwrap().create_physical_plan().await.unwrap();
        collect(plan, session.task_ctx()).await.unwrap_err().to_string()
    }

    /// Compares ours with the engine's, and tells how many files operators of the name have spilled.
    pub(super) async fn check(&self, sql: &str, operator: &str) -> usize {
        let (mut expected, _) = self.answer(sql, false, operator).await;
        let (mut rows, spilled) = self.answer(sql, true, operator).await;
        expected.sort();
        rows.sort();
        self.compare(sql, &rows, &expected);
        spilled
    }

    /// Compares ours with the engine's, asked for one column at a time; the first column of all tells the row.
    ///
    /// Behind another window the engine's operator gets rows piece by piece, and is wrong about peers that are NULL.
    pub(super) async fn check_by_columns(&self, sql: &str, columns: &[String]) {
        let mut expected: Vec<String> = Vec::new();
        for column in columns {
            let (mut rows, _) = self.answer(column, false, "").await;
            rows.sort();
            match expected.is_empty() {
                true => expected = rows,
                false => expected.iter_mut().zip(rows).for_each(|(expected, row)| {
                    let (id, value) = row.split_once(" | ").unwrap();
                    assert!(expected.starts_with(&format!("{id} | ")));
                    *expected = format!("{expected} | {value}");
                }),
            }
        }
        let (mut rows, _) = self.answer(sql, true, "").await;
        rows.sort();
        expected.sort();
        self.compare(sql, &rows, &expected);
    }

    /// Fails with the first rows that are different.
    fn compare(&self, sql: &str, rows: &[String], expected: &[String]) {
        let different = rows.iter().zip(expected).find(|(ours, engines)| ours != engines);
        assert_eq!(different, None, "ours, the engine's\n{sql}\n{self:?}");
        assert_eq!(rows.len(), expected.len(), "rows of ours, of the engine's\n{sql}\n{self:?}");
    }

    /// The same for a query that says the place of every row.
    pub(super) async fn check_in_order(&self, sql: &str, operator: &str) -> usize {
        let (expected, _) = self.answer(sql, false, operator).await;
        let (rows, spilled) = self.answer(sql, true, operator).await;
        self.compare(sql, &rows, &expected);
        spilled
    }
}

/// Tasks that were ended let go of what they hold a moment later.
async fn nothing_is_left(runtime: &RuntimeEnv, sql: &str) {
    let left = || (runtime.memory_pool.reserved(), runtime.disk_manager.used_disk_space());
    for _ in 0..400 {
        if left() == (0, 0) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("{:?} bytes are reserved and on disk after {sql}", left());
}

fn spilled(plan: &Arc<dyn ExecutionPlan>, operator: &str) -> usize {
    let own = plan.metrics().filter(|_| plan.name() == operator).and_then(|metrics| metrics.spill_count());
    own.unwrap_or(0) + plan.children().into_iter().map(|child| spilled(child, operator)).sum::<usize>()
}

/// Runs one case of a property.
pub(super) fn block_on<T>(case: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(case)
}

pub(super) fn config() -> ProptestConfig {
    ProptestConfig { cases: 100, max_shrink_iters: 60, failure_persistence: None, ..ProptestConfig::default() }
}
