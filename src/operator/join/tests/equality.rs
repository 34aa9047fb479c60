//! The property: whatever the join and however little memory, the rows are those of the engine's join.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::{JoinType, NullEquality};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::joins::PartitionMode;
use proptest::prelude::*;

use super::super::{EngineJoin, SpillingJoinExec};
use super::plans::{Case, Row, Rows, rows_of};

pub(super) const JOIN_TYPES: [JoinType; 10] = [
    JoinType::Inner,
    JoinType::Left,
    JoinType::Right,
    JoinType::Full,
    JoinType::LeftSemi,
    JoinType::RightSemi,
    JoinType::LeftAnti,
    JoinType::RightAnti,
    JoinType::LeftMark,
    JoinType::RightMark,
];

fn key_types() -> Vec<DataType> {
    vec![
        DataType::Int64,
        DataType::UInt8,
        DataType::Utf8,
        DataType::Utf8View,
        DataType::LargeUtf8,
        DataType::Binary,
        DataType::BinaryView,
        DataType::Float64,
        DataType::Boolean,
        DataType::Date32,
        DataType::Timestamp(TimeUnit::Microsecond, None),
        DataType::Decimal128(12, 2),
        DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)),
    ]
}

/// Rows whose first key is one of `distinct`, and in `skew` of ten cases the same one.
fn rows(most: usize) -> impl Strategy<Value = Vec<Row>> {
    (1..200i64, 0..10u8, 0..4u8).prop_flat_map(move |(distinct, skew, nulls)| {
        let key =
            (0..distinct, 0..10u8, 0..10u8).prop_map(move |(key, same, null)| match (same < skew, null < nulls) {
                (_, true) => None,
                (true, _) => Some(7),
                _ => Some(key % 100),
            });
        let second = prop::option::weighted(0.9, 0..3i64);
        prop::collection::vec((key, second, 0..1000i64), 0..most)
    })
}

prop_compose! {
    fn case()(
        (build, probe) in (rows(400), rows(400)),
        join_type in prop::sample::select(&JOIN_TYPES[..]),
        key in prop::sample::select(key_types()),
        (keys, nulls_equal, null_aware) in (0..3usize, any::<bool>(), any::<bool>()),
        compared in prop_oneof![Just(0u8), 0..32u8],
        (residual, projected, ordered, partitioned) in any::<(bool, bool, bool, bool)>(),
        (partitions, input_rows, batch_size) in (1..4usize, 10..100usize, 8..100usize),
        memory in prop::sample::select(vec![0usize, 3_000, 10_000, 30_000, 100_000, 1_000_000]),
    ) -> Case {
        let null_aware = null_aware && join_type == JoinType::LeftAnti && !partitioned && keys > 0;
        Case {
            build,
            probe,
            join_type,
            key,
            keys: if null_aware { 1 } else { keys },
            null_equality: if nulls_equal && !null_aware { NullEquality::NullEqualsNull } else { NullEquality::NullEqualsNothing },
            null_aware,
            residual: residual && !null_aware,
            compared: if null_aware { 0 } else { compared },
            projected,
            ordered,
            mode: if partitioned && keys > 0 { PartitionMode::Partitioned } else { PartitionMode::CollectLeft },
            partitions,
            input_rows,
            batch_size,
            memory,
        }
    }
}

/// All rows, sorted.
fn multiset(rows: &Rows) -> Vec<&String> {
    let mut all: Vec<_> = rows.iter().flatten().collect();
    all.sort();
    all
}

pub(super) async fn check(case: &Case) -> usize {
    let expected = rows_of(case.join().await, case.task(usize::MAX / 2)).await;
    let join = EngineJoin::of(case.join().await.as_ref()).unwrap().unwrap();
    let join = Arc::new(SpillingJoinExec::new(join).unwrap());
    let task = case.task(case.memory);
    // A join that keeps the order of its probe side must do so when it spills.
    let ordered = join.properties().output_ordering().is_some();
    let rows = rows_of(Arc::clone(&join) as _, Arc::clone(&task)).await;
    let spilled = join.metrics().unwrap().spill_count().unwrap_or(0);
    assert_eq!(multiset(&rows), multiset(&expected), "{case:?}");
    if ordered {
        assert_eq!(rows, expected, "{case:?}");
    }
    drop(join);
    assert_eq!(task.memory_pool().reserved(), 0);
    assert_eq!(task.runtime_env().disk_manager.used_disk_space(), 0);
    spilled
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, max_shrink_iters: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rows_are_those_of_the_engine(case in case()) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(check(&case));
    }
}
