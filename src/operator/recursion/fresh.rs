//! The rows of a term that no step before has given.

use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;

use super::seen::{RowSet, Seen};
use crate::operator::spill::{DEEPEST, Partition, Segment, Spool, rows_of};

/// The rows of `input`: all of them, or those that `seen` does not know yet.
pub(super) struct Fresh {
    input: Option<SendableRecordBatchStream>,
    seen: Option<Seen>,
    /// Rows of the input on disk, once those seen are.
    split: Option<Split>,
}

/// Rows of the input on disk beside those seen, partition by partition.
///
/// ```text
/// seen   0  1  2 …      both fit: rows that are new come out, and are seen
/// input  0  1  2 …      they do not: both are split again, with another hash seed
/// ```
#[derive(Default)]
struct Split {
    /// The next one is the last.
    pairs: Vec<Pair>,
    open: Option<Open>,
}

/// Rows of the input, and those seen that may be the same.
struct Pair {
    /// The partition of [`Seen`] that they are of.
    partition: usize,
    /// How many times they were split.
    level: usize,
    seen: Vec<Segment>,
    input: Vec<Segment>,
}

/// A pair that is being read.
struct Open {
    pair: Pair,
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
                    let split = self.split.insert(Split::default());
                    split.add(partitions, 1, |partition| (partition, seen.segments(partition).to_vec()));
                }
            }
        }
        match &mut self.split {
            Some(split) => split.next(seen).await,
            None => Ok(None),
        }
    }
}

impl Pair {
    fn can_split(&self) -> bool {
        self.level < DEEPEST
    }
}

impl Split {
    /// Pairs of the partitions of the input that have rows, with those seen.
    fn add<F>(&mut self, input: Vec<Partition>, level: usize, seen: F)
    where
        F: Fn(usize) -> (usize, Vec<Segment>),
    {
        let rows = input.into_iter().enumerate().filter(|(_, input)| input.rows() > 0);
        self.pairs.extend(rows.map(|(index, input)| {
            let (partition, seen) = seen(index);
            Pair { partition, level, seen, input: input.segments }
        }));
    }

    async fn next(&mut self, seen: &mut Seen) -> Result<Option<RecordBatch>> {
        loop {
            let fresh = match (self.open.take(), self.pairs.pop()) {
                (Some(open), pair) => {
                    self.pairs.extend(pair);
                    self.read(open, seen).await?
                }
                (None, Some(pair)) => {
                    self.open(pair, seen).await?;
                    None
                }
                (None, None) => return Ok(None),
            };
            if fresh.is_some() {
                return Ok(fresh);
            }
        }
    }

    async fn open(&mut self, mut pair: Pair, seen: &mut Seen) -> Result<()> {
        let rows = rows_of(std::mem::take(&mut pair.input), seen.schema(), seen.share());
        match seen.load(&pair.seen, pair.can_split())? {
            Some(loaded) => {
                self.open = Some(Open { pair, rows, seen: loaded, fresh: seen.spool()? });
                Ok(())
            }
            None => self.split_again(pair, None, rows, seen).await,
        }
    }

    /// The next rows that are new; none where the pair has ended, or was split.
    async fn read(&mut self, mut open: Open, seen: &mut Seen) -> Result<Option<RecordBatch>> {
        let Some(batch) = open.rows.next().await.transpose()? else {
            seen.give_back();
            seen.extend(open.pair.partition, open.fresh.take());
            return Ok(None);
        };
        if seen.reserve(open.seen.bytes_with(batch.num_rows()), open.pair.can_split())? {
            let fresh = open.seen.fresh(&batch)?;
            open.fresh.push(&fresh)?;
            self.open = Some(open);
            return Ok(Some(fresh));
        }
        let Open { mut pair, rows, seen: loaded, mut fresh } = open;
        drop(loaded);
        let fresh = fresh.take();
        seen.extend(pair.partition, fresh.clone());
        pair.seen.extend(fresh);
        self.split_again(pair, Some(batch), rows, seen).await?;
        Ok(None)
    }

    async fn split_again(
        &mut self,
        pair: Pair,
        first: Option<RecordBatch>,
        rows: SendableRecordBatchStream,
        seen: &mut Seen,
    ) -> Result<()> {
        seen.give_back();
        let known = rows_of(pair.seen, seen.schema(), seen.share());
        let known = seen.split_again(pair.level, None, None, known).await?;
        let input = seen.split_again(pair.level, Some(known.len()), first, rows).await?;
        self.add(input, pair.level + 1, |index| (pair.partition, known[index].segments.clone()));
        Ok(())
    }
}
