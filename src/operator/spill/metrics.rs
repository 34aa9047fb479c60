//! What an operator that spills tells about itself.

use datafusion::physical_plan::metrics::{Count, ExecutionPlanMetricsSet, Gauge, MetricBuilder, SpillMetrics};

/// The figures of one output partition.
#[derive(Debug, Clone)]
pub(in crate::operator) struct SpillFigures {
    /// Files, bytes and rows written to disk.
    pub(in crate::operator) spill: SpillMetrics,
    /// Partitions made on disk, at all levels.
    pub(in crate::operator) partitions: Count,
    /// Blocks of build rows that the probe side was read again for.
    pub(in crate::operator) blocks: Count,
    /// How many times rows were partitioned, at most.
    pub(in crate::operator) depth: Gauge,
    /// The most bytes reserved at once.
    pub(in crate::operator) peak: Gauge,
}

impl SpillFigures {
    pub(in crate::operator) fn new(metrics: &ExecutionPlanMetricsSet, partition: usize) -> Self {
        Self {
            spill: SpillMetrics::new(metrics, partition),
            partitions: MetricBuilder::new(metrics).counter("spill_partitions", partition),
            blocks: MetricBuilder::new(metrics).counter("blocks", partition),
            depth: MetricBuilder::new(metrics).gauge("recursion_depth", partition),
            peak: MetricBuilder::new(metrics).gauge("peak_reserved", partition),
        }
    }
}
