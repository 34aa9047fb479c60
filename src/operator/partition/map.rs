//! A function of a person's own over each partition.

use std::any::Any;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result as EngineResult, Statistics};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::coop::cooperative;
use datafusion::physical_plan::execution_plan::CardinalityEffect;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet, RecordOutput};
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning,
    PhysicalExpr, PlanProperties, ReplaceChildrenOptions,
};
use futures::StreamExt;
use futures::stream::BoxStream;

use super::drive::boxed;
use super::only;
use crate::error::{Error, Result};

type Batches = BoxStream<'static, Result<RecordBatch>>;
type Function = dyn Fn(Batches, usize) -> Batches + Send + Sync;

/// A function from the batches of a partition, and its number, to other batches. Clones are equal, nothing else is.
#[derive(Clone)]
pub(crate) struct MapFunction(Arc<Function>);

impl MapFunction {
    pub(crate) fn new(function: Arc<Function>) -> Self {
        Self(function)
    }
}

impl PartialEq for MapFunction {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for MapFunction {}

impl Hash for MapFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.0).cast::<()>().hash(state);
    }
}

impl fmt::Debug for MapFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MapFunction")
    }
}

/// Gives each partition of its input to the function, as a stream, and checks what comes back against the schema that
/// was promised: names, order and types.
#[derive(Debug, Clone)]
pub(crate) struct MapExec {
    input: Arc<dyn ExecutionPlan>,
    function: MapFunction,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl MapExec {
    pub(crate) fn new(input: Arc<dyn ExecutionPlan>, schema: SchemaRef, function: MapFunction) -> Self {
        let partitioning = Partitioning::UnknownPartitioning(input.output_partitioning().partition_count());
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            partitioning,
            input.pipeline_behavior(),
            input.boundedness(),
        );
        Self { input, function, properties: Arc::new(properties), metrics: ExecutionPlanMetricsSet::new() }
    }

    /// The function's stream over one partition. A panic in it, or in calling it, is an error of its partition.
    fn call(&self, batches: Batches, partition: usize) -> Batches {
        let function = MapFunction::clone(&self.function);
        let called = std::panic::catch_unwind(AssertUnwindSafe(move || (function.0)(batches, partition)));
        let failed =
            move |panic: Box<dyn Any + Send>| panicked("the function of map_partitions", Some(partition), &*panic);
        match called {
            Err(panic) => futures::stream::iter([Err(failed(panic))]).boxed(),
            Ok(mapped) => AssertUnwindSafe(mapped)
                .catch_unwind()
                .map(move |batch| batch.unwrap_or_else(|panic| Err(failed(panic))))
                .boxed(),
        }
    }
}

/// The error for a panic.
pub(in crate::operator) fn panicked(what: &str, partition: Option<usize>, panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    let place = partition.map(|number| format!(" in partition {number}")).unwrap_or_default();
    Error::user(format!("{what} panicked{place}: {text}"))
}

/// The batch with the schema that was promised; an error names the first column that is not as promised.
fn conform(batch: &RecordBatch, schema: &SchemaRef, partition: usize) -> Result<RecordBatch> {
    let of_map = || format!("the function of map_partitions, in partition {partition}, gave a batch ");
    let given = batch.schema();
    if given.fields().len() != schema.fields().len() {
        let (given, promised) = (given.fields().len(), schema.fields().len());
        return Err(Error::user(format!("{}of {given} columns, {promised} were promised", of_map())));
    }
    let differs = |field: &datafusion::arrow::datatypes::Field, other: &datafusion::arrow::datatypes::Field| {
        field.name() != other.name() || field.data_type() != other.data_type()
    };
    if let Some((given, promised)) = given.fields().iter().zip(schema.fields()).find(|(a, b)| differs(a, b)) {
        let say = |field: &datafusion::arrow::datatypes::Field| format!("'{}' {}", field.name(), field.data_type());
        let error = Error::user(format!("{}with column {} where {} was promised", of_map(), say(given), say(promised)));
        return Err(error.with_hint("the schema given to map_partitions says what its function gives"));
    }
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    let conforming = RecordBatch::try_new_with_options(SchemaRef::clone(schema), batch.columns().to_vec(), &options);
    conforming.map_err(|error| Error::user(format!("{}that does not keep its schema: {error}", of_map())))
}

impl ExecutionPlan for MapExec {
    fn name(&self) -> &'static str {
        "MapPartitionsExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    /// Partitions are what the function was asked to map: they stay as they are.
    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    /// What its input is sorted by, the function sees sorted; of its own rows nothing is known.
    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> EngineResult<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(Self::new(only(children)?, self.schema(), self.function.clone())))
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> EngineResult<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> EngineResult<TreeNodeRecursion>,
    ) -> EngineResult<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn execute(&self, partition: usize, task: Arc<TaskContext>) -> EngineResult<SendableRecordBatchStream> {
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let schema = self.schema();
        let promised = SchemaRef::clone(&schema);
        let mapped = self.call(boxed(self.input.execute(partition, task)?), partition);
        let checked = mapped.map(move |batch| {
            let batch = batch.and_then(|batch| conform(&batch, &promised, partition));
            Ok(batch?.record_output(&metrics))
        });
        Ok(Box::pin(cooperative(RecordBatchStreamAdapter::new(schema, checked))))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn statistics_from_inputs(&self, _: &[Arc<Statistics>], _: &StatisticsArgs) -> EngineResult<Arc<Statistics>> {
        Ok(Arc::new(Statistics::new_unknown(&self.schema())))
    }

    fn cardinality_effect(&self) -> CardinalityEffect {
        CardinalityEffect::Unknown
    }
}

impl DisplayAs for MapExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let schema = self.schema();
        let columns = schema.fields().iter().map(|field| field.name().as_str()).collect::<Vec<_>>().join(", ");
        match format {
            DisplayFormatType::TreeRender => write!(f, "columns={columns}"),
            _ => write!(f, "MapPartitionsExec: columns=[{columns}]"),
        }
    }
}
