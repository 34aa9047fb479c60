//! Cases that chance would seldom draw.

use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{JoinType, NullEquality};
use datafusion::execution::TaskContext;
use datafusion::execution::disk_manager::DiskManagerBuilder;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::physical_plan::joins::PartitionMode;
use datafusion::physical_plan::{ExecutionPlan, displayable};
use futures::StreamExt;

use super::super::{EngineJoin, SpillingJoinExec};
use super::equality::{JOIN_TYPES, check};
use super::plans::{Case, Row, rows_of};
use crate::Error;

fn rows(count: i64, key: impl Fn(i64) -> Option<i64>) -> Vec<Row> {
    (0..count).map(|i| (key(i), Some(i % 3), i)).collect()
}

/// A join of 300 build rows with 200 probe rows, in 5 kB.
fn case(join_type: JoinType) -> Case {
    Case {
        build: rows(300, |i| Some(i % 100)),
        probe: rows(200, |i| Some(i % 150)),
        join_type,
        key: DataType::Int64,
        keys: 1,
        null_equality: NullEquality::NullEqualsNothing,
        null_aware: false,
        residual: false,
        compared: 0,
        projected: false,
        ordered: false,
        mode: PartitionMode::CollectLeft,
        partitions: 3,
        input_rows: 50,
        batch_size: 64,
        memory: 5_000,
    }
}

async fn spilling(case: &Case) -> Arc<SpillingJoinExec> {
    let join = EngineJoin::of(case.join().await.as_ref()).unwrap().unwrap();
    Arc::new(SpillingJoinExec::new(join).unwrap())
}

fn metric(join: &SpillingJoinExec, name: &str) -> usize {
    join.metrics().unwrap().sum_by_name(name).map_or(0, |value| value.as_usize())
}

#[tokio::test]
async fn one_key_is_joined_in_blocks_by_every_join() {
    for join_type in JOIN_TYPES {
        for mode in [PartitionMode::CollectLeft, PartitionMode::Partitioned] {
            for residual in [false, true] {
                let (build, probe) = (rows(200, |_| Some(7)), rows(150, |i| Some(if i % 5 == 0 { 8 } else { 7 })));
                let case = Case { build, probe, mode, residual, ..case(join_type) };
                assert!(check(&case).await > 0, "{join_type} did not spill");
                let join = spilling(&case).await;
                rows_of(Arc::clone(&join) as _, case.task(case.memory)).await;
                assert!(metric(&join, "blocks") > 1, "{join_type} was not joined in blocks");
            }
        }
    }
}

/// What memory there is keeps some of the build side, and the probe rows that may meet it, from ever being written; by
/// every join, with the rows of the engine's.
#[tokio::test]
async fn a_part_stays_in_memory() {
    for join_type in JOIN_TYPES {
        for residual in [false, true] {
            let mode = PartitionMode::Partitioned;
            let case = Case { partitions: 1, mode, residual, memory: 40_000, ..case(join_type) };
            assert!(check(&case).await > 0, "{join_type} did not spill");
            let join = spilling(&case).await;
            rows_of(Arc::clone(&join) as _, case.task(case.memory)).await;
            let written = metric(&join, "spilled_rows");
            let all = case.build.len() + case.probe.len();
            assert!(written < all - 30, "{join_type} wrote {written} of {all} rows");
        }
    }
}

/// `NOT IN`: a NULL among the values leaves nothing, values at all leave no NULL, none at all leave everything; though
/// each of these is known to one partition of many.
#[tokio::test]
async fn not_in_knows_of_nulls_everywhere() {
    let one_null = |row: i64| move |i| (i != row).then_some(i % 150);
    let none: fn(i64) -> Option<i64> = |i| Some(i % 150);
    for (probe, expected) in
        // More values than rows are not held: the rows are.
        [
            (rows(200, none), 0),
            (rows(200, one_null(199)), 0),
            (Vec::new(), 300),
            (rows(50, none), 75),
            (rows(400, one_null(99)), 0),
            (rows(400, none), 0),
        ]
    {
        let build = rows(300, |i| (i % 2 == 0).then_some(i % 100));
        let case = Case { build, probe, null_aware: true, ..case(JoinType::LeftAnti) };
        let rows = rows_of(spilling(&case).await, case.task(case.memory)).await;
        check(&case).await;
        let nulls = rows.iter().flatten().filter(|row| row.starts_with("NULL")).count();
        assert_eq!(nulls, if case.probe.is_empty() { 150 } else { 0 });
        assert_eq!(rows.concat().len(), expected, "{case:?}");
    }
}

#[tokio::test]
async fn while_it_fits_nothing_is_spilled() {
    for join_type in JOIN_TYPES {
        assert_eq!(check(&Case { memory: 10_000_000, ..case(join_type) }).await, 0);
    }
}

#[tokio::test]
async fn a_join_recurses_with_another_seed() {
    let many = |count| rows(count, Some);
    let case = Case { build: many(3_000), probe: many(3_000), memory: 3_000, ..case(JoinType::Full) };
    let join = spilling(&case).await;
    assert_eq!(rows_of(Arc::clone(&join) as _, case.task(case.memory)).await.concat().len(), 3_000);
    assert!(metric(&join, "recursion_depth") > 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_join_that_is_dropped_leaves_nothing() {
    let case = Case { build: rows(3_000, Some), probe: rows(3_000, Some), ..case(JoinType::Inner) };
    let task = case.task(case.memory);
    let join = spilling(&case).await;
    let mut first = join.execute(0, Arc::clone(&task)).unwrap();
    first.next().await.unwrap().unwrap();
    assert!(task.runtime_env().disk_manager.used_disk_space() > 0);
    drop((first, join));
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        if task.memory_pool().reserved() == 0 && task.runtime_env().disk_manager.used_disk_space() == 0 {
            return;
        }
    }
    panic!("a second later the join still holds memory or disk space");
}

#[tokio::test]
async fn a_full_disk_is_an_error_that_says_so() {
    let case = case(JoinType::Inner);
    let runtime = case.task(case.memory).runtime_env();
    let disk = DiskManagerBuilder::default().with_max_temp_directory_size(2_000);
    let runtime = RuntimeEnvBuilder::from_runtime_env(&runtime).with_disk_manager_builder(disk);
    let runtime = RuntimeEnvBuilder { disk_manager: None, ..runtime }.build_arc().unwrap();
    let task = TaskContext::default().with_session_config(case.task(0).session_config().clone());
    let task = Arc::new(task.with_runtime(Arc::clone(&runtime)));
    let mut rows = spilling(&case).await.execute(0, task).unwrap();
    let error = loop {
        match rows.next().await {
            Some(Ok(_)) => continue,
            Some(Err(error)) => break Error::from(error),
            None => panic!("a full disk was not noticed"),
        }
    };
    assert!(error.is_spill(), "{error:?}");
    drop(rows);
    assert_eq!(runtime.disk_manager.used_disk_space(), 0);
}

/// The engine's nested-loop join spills its build side too, and then gave rows of it once for each partition of the
/// probe side that they had met nobody in (DataFusion #22641).
#[tokio::test]
async fn joins_without_keys_are_joined_in_blocks_by_every_join() {
    for join_type in JOIN_TYPES {
        for residual in [false, true] {
            let case = Case { keys: 0, residual, ..case(join_type) };
            assert!(check(&case).await > 0, "{join_type} did not spill");
        }
    }
}

/// The engine compares every build row with every probe row, where a sorted table knows which of them meet.
#[tokio::test]
async fn joins_by_ranges_are_joined_in_blocks_by_every_join() {
    for join_type in JOIN_TYPES {
        for compared in 1..16 {
            let case = Case { keys: 0, compared, ..case(join_type) };
            let plan = displayable(spilling(&case).await.as_ref()).one_line().to_string();
            assert!(plan.contains("ranges=["), "{plan}");
            assert!(check(&case).await > 0, "{join_type} did not spill");
            assert_eq!(check(&Case { memory: 10_000_000, ..case }).await, 0);
        }
    }
}

#[tokio::test]
async fn a_limit_inside_the_join_is_kept() {
    let case = case(JoinType::Full);
    let join = case.join().await.with_fetch(Some(7)).unwrap();
    let join = SpillingJoinExec::new(EngineJoin::of(join.as_ref()).unwrap().unwrap()).unwrap();
    let rows = rows_of(Arc::new(join), case.task(case.memory)).await;
    assert!(rows.iter().all(|partition| partition.len() <= 7) && rows.concat().len() >= 7);
}

#[tokio::test]
async fn explain_tells_what_the_engine_tells() {
    let case = case(JoinType::Left);
    let ours = displayable(spilling(&case).await.as_ref()).indent(false).to_string();
    let engine = displayable(case.join().await.as_ref()).indent(false).to_string();
    assert_eq!(ours, format!("Spilling{engine}"));
}
