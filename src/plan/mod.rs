//! Rules of ours for logical and physical plans, in the order they run. One rule, one file.

mod aligned_joins;
mod atomic_writes;
mod cancellable_joins;
mod checked_arithmetic;
mod checked_sum;
mod collected_rows;
mod complete_aggregate;
mod distinct_aggregates;
mod even_probes;
mod expressions;
mod filtered_scans;
mod filtered_windows;
mod first_rows;
mod fixed_partitions;
mod function_bodies;
mod grouping_sets;
mod growing_rows;
mod interruptible_joins;
mod joins_in_turn;
mod large_scans;
mod large_top_rows;
mod long_rows;

mod merged_top_rows;
mod mode;
mod multiset_operations;
mod paged_scans;
mod parquet_writes;
mod partition;
mod row_width;
mod set_comparisons;
mod shared;
mod single_rows;
mod sized_files;
mod sorted_partitions;
mod spilling_aggregate;
mod spilling_join;
mod spilling_recursion;
mod spilling_repartition;
mod spilling_sort;
mod spilling_window;
mod subquery;
mod subquery_values;
mod sum_accumulator;
mod unions_in_turn;
mod unnested_keys;
mod volatile_keys;
mod wide_keys;

use std::sync::Arc;

use datafusion::optimizer::{Analyzer, AnalyzerRule, Optimizer, OptimizerRule};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;

use aligned_joins::AlignedJoins;
use atomic_writes::AtomicWrites;
pub(crate) use cancellable_joins::cancellable_joins;
use checked_arithmetic::CheckedArithmetic;
use checked_sum::CheckedSums;
use distinct_aggregates::DistinctAggregates;
use even_probes::EvenProbes;
use filtered_scans::FilteredScans;
use filtered_windows::FilteredWindows;
use first_rows::FirstRows;
use fixed_partitions::FixedPartitions;
use function_bodies::FunctionBodies;
pub(crate) use function_bodies::inline_bodies;
use grouping_sets::GroupingSets;
use growing_rows::GrowingRows;
use interruptible_joins::InterruptibleJoins;
use joins_in_turn::JoinsInTurn;
use large_scans::LargeScans;
use large_top_rows::LargeTopRows;
use long_rows::LongRows;

use merged_top_rows::MergedTopRows;
pub(crate) use mode::mode;
use multiset_operations::MultisetOperations;
use paged_scans::PagedScans;
use parquet_writes::ParquetWrites;
pub(crate) use partition::{PartitionNode, Partitions, query_planner};
use set_comparisons::SetComparisons;
pub(crate) use shared::{largest_shared, replace};
use single_rows::SingleRows;
pub(crate) use sized_files::sized_files;
use sorted_partitions::SortedPartitions;
use spilling_aggregate::SpillingAggregate;
use spilling_join::SpillingJoin;
use spilling_recursion::SpillingRecursion;
use spilling_repartition::SpillingRepartition;
use spilling_sort::SpillingSort;
use spilling_window::SpillingWindow;
use subquery_values::SubqueryValues;
use unions_in_turn::UnionsInTurn;
use unnested_keys::UnnestedKeys;
use volatile_keys::VolatileKeys;
use wide_keys::WideKeys;

/// The analyzer rules in their order: the bodies of functions, ours that say a query in words that the engine has a plan for, the engine's,
/// which find the types, ours that need them.
pub(crate) fn analyzer_rules() -> Vec<Arc<dyn AnalyzerRule + Send + Sync>> {
    let mut rules: Vec<Arc<dyn AnalyzerRule + Send + Sync>> = vec![
        Arc::new(FunctionBodies),
        Arc::new(VolatileKeys),
        Arc::new(MultisetOperations),
        Arc::new(SetComparisons),
        Arc::new(SubqueryValues),
        Arc::new(SingleRows),
        Arc::new(UnnestedKeys),
    ];
    rules.extend(Analyzer::new().rules);
    rules.push(Arc::new(CheckedSums));
    rules.push(Arc::new(CheckedArithmetic));
    rules
}

/// The logical rules in their order: the engine's, and ours before the one that says what it could not without.
pub(crate) fn optimizer_rules() -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    let mut rules = Optimizer::new().rules;
    let distinct = rules.iter().position(|rule| rule.name() == "single_distinct_aggregation_to_group_by");
    let distinct = distinct.unwrap_or(rules.len());
    rules.insert(distinct, Arc::new(DistinctAggregates));
    rules.insert(distinct, Arc::new(GroupingSets));
    rules.push(Arc::new(FilteredWindows));
    rules
}

/// The physical rules in their order: ours that ask for sorts, the engine's, ours that wrap what came out.
pub(crate) fn physical_rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let mut rules = PhysicalOptimizer::new().rules;
    rules.insert(0, Arc::new(SortedPartitions));
    let exchanges = rules.iter().position(|rule| rule.name() == "EnsureRequirements");
    let exchanges = exchanges.unwrap_or(rules.len());
    rules.insert(exchanges, Arc::new(AlignedJoins));
    rules.insert(exchanges, Arc::new(WideKeys));
    rules.insert(exchanges, Arc::new(FirstRows));
    rules.insert(exchanges, Arc::new(GrowingRows));
    rules.push(Arc::new(FixedPartitions));
    rules.push(Arc::new(ParquetWrites));
    rules.push(Arc::new(AtomicWrites));
    rules.push(Arc::new(PagedScans));
    rules.push(Arc::new(FilteredScans));
    rules.push(Arc::new(EvenProbes));
    rules.push(Arc::new(JoinsInTurn));
    rules.push(Arc::new(UnionsInTurn));
    rules.push(Arc::new(MergedTopRows));
    rules.push(Arc::new(LargeTopRows));
    rules.push(Arc::new(SpillingAggregate));
    rules.push(Arc::new(SpillingJoin));
    rules.push(Arc::new(SpillingSort));
    rules.push(Arc::new(SpillingWindow));
    rules.push(Arc::new(SpillingRecursion));
    rules.push(Arc::new(SpillingRepartition));
    rules.push(Arc::new(InterruptibleJoins));
    rules.push(Arc::new(LongRows));
    rules.push(Arc::new(LargeScans));
    rules
}
