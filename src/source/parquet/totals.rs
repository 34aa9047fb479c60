//! Figures of many scans, added up.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, Metric, MetricValue};
use parking_lot::Mutex;

/// One figure of each name and partition, however many scans have told theirs.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    shown: ExecutionPlanMetricsSet,
    /// The values are those that are shown: copies of a metric's value share what they count.
    sums: Mutex<HashMap<(String, usize), MetricValue>>,
}

impl Totals {
    /// Adds the figures of a scan that a partition had.
    pub(crate) fn add(&self, scan: &ExecutionPlanMetricsSet, partition: usize) {
        self.add_some(scan, partition, |_| true);
    }

    /// Adds the figures of a scan whose rows are counted already, in other columns.
    pub(crate) fn add_columns(&self, scan: &ExecutionPlanMetricsSet, partition: usize) {
        let is_of_rows =
            |value: &MetricValue| matches!(value, MetricValue::OutputRows(_) | MetricValue::OutputBatches(_));
        self.add_some(scan, partition, |value| !is_of_rows(value));
    }

    fn add_some(&self, scan: &ExecutionPlanMetricsSet, partition: usize, wanted: impl Fn(&MetricValue) -> bool) {
        let mut sums = self.sums.lock();
        for metric in scan.clone_inner().iter().filter(|metric| wanted(metric.value())) {
            let value = metric.value();
            let sum = sums.entry((value.name().to_string(), partition)).or_insert_with(|| {
                let sum = value.new_empty();
                let mut shown = Metric::new(sum.clone(), Some(partition)).with_type(metric.metric_type());
                if let Some(category) = metric.metric_category() {
                    shown = shown.with_category(category);
                }
                self.shown.register(Arc::new(shown));
                sum
            });
            sum.aggregate(value);
        }
    }

    /// The sums so far.
    pub(crate) fn metrics(&self) -> ExecutionPlanMetricsSet {
        self.shown.clone()
    }
}

#[cfg(test)]
mod tests {
    use datafusion::physical_plan::metrics::MetricBuilder;

    use super::*;

    #[test]
    fn figures_of_a_name_are_one() {
        let totals = Totals::default();
        for file in 0..1_000 {
            let scan = ExecutionPlanMetricsSet::new();
            let label = format!("{file}.parquet");
            MetricBuilder::new(&scan).with_new_label("filename", label).counter("bytes_scanned", 0).add(3);
            MetricBuilder::new(&scan).output_rows(0).add(2);
            totals.add(&scan, file % 2);
        }
        let shown = totals.metrics().clone_inner();
        assert_eq!(shown.iter().count(), 4);
        assert_eq!(shown.sum_by_name("bytes_scanned").map(|sum| sum.as_usize()), Some(3_000));
        assert_eq!(shown.output_rows(), Some(2_000));
    }
}
