//! Functions whose values follow from a row's number and the number of rows.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Float64Array, UInt64Array};
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::{Result, ScalarValue};
use datafusion::physical_expr::expressions::Literal;
use datafusion::physical_expr::window::{StandardWindowExpr, WindowExpr};
use datafusion::physical_plan::windows::WindowUDFExpr;

use super::large::udf_name;
use super::running::Changes;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    /// `ntile(n)`: buckets of equal size, the first ones larger by a row.
    Ntile(u64),
    /// Rows before the first peer, of all rows but one.
    PercentRank,
    /// Rows up to the last peer, of all rows. Read backward, the last peer comes first.
    CumeDist,
}

/// One such function, on its way through the rows of a partition.
#[derive(Debug)]
pub(super) struct Numbered {
    kind: Kind,
    function: Arc<dyn WindowExpr>,
    total: u64,
    /// Rows behind us, and those of them before the first peer of the row at hand.
    seen: u64,
    before_peers: u64,
    peers: Changes,
}

impl Numbered {
    /// None for any other function.
    pub(super) fn new(function: &Arc<dyn WindowExpr>) -> Result<Option<Self>> {
        let Some(standard) = function.as_any().downcast_ref::<StandardWindowExpr>() else { return Ok(None) };
        let kind = match udf_name(standard) {
            Some("ntile") => match buckets(standard)? {
                Some(buckets) => Kind::Ntile(buckets),
                None => return Ok(None),
            },
            Some("percent_rank") => Kind::PercentRank,
            Some("cume_dist") => Kind::CumeDist,
            _ => return Ok(None),
        };
        let function = Arc::clone(function);
        Ok(Some(Self { kind, function, total: 0, seen: 0, before_peers: 0, peers: Changes::default() }))
    }

    /// Whether it reads the rows from the last to the first.
    pub(super) fn is_backward(&self) -> bool {
        self.kind == Kind::CumeDist
    }

    /// Starts on a partition of `total` rows.
    pub(super) fn begin(&mut self, total: u64) {
        self.total = total;
    }

    /// The values of the next rows.
    pub(super) fn next(&mut self, batch: &RecordBatch) -> Result<ArrayRef> {
        if let Kind::Ntile(buckets) = self.kind {
            let first = self.seen;
            self.seen += batch.num_rows() as u64;
            return Ok(Arc::new(UInt64Array::from_iter_values(
                (first..self.seen).map(|row| self.bucket(row, buckets)),
            )));
        }
        let order = self.function.order_by_columns(batch)?.into_iter().map(|column| column.values);
        let (groups, begins) = self.peers.find(&order.collect::<Vec<_>>(), batch.num_rows())?;
        let mut values = Vec::with_capacity(batch.num_rows());
        for (index, peers) in groups.into_iter().enumerate() {
            if index > 0 || begins {
                self.before_peers = self.seen;
            }
            self.seen += peers.len() as u64;
            values.extend(std::iter::repeat_n(self.share(), peers.len()));
        }
        Ok(Arc::new(Float64Array::from(values)))
    }

    fn share(&self) -> f64 {
        match self.kind {
            Kind::CumeDist => (self.total - self.before_peers) as f64 / self.total as f64,
            _ => self.before_peers as f64 / (self.total as f64 - 1.0).max(1.0),
        }
    }

    fn bucket(&self, row: u64, buckets: u64) -> u64 {
        let (size, larger) = (self.total / buckets, self.total % buckets);
        match row < larger * (size + 1) {
            true => row / (size + 1) + 1,
            false => larger + (row - larger * (size + 1)) / size.max(1) + 1,
        }
    }
}

/// The argument of `ntile`.
fn buckets(standard: &StandardWindowExpr) -> Result<Option<u64>> {
    let function = standard.get_standard_func_expr().as_any().downcast_ref::<WindowUDFExpr>();
    let argument = function.and_then(|function| function.args().first());
    let Some(literal) = argument.and_then(|argument| argument.downcast_ref::<Literal>()) else { return Ok(None) };
    match literal.value().cast_to(&DataType::UInt64)? {
        ScalarValue::UInt64(buckets) => Ok(buckets.filter(|buckets| *buckets > 0)),
        _ => Ok(None),
    }
}
