//! The rules, one by one, and under threads.

use std::sync::Arc;

use super::*;

fn budget() -> (Arc<dyn MemoryPool>, usize) {
    // Far above what the test process holds, so that the resident size never decides.
    let budget = Budget::new(MemoryLimit::new(1 << 40).unwrap());
    let capacity = budget.capacity();
    (Arc::new(budget), capacity)
}

fn consumer(pool: &Arc<dyn MemoryPool>, name: &str, spills: bool) -> MemoryReservation {
    MemoryConsumer::new(name).with_can_spill(spills).register(pool)
}

#[test]
fn one_sort_alone_may_take_all_but_the_protected_reserve() {
    let (pool, capacity) = budget();
    let sort = consumer(&pool, "sort", true);
    sort.try_grow(capacity - capacity / 8 - 8).unwrap();
    assert!(sort.try_grow(1 << 20).is_err());
    consumer(&pool, "merge", false).try_grow(capacity / 8).unwrap();
}

#[test]
fn shares_are_fair_once_half_is_gone() {
    let (pool, capacity) = budget();
    let (first, second) = (consumer(&pool, "first", true), consumer(&pool, "second", true));
    first.try_grow(capacity / 2).unwrap();
    assert!(first.try_grow(capacity / 8).is_err(), "above its share while room is short");
    second.try_grow(capacity / 4).unwrap();
}

/// FairSpillPool let every consumer grow to its share whatever the others held, so that the sum passed the limit.
#[test]
fn the_sum_never_passes_the_capacity() {
    let (pool, capacity) = budget();
    let consumers: Vec<_> = (0..8).map(|_| consumer(&pool, "c", true)).collect();
    let step = capacity / 100;
    std::thread::scope(|scope| {
        for reservation in &consumers {
            scope.spawn(|| {
                for _ in 0..100 {
                    let _ = reservation.try_grow(step);
                }
            });
        }
    });
    assert!(pool.reserved() <= capacity);
    drop(consumers);
    assert_eq!(pool.reserved(), 0);
}

/// A merge of sorted runs was refused ten megabytes and its query died, while half of what was reserved, the sorts'
/// copies of rows that they had not made yet, was not held by anybody.
#[test]
fn who_cannot_spill_may_have_what_is_not_held_within_the_limit() {
    let (pool, capacity) = budget();
    let (sort, merge) = (consumer(&pool, "sort", true), consumer(&pool, "merge", false));
    sort.try_grow(capacity / 8 * 7).unwrap();
    merge.try_grow(capacity / 8 + (1 << 30)).unwrap();
    assert!(sort.try_grow(1).is_err() && merge.try_grow(1 << 40).is_err());
}

#[test]
fn a_partial_aggregate_stays_small() {
    let (pool, capacity) = budget();
    let partial = consumer(&pool, "PartialHashAggregateStream[0]", true);
    partial.try_grow(capacity / 20).unwrap();
    assert!(partial.try_grow(capacity / 20).is_err());
}

/// A table of ten equal batches, without a disk.
#[derive(Debug)]
struct Table {
    batches: Mutex<Vec<MemoryReservation>>,
}

impl Evict for Table {
    fn evict(&self, bytes: usize) -> usize {
        let mut freed = 0;
        while freed < bytes {
            let Some(batch) = self.batches.lock().pop() else { break };
            freed += batch.free();
        }
        freed
    }
}

fn table(budget: &Arc<Budget>, bytes: usize) -> Arc<Table> {
    let pool: Arc<dyn MemoryPool> = Arc::clone(budget) as _;
    let first = consumer(&pool, "StoredTable[t][0]", true);
    let table = Arc::new(Table { batches: Mutex::default() });
    let evict: Arc<dyn Evict> = Arc::clone(&table) as _;
    budget.mark_evictable(first.consumer().id(), Arc::downgrade(&evict));
    for _ in 0..10 {
        let batch = first.new_empty();
        batch.try_grow(bytes / 10).unwrap();
        table.batches.lock().push(batch);
    }
    table
}

#[test]
fn a_table_gives_way_to_those_who_ask_and_to_no_table() {
    let budget = Arc::new(Budget::new(MemoryLimit::new(1 << 40).unwrap()));
    let pool: Arc<dyn MemoryPool> = Arc::clone(&budget) as _;
    let capacity = budget.capacity();
    let first = table(&budget, capacity / 2);
    let second = table(&budget, capacity / 4);
    let batch = second.batches.lock()[0].new_empty();
    assert!(batch.try_grow(capacity / 4).is_err(), "a table drove another out");
    let sort = consumer(&pool, "sort", true);
    sort.try_grow(capacity / 2).unwrap();
    assert!(first.batches.lock().len() < 10, "the largest leaves first");
    assert_eq!(second.batches.lock().len(), 10);
    consumer(&pool, "join", false).try_grow(capacity / 2).unwrap();
    assert_eq!(first.batches.lock().len() + second.batches.lock().len(), 0);
    drop(sort);
    assert_eq!(pool.reserved(), 0);
}

#[test]
fn a_refusal_that_eviction_would_not_mend_evicts_nothing() {
    let budget = Arc::new(Budget::new(MemoryLimit::new(1 << 40).unwrap()));
    let pool: Arc<dyn MemoryPool> = Arc::clone(&budget) as _;
    let table = table(&budget, budget.capacity() / 2);
    assert!(consumer(&pool, "join", false).try_grow(budget.capacity() + 1).is_err());
    assert_eq!(table.batches.lock().len(), 10);
}

/// Joins asked at once, and the one that found the table already leaving, or the room it had made taken by another,
/// was refused and died.
#[test]
fn whoever_waits_for_an_eviction_finds_its_room() {
    let budget = Arc::new(Budget::new(MemoryLimit::new(1 << 40).unwrap()));
    let pool: Arc<dyn MemoryPool> = Arc::clone(&budget) as _;
    let capacity = budget.capacity();
    let _table = table(&budget, capacity / 8 * 7 - 16);
    let joins: Vec<_> = (0..8).map(|_| consumer(&pool, "join", false)).collect();
    std::thread::scope(|scope| {
        for join in &joins {
            scope.spawn(|| (0..64).for_each(|_| join.try_grow(capacity / 512).unwrap()));
        }
    });
    assert!(pool.reserved() <= capacity);
}

#[test]
fn a_smaller_limit_sends_tables_to_disk() {
    let budget = Arc::new(Budget::new(MemoryLimit::new(1 << 40).unwrap()));
    let table = table(&budget, budget.capacity() / 2);
    budget.set_limit(MemoryLimit::new(1 << 38).unwrap());
    assert!(table.batches.lock().len() < 10 && budget.reserved() <= budget.capacity());
}

/// After a COPY of long rows 75 MB were free and kept, 35 MB of code came back within 2 ms to plan the next statement, and
/// the process had 133 MB of its 128.
#[test]
fn a_statement_finds_room_for_its_code() {
    let budget = Arc::new(Budget::new(MemoryLimit::new(1 << 40).unwrap()));
    let pool: Arc<dyn MemoryPool> = Arc::clone(&budget) as _;
    let table = table(&budget, 10 << 20);
    let held = vec![1u8; 96 << 20];
    budget.expect_statement();
    assert_eq!(table.batches.lock().len(), 10, "there is room");
    budget.set_limit(MemoryLimit::smallest());
    let sort = consumer(&pool, "sort", true);
    budget.expect_statement();
    assert_eq!(table.batches.lock().len(), 10, "another statement runs: its operators share what there is");
    drop(sort);
    budget.expect_statement();
    assert!(table.batches.lock().len() < 10, "{} bytes are held", held.len());
}

#[test]
fn a_refusal_names_operator_and_bytes() {
    let (pool, capacity) = budget();
    let join = consumer(&pool, "HashJoinInput[0]", false);
    let message = join.try_grow(capacity + (1 << 40)).unwrap_err().to_string();
    assert!(message.contains("HashJoinInput[0]") && message.contains("memory limit"), "{message}");
}
