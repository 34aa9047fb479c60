//! The join of a build partition that no hash can split: in blocks that fit, the probe side read again for each.

use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, BooleanArray, BooleanBufferBuilder};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::datatypes::UInt64Type;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::{JoinType, Result};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::memory::MemoryStream;
use futures::StreamExt;

use super::attempt::ProbeSide;
use super::grace::PairJoin;
use super::order::number_rows;
use crate::error::Error;
use crate::memory::bytes;
use crate::operator::slot::plan_of;
use crate::operator::spill::{Footprint, Loan, Partition, capacity, rows_of, select};

/// Joins `build` with `probe` in blocks of build rows.
///
/// Every pair of rows meets in exactly one block, and so does a build row with all of the probe side: what a join says
/// of its build rows is right block by block. What it says of probe rows is known after the last: a bit for each
/// probe row is kept across blocks, and the probe side is read once more.
pub(super) async fn join(pairs: &PairJoin<'_>, build: Partition, probe: Partition) -> Result<()> {
    let mut met = emits_probe_rows(pairs.join.shape.join_type()).then(|| Met::new(probe.rows(), pairs.join.loan()));
    let mut blocks = Blocks { rows: pairs.build_rows(build.segments), waiting: Vec::new(), pairs };
    while let Some((block, loan)) = blocks.next().await? {
        pairs.join.metrics.blocks.add(1);
        join_block(pairs, block, &loan, &probe, met.as_mut()).await?;
    }
    match met {
        Some(met) => finish(pairs, probe, met).await,
        None => Ok(()),
    }
}

fn emits_probe_rows(join_type: JoinType) -> bool {
    use JoinType::{Full, Right, RightAnti, RightMark, RightSemi};
    matches!(join_type, Right | Full | RightSemi | RightAnti | RightMark)
}

async fn join_block(
    pairs: &PairJoin<'_>,
    block: Vec<RecordBatch>,
    loan: &Arc<Loan>,
    probe: &Partition,
    met: Option<&mut Met>,
) -> Result<()> {
    let shape = &pairs.join.shape;
    let block = MemoryStream::try_new(block, Arc::clone(shape.build()), None)?;
    let probe = rows_of(probe.segments.clone(), Arc::clone(shape.probe()), loan.share());
    let probe = if met.is_some() { number_rows(probe) } else { probe };
    let schema = probe.schema();
    let (block, probe) = (plan_of(Box::pin(block)), plan_of(ProbeSide::new(probe).lend(schema, loan)));
    let plan = if met.is_some() { shape.block(block, probe)? } else { shape.whole(block, probe)?.into_plan()? };
    let rows = plan.execute(0, loan.task(&pairs.join.context))?;
    send_pairs(pairs, rows, met).await
}

/// Sends what a block gives; the last column, which says who has met somebody, is noted.
async fn send_pairs(
    pairs: &PairJoin<'_>,
    mut rows: SendableRecordBatchStream,
    mut met: Option<&mut Met>,
) -> Result<()> {
    let shape = &pairs.join.shape;
    while let Some(batch) = rows.next().await {
        let batch = batch?;
        let mut columns = batch.columns().to_vec();
        if let Some(met) = met.as_deref_mut() {
            met.note(columns.pop().as_deref());
        }
        if gives_pairs(shape.join_type()) {
            pairs.send(shape.batch(columns, batch.num_rows())?).await;
        }
    }
    Ok(())
}

fn gives_pairs(join_type: JoinType) -> bool {
    !matches!(join_type, JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark)
}

/// Sends the probe rows that come out for having met somebody, or nobody.
async fn finish(pairs: &PairJoin<'_>, probe: Partition, met: Met) -> Result<()> {
    let shape = &pairs.join.shape;
    let (mut rows, mut first) = (rows_of(probe.segments, Arc::clone(shape.probe()), pairs.join.loan().share()), 0);
    while let Some(batch) = rows.next().await {
        let batch = batch?;
        let met = met.of(first, batch.num_rows());
        first += batch.num_rows();
        let not_met = BooleanArray::new(!met.values(), None);
        match shape.join_type() {
            JoinType::RightSemi => pairs.send(shape.probe_rows(&filter_record_batch(&batch, &met)?, true)?).await,
            JoinType::RightMark => {
                pairs.send(shape.probe_rows(&filter_record_batch(&batch, &met)?, true)?).await;
                pairs.send(shape.probe_rows(&filter_record_batch(&batch, &not_met)?, false)?).await;
            }
            _ => pairs.send(shape.probe_rows(&filter_record_batch(&batch, &not_met)?, false)?).await,
        }
    }
    Ok(())
}

/// A bit for each probe row: whether it has met a build row in any block so far.
struct Met {
    bits: BooleanBufferBuilder,
    _loan: Arc<Loan>,
}

impl Met {
    fn new(rows: usize, loan: Arc<Loan>) -> Self {
        loan.insist(rows.div_ceil(8));
        let mut bits = BooleanBufferBuilder::new(rows);
        bits.append_n(rows, false);
        Self { bits, _loan: loan }
    }

    /// Notes the rows with these numbers; build rows without a partner have none.
    fn note(&mut self, numbers: Option<&dyn Array>) {
        let Some(numbers) = numbers.and_then(|column| column.as_primitive_opt::<UInt64Type>()) else { return };
        for number in numbers.iter().flatten() {
            self.bits.set_bit(number as usize, true);
        }
    }

    fn of(&self, first: usize, rows: usize) -> BooleanArray {
        (first..first + rows).map(|row| Some(self.bits.get_bit(row))).collect()
    }
}

/// The build rows in blocks that the budget grants.
struct Blocks<'a> {
    rows: SendableRecordBatchStream,
    /// Batches that did not fit the block before, the next one last.
    waiting: Vec<RecordBatch>,
    pairs: &'a PairJoin<'a>,
}

impl Blocks<'_> {
    async fn next(&mut self) -> Result<Option<(Vec<RecordBatch>, Arc<Loan>)>> {
        let loan = self.pairs.join.loan();
        let (mut block, mut footprint) = (Vec::new(), Footprint::default());
        while let Some(batch) = self.next_batch().await? {
            footprint.add(&batch);
            match loan.reserve(self.pairs.join.shape.while_building(&footprint)) {
                Ok(()) => block.push(batch),
                Err(_) if !block.is_empty() => {
                    self.waiting.push(batch);
                    break;
                }
                Err(_) => {
                    self.halve(batch, self.pairs.join.shape.while_building(&footprint))?;
                    footprint = Footprint::default();
                }
            }
        }
        Ok((!block.is_empty()).then_some((block, loan)))
    }

    async fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        match self.waiting.pop() {
            Some(batch) => Ok(Some(batch)),
            None => self.rows.next().await.transpose(),
        }
    }

    /// Puts a batch that does not fit alone back in two halves; an error when it is a single row.
    fn halve(&mut self, batch: RecordBatch, wanted: usize) -> Result<()> {
        let middle = batch.num_rows() / 2;
        if middle == 0 {
            return Err(self.too_large(wanted).into());
        }
        let places: Vec<_> = (0..batch.num_rows()).map(|row| (0, row)).collect();
        let batches = [batch];
        let schema = self.pairs.join.shape.build();
        self.waiting.push(select(schema, &batches, &places[middle..])?);
        self.waiting.push(select(schema, &batches, &places[..middle])?);
        Ok(())
    }

    fn too_large(&self, wanted: usize) -> Error {
        let name = &self.pairs.join.name;
        let capacity = capacity(self.pairs.join.context.memory_pool());
        let enough = (capacity + wanted) as u64 * 3 / 2;
        Error::memory(format!(
            "{name} cannot have {}, which a single row of its build side takes",
            bytes(wanted as u64)
        ))
        .with_hint(format!("a limit of {} may do", bytes(enough)))
    }
}
