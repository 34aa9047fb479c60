//! What each operator of a query did.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::{DisplayFormatType, ExecutionPlan};
use serde::{Serialize, Serializer};

use super::drawing::{Drawing, one_line};
use super::{Figures, Monitor};
use crate::error::Result;
use crate::memory::bytes;

/// What one operator of a query did, all its partitions together.
///
/// ```
/// use partita::OperatorFigures;
/// let figures = OperatorFigures { rows: Some(1234), spilled_bytes: 2_000_000, ..Default::default() };
/// assert_eq!(figures.to_string(), "1,234 rows · spilled 2.0 MB");
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct OperatorFigures {
    /// Rows that came out, where the operator counts them.
    pub rows: Option<u64>,
    /// Time it worked, added up over its partitions, where it measures it. Waiting for its input does not count.
    #[serde(rename = "seconds", serialize_with = "as_seconds")]
    pub elapsed: Option<Duration>,
    /// The most bytes it held, added up over its partitions, where it tells.
    #[serde(rename = "peak_reserved")]
    pub peak_memory: Option<u64>,
    /// Bytes it wrote to spill files.
    pub spilled_bytes: u64,
    /// Partitions it made on disk, at all levels.
    pub spill_partitions: u64,
    /// How many times it partitioned the same rows, at most: more than once where a partition did not fit either.
    pub recursion_depth: u64,
}

fn as_seconds<S: Serializer>(elapsed: &Option<Duration>, to: S) -> std::result::Result<S::Ok, S::Error> {
    elapsed.map(|elapsed| elapsed.as_secs_f64()).serialize(to)
}

/// Names under which operators tell the most bytes that they held.
const PEAKS: [&str; 4] = ["peak_reserved", "peak_mem_used", "build_mem_used", "mem_used"];

impl OperatorFigures {
    pub(super) fn of(plan: &dyn ExecutionPlan) -> Self {
        plan.metrics().map(|metrics| Self::from_metrics(&metrics)).unwrap_or_default()
    }

    fn from_metrics(metrics: &MetricsSet) -> Self {
        let sum = |name: &str| metrics.sum_by_name(name).map(|value| value.as_usize() as u64);
        let nanoseconds = metrics.elapsed_compute().map(|time| time as u64).filter(|time| *time > 0);
        let scanning = || sum("time_elapsed_processing").filter(|time| *time > 0);
        Self {
            rows: metrics.output_rows().map(|rows| rows as u64),
            elapsed: nanoseconds.or_else(scanning).map(Duration::from_nanos),
            peak_memory: PEAKS.iter().find_map(|name| sum(name)),
            spilled_bytes: metrics.spilled_bytes().unwrap_or(0) as u64,
            spill_partitions: sum("spill_partitions").unwrap_or(0),
            recursion_depth: deepest(metrics),
        }
    }
}

/// A depth does not add up over partitions.
fn deepest(metrics: &MetricsSet) -> u64 {
    let depths = metrics.iter().map(|metric| metric.value()).filter(|value| value.name() == "recursion_depth");
    depths.map(|depth| depth.as_usize() as u64).max().unwrap_or(0)
}

/// In one line, with what is known: `1,234 rows · 5.6 ms · 7.0 MB · spilled 8.0 MB · 32 partitions on disk, 1 deep`.
impl fmt::Display for OperatorFigures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        parts.extend(self.rows.map(|rows| format!("{} rows", grouped(rows))));
        parts.extend(self.elapsed.map(seconds));
        parts.extend(self.peak_memory.filter(|peak| *peak > 0).map(bytes));
        if self.spilled_bytes > 0 {
            parts.push(format!("spilled {}", bytes(self.spilled_bytes)));
        }
        if self.spill_partitions > 0 {
            let (partitions, depth) = (grouped(self.spill_partitions), self.recursion_depth);
            parts.push(format!("{partitions} partitions on disk, {depth} deep"));
        }
        f.pad(&parts.join(" · "))
    }
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn seconds(time: Duration) -> String {
    match time.as_secs_f64() {
        s if s >= 1.0 => format!("{s:.2} s"),
        s if s >= 0.001 => format!("{:.1} ms", s * 1e3),
        s => format!("{:.0} µs", s * 1e6),
    }
}

/// One operator of a query, as [`Profile::operators`] and the file of `--report` list them.
///
/// ```
/// use partita::{OperatorFigures, OperatorReport};
/// let operator = OperatorReport { depth: 0, operator: "UnionExec".into(), figures: OperatorFigures::default() };
/// assert_eq!(operator.figures.spilled_bytes, 0);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OperatorReport {
    /// How many operators take rows of it, one of another; 0 for the last.
    pub depth: usize,
    /// Its name and what it does, as EXPLAIN has it.
    pub operator: String,
    /// What it did.
    #[serde(flatten)]
    pub figures: OperatorFigures,
}

/// A query's operators with what they did: printed, the plan as a tree, a line each with its rows, time, memory and
/// spill. [`Frame::explain_analyze`](crate::Frame::explain_analyze) makes it of a finished query,
/// [`Monitor::profile`](crate::Monitor::profile) of one that may still run.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("plan.svg");
/// let ctx = partita::Context::builder().build()?;
/// let frame = ctx.sql("SELECT value % 3 AS k, count(*) FROM generate_series(1, 1000) GROUP BY 1").await?;
/// let profile = frame.explain_analyze().await?;
/// assert_eq!(profile.figures().rows, 3);
/// assert_eq!(profile.operators()[0].figures.rows, Some(3));
/// println!("{profile}");
/// profile.visualize(&path)?; // .svg, .dot or .html
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Profile {
    plan: Arc<dyn ExecutionPlan>,
    figures: Figures,
}

impl Profile {
    pub(super) fn new(monitor: &Monitor) -> Self {
        Self { plan: Arc::clone(monitor.physical_plan()), figures: monitor.figures() }
    }

    /// The figures of the whole query.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = partita::Context::builder().build()?;
    /// let profile = ctx.sql("SELECT * FROM generate_series(1, 3)").await?.explain_analyze().await?;
    /// assert_eq!(profile.figures().rows, 3);
    /// # Ok(()) }
    /// ```
    pub fn figures(&self) -> Figures {
        self.figures
    }

    /// The operators from the last to the first.
    ///
    /// ```
    /// # use partita::OperatorReport;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = partita::Context::builder().build()?;
    /// let profile = ctx.sql("SELECT * FROM generate_series(1, 3)").await?.explain_analyze().await?;
    /// for OperatorReport { depth, operator, figures } in profile.operators() {
    ///     println!("{}{operator}: {figures}", "  ".repeat(depth));
    /// }
    /// # Ok(()) }
    /// ```
    pub fn operators(&self) -> Vec<OperatorReport> {
        let mut operators = Vec::new();
        visit(self.plan.as_ref(), 0, &mut operators);
        operators
    }

    /// Draws the operators with what they did into a file: `.svg`, `.dot` or `.html`.
    ///
    /// Errors: another extension; a place that cannot be written to.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("plan.html");
    /// # let ctx = partita::Context::builder().build()?;
    /// let profile = ctx.sql("SELECT * FROM generate_series(1, 3)").await?.explain_analyze().await?;
    /// profile.visualize(&path)?;
    /// assert!(path.exists());
    /// # Ok(()) }
    /// ```
    pub fn visualize(&self, path: impl AsRef<Path>) -> Result<()> {
        Drawing::of_run(self.plan.as_ref()).write(path.as_ref())
    }
}

fn visit(plan: &dyn ExecutionPlan, depth: usize, operators: &mut Vec<OperatorReport>) {
    let operator = one_line(plan, DisplayFormatType::Default);
    operators.push(OperatorReport { depth, operator, figures: OperatorFigures::of(plan) });
    for child in plan.children() {
        visit(child.as_ref(), depth + 1, operators);
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Figures { rows, elapsed, peak_reserved, spilled_bytes, .. } = self.figures;
        let (peak, spilled) = (bytes(peak_reserved), bytes(spilled_bytes));
        writeln!(f, "{} rows in {}, peak {peak} reserved, {spilled} spilled", grouped(rows), seconds(elapsed))?;
        for OperatorReport { depth, operator, figures } in self.operators() {
            let indent = "  ".repeat(depth);
            writeln!(f, "{indent}{operator}")?;
            writeln!(f, "{indent}    → {figures}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_for_people() {
        let figures = OperatorFigures {
            rows: Some(1_234_567),
            elapsed: Some(Duration::from_micros(1500)),
            peak_memory: Some(0),
            spilled_bytes: 2_000_000,
            ..OperatorFigures::default()
        };
        assert_eq!(figures.to_string(), "1,234,567 rows · 1.5 ms · spilled 2.0 MB");
        let figures = OperatorFigures { spill_partitions: 64, recursion_depth: 2, ..Default::default() };
        assert_eq!(figures.to_string(), "64 partitions on disk, 2 deep");
        assert_eq!(OperatorFigures::default().to_string(), "");
        assert_eq!((grouped(0), grouped(999), grouped(1000)), ("0".into(), "999".into(), "1,000".into()));
    }
}
