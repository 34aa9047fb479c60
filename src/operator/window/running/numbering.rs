//! `row_number`, `rank`, `dense_rank`.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::UInt64Array;
use datafusion::common::Result;

use super::parts::Parts;
use super::values::{Function, Values};

/// Which number a row has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    RowNumber,
    /// Rows before the first peer, and one.
    Rank,
    /// Groups of peers up to its own.
    DenseRank,
}

/// A function that numbers rows, and where it is.
pub(super) struct Numbering {
    kind: Kind,
    /// Rows of the partition behind us.
    seen: u64,
    rank: u64,
    dense_rank: u64,
}

impl Numbering {
    /// None for any other function.
    pub(super) fn new(name: &str) -> Option<Self> {
        let kind = match name {
            "row_number" => Kind::RowNumber,
            "rank" => Kind::Rank,
            "dense_rank" => Kind::DenseRank,
            _ => return None,
        };
        Some(Self { kind, seen: 0, rank: 0, dense_rank: 0 })
    }

    fn row_numbers(&mut self, parts: &Parts, numbers: &mut Vec<u64>) {
        for part in &parts.partitions {
            if part.starts_partition {
                self.seen = 0;
            }
            let before = self.seen;
            self.seen += part.rows.len() as u64;
            numbers.extend(before + 1..=self.seen);
        }
    }

    fn ranks(&mut self, parts: &Parts, numbers: &mut Vec<u64>) {
        for part in &parts.peers {
            if part.starts_partition {
                (self.seen, self.dense_rank) = (0, 0);
            }
            if part.starts_peers {
                self.rank = self.seen + 1;
                self.dense_rank += 1;
            }
            self.seen += part.rows.len() as u64;
            let number = if self.kind == Kind::Rank { self.rank } else { self.dense_rank };
            numbers.extend(std::iter::repeat_n(number, part.rows.len()));
        }
    }
}

#[async_trait]
impl Function for Numbering {
    async fn push(&mut self, parts: &Parts, values: &mut [Values]) -> Result<()> {
        let mut numbers = Vec::with_capacity(parts.batch.num_rows());
        match self.kind {
            Kind::RowNumber => self.row_numbers(parts, &mut numbers),
            Kind::Rank | Kind::DenseRank => self.ranks(parts, &mut numbers),
        }
        values[0].push(Arc::new(UInt64Array::from(numbers)))
    }

    async fn finish(&mut self, _: &mut [Values]) -> Result<()> {
        Ok(())
    }
}
