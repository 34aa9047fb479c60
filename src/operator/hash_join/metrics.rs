//! What a spilling join tells about itself, beside the figures of the engine's own join.

use datafusion::physical_plan::metrics::{Count, ExecutionPlanMetricsSet, Gauge, MetricBuilder, SpillMetrics};

/// The figures of one output partition.
#[derive(Debug, Clone)]
pub(super) struct JoinMetrics {
    /// Files, bytes and rows written to disk.
    pub(super) spill: SpillMetrics,
    /// Partitions made on disk, at all levels.
    pub(super) partitions: Count,
    /// Blocks of build rows that the probe side was read again for.
    pub(super) blocks: Count,
    /// How many times rows were partitioned, at most.
    pub(super) depth: Gauge,
    /// The most bytes reserved at once.
    pub(super) peak: Gauge,
}

impl JoinMetrics {
    pub(super) fn new(metrics: &ExecutionPlanMetricsSet, partition: usize) -> Self {
        Self {
            spill: SpillMetrics::new(metrics, partition),
            partitions: MetricBuilder::new(metrics).counter("spill_partitions", partition),
            blocks: MetricBuilder::new(metrics).counter("blocks", partition),
            depth: MetricBuilder::new(metrics).gauge("recursion_depth", partition),
            peak: MetricBuilder::new(metrics).gauge("peak_reserved", partition),
        }
    }
}
