//! The logical node.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use datafusion::common::{DFSchemaRef, Result, internal_err};
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, UserDefinedLogicalNodeCore};

use crate::operator::MapFunction;

/// What happens to the partitions of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Partitions {
    /// They are as a function over them would find them: a single large file is split.
    Kept,
    /// Rows are dealt out to exactly so many.
    Count(usize),
    /// Rows are dealt out by the hash of these keys, to exactly so many.
    Keys(Vec<Expr>, usize),
    /// Only this one is left, counted from 0.
    Picked(usize),
    /// Each becomes what a function makes of it, of these columns.
    Mapped(MapFunction, DFSchemaRef),
}

/// A plan with something said about its partitions. No rule of the engine knows what is said, so that none takes it back.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct PartitionNode {
    pub(super) input: LogicalPlan,
    pub(super) partitions: Partitions,
}

impl PartitionNode {
    /// The plan of that node.
    pub(crate) fn plan(input: LogicalPlan, partitions: Partitions) -> LogicalPlan {
        LogicalPlan::Extension(Extension { node: Arc::new(Self { input, partitions }) })
    }

    /// Whether the same rows come out in whatever partition, so that a filter may as well come first.
    fn keeps_rows(&self) -> bool {
        matches!(self.partitions, Partitions::Kept | Partitions::Count(_) | Partitions::Keys(..))
    }
}

impl PartialOrd for PartitionNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self == other).then_some(Ordering::Equal)
    }
}

impl UserDefinedLogicalNodeCore for PartitionNode {
    fn name(&self) -> &str {
        match self.partitions {
            Partitions::Kept => "Partitions",
            Partitions::Count(_) | Partitions::Keys(..) => "Exchange",
            Partitions::Picked(_) => "Partition",
            Partitions::Mapped(..) => "MapPartitions",
        }
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        match &self.partitions {
            Partitions::Mapped(_, schema) => schema,
            _ => self.input.schema(),
        }
    }

    fn expressions(&self) -> Vec<Expr> {
        match &self.partitions {
            Partitions::Keys(keys, _) => keys.clone(),
            _ => Vec::new(),
        }
    }

    fn prevent_predicate_push_down_columns(&self) -> HashSet<String> {
        if self.keeps_rows() {
            return HashSet::new();
        }
        self.schema().fields().iter().map(|field| field.name().clone()).collect()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.partitions {
            Partitions::Kept => f.write_str("Partitions"),
            Partitions::Count(count) => write!(f, "Exchange: partitions={count}"),
            Partitions::Keys(keys, count) => {
                let keys = keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                write!(f, "Exchange: keys=[{keys}], partitions={count}")
            }
            Partitions::Picked(partition) => write!(f, "Partition: {partition}"),
            Partitions::Mapped(_, schema) => write!(f, "MapPartitions: columns=[{}]", schema.field_names().join(", ")),
        }
    }

    fn with_exprs_and_inputs(&self, exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        let Ok([input]) = <[LogicalPlan; 1]>::try_from(inputs) else {
            return internal_err!("a node about partitions has one input");
        };
        let partitions = match &self.partitions {
            Partitions::Keys(_, count) => Partitions::Keys(exprs, *count),
            other => other.clone(),
        };
        Ok(Self { input, partitions })
    }

    /// A function may use any column. Which rows a partition has may hang on the columns that its plan reads.
    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        self.keeps_rows().then(|| vec![output_columns.to_vec()])
    }
}
