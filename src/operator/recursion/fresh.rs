//! The rows of a term that no step before has given.

use std::iter::Enumerate;
use std::vec::IntoIter;

use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;

use super::seen::{RowSet, Seen};
use crate::operator::spill::{Partition, Spool, rows_of};

/// The rows of `input`: all of them, or those that `seen` does not know yet.
pub(super) struct Fresh {
    input: Option<SendableRecordBatchStream>,
    seen: Option<Seen>,
    /// Rows of the input on disk, once those seen are.
    split: Option<Split>,
}

/// Rows on disk, partition by partition.
struct Split {
    partitions: Enumerate<IntoIter<Partition>>,
    open: Option<Open>,
}

/// A partition that is being read.
struct Open {
    number: usize,
    rows: SendableRecordBatchStream,
    seen: RowSet,
    fresh: Spool,
}

impl Fresh {
    pub(super) fn new(input: SendableRecordBatchStream, seen: Option<Seen>) -> Self {
        Self { input: Some(input), seen, split: None }
    }

    /// What is known when the input has ended.
    pub(super) fn into_seen(self) -> Option<Seen> {
        self.seen
    }

    pub(super) async fn next(&mut self) -> Result<Option<RecordBatch>> {
        let Some(seen) = &mut self.seen else {
            return match &mut self.input {
                Some(input) => input.next().await.transpose(),
                None => Ok(None),
            };
        };
        while let Some(mut input) = self.input.take() {
            let Some(batch) = input.next().await.transpose()? else { break };
            match seen.fresh(&batch).await? {
                Some(fresh) => {
                    self.input = Some(input);
                    return Ok(Some(fresh));
                }
                None => {
                    let partitions = seen.split(batch, input).await?;
                    self.split = Some(Split { partitions: partitions.into_iter().enumerate(), open: None });
                }
            }
        }
        match &mut self.split {
            Some(split) => split.next(seen).await,
            None => Ok(None),
        }
    }
}

impl Split {
    async fn next(&mut self, seen: &mut Seen) -> Result<Option<RecordBatch>> {
        loop {
            let Some(open) = &mut self.open else {
                let Some((number, partition)) = self.partitions.find(|(_, partition)| partition.rows() > 0) else {
                    return Ok(None);
                };
                let rows = rows_of(partition.segments, seen.schema());
                self.open = Some(Open { number, rows, seen: seen.load(number)?, fresh: seen.spool()? });
                continue;
            };
            match open.rows.next().await.transpose()? {
                Some(batch) => {
                    seen.reserve(&open.seen, batch.num_rows())?;
                    let fresh = open.seen.fresh(&batch)?;
                    open.fresh.push(&fresh)?;
                    return Ok(Some(fresh));
                }
                None => {
                    let (number, fresh) = (open.number, open.fresh.take());
                    self.open = None;
                    seen.extend(number, fresh);
                }
            }
        }
    }
}
