//! The engine with its catalog and its limit.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::TableReference;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion::sql::parser::Statement as EngineStatement;
use datafusion::sql::sqlparser::dialect::{GenericDialect, dialect_from_str};
use parking_lot::RwLock;

use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::function::{Functions, Scope, Workers};
use crate::memory::{Memory, MemoryLimit};
use crate::plan;
use crate::report::Drawing;
use crate::source::{self, Source};
use crate::sql::{self, Cached, Effect, Parameters, Piece, Settings, Statement};

/// The engine with its catalog and its memory limit. Cheap to clone; clones share everything.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// use partita::prelude::*;
/// let ctx = Context::builder().memory_limit("512MB".parse()?).threads(2).build()?;
/// let frame = ctx.sql("SELECT 40 + 2 AS answer").await?;
/// # assert_eq!(frame.compute().await?[0].num_rows(), 1);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Context {
    inner: Arc<Inner>,
}

struct Inner {
    session: SessionContext,
    memory: Arc<Memory>,
    parameters: RwLock<Parameters>,
    functions: Functions,
    workers: Arc<Workers>,
}

impl Context {
    /// Starts building a context.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// let ctx = Context::builder().memory_limit("512MB".parse()?).build()?;
    /// assert_eq!(ctx.memory_limit().bytes(), 512_000_000);
    /// # Ok(()) }
    /// ```
    pub fn builder() -> ContextBuilder {
        ContextBuilder::default()
    }

    /// Plans one SQL statement: a frame that has not run.
    ///
    /// Statements that define things (CREATE, DROP, SET, USE …) take effect at once and give an empty frame.
    ///
    /// Errors: syntax, names and types, with the place in `text`.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT 40 + 2 AS answer").await?;
    /// assert_eq!(frame.collect_into::<(i64,)>().await?, [(42,)]);
    /// # Ok(()) }
    /// ```
    pub async fn sql(&self, text: &str) -> Result<Frame> {
        self.sql_over(text, None).await
    }

    /// Plans one SQL statement that may name `this` as the table `self`.
    pub(crate) async fn sql_over(&self, text: &str, this: Option<&LogicalPlan>) -> Result<Frame> {
        let planned = match sql::split(text)?.as_slice() {
            [piece] => self.plan_with(piece, Effect::Whole, this).await,
            [] => Err(Error::user("there is no statement here")),
            pieces => Err(Error::user(format!("one statement is wanted here, not {}", pieces.len()))
                .with_hint("scripts are run by script::Runner")
                .at(pieces[1].start())),
        };
        planned.map_err(|error| error.of_text(None, text))
    }

    /// Plans one piece of a script: parse → bind → define → frame.
    pub(crate) async fn plan(&self, piece: &Piece<'_>) -> Result<Frame> {
        self.plan_with(piece, Effect::Whole, None).await
    }

    async fn plan_with(&self, piece: &Piece<'_>, effect: Effect, this: Option<&LogicalPlan>) -> Result<Frame> {
        self.memory().budget.expect_statement();
        let mut statement = self.parse(piece)?;
        sql::normalize(&mut statement, self).map_err(|error| error.at_if_none(piece.start()))?;
        self.inner.parameters.read().bind(&mut statement)?;
        let plan = match statement {
            Statement::Engine(statement) => self.plan_engine(*statement, piece, effect, this).await?,
            Statement::Summarize(query) => sql::summarize(self.plan_engine(*query, piece, effect, this).await?)?,
            Statement::Function(statement) => Box::pin(self.plan_function(statement, piece)).await?,
            Statement::Draw(format, statement) => {
                let plan = self.plan_engine(*statement, piece, Effect::Definition, this).await?;
                let LogicalPlan::Explain(explain) = plan else { return Err(Error::internal("EXPLAIN is no plan")) };
                let physical = self.session().state().create_physical_plan(&explain.plan).await;
                let physical = physical.map_err(|error| sql::diagnose(error, piece, &self.table_names()))?;
                sql::drawing(&Drawing::of_plan(physical.as_ref()).render(format))?
            }
            Statement::Cache(name, what, query) => {
                if what == Cached::Table {
                    sql::forget_cached(&name, self).await.map_err(|error| sql::diagnose(error, piece, &[]))?;
                }
                let rows = self.plan_engine(*query, piece, effect, this).await?;
                let cached = sql::cache_table(name, what, rows, effect, self).await;
                cached.map_err(|error| sql::diagnose(error, piece, &self.table_names()))?;
                LogicalPlanBuilder::empty(false).build()?
            }
            Statement::Uncache { name, if_exists } => {
                let uncached = sql::uncache_table(name, if_exists, self).await;
                uncached.map_err(|error| sql::diagnose(error, piece, &self.table_names()))?;
                LogicalPlanBuilder::empty(false).build()?
            }
            Statement::Use(schema) => {
                sql::use_schema(&schema, self).map_err(|error| error.at(piece.start()))?;
                LogicalPlanBuilder::empty(false).build()?
            }
        };
        Ok(Frame::new(self.clone(), plan))
    }

    /// Plans one piece as far as its physical plan and runs nothing; definitions take effect, without their rows.
    pub(crate) async fn check(&self, piece: &Piece<'_>) -> Result<()> {
        let frame = self.plan_with(piece, Effect::Definition, None).await?;
        let plan = frame.logical_plan().clone();
        if !matches!(plan, LogicalPlan::Ddl(_)) {
            let planned = self.session().state().create_physical_plan(&plan).await;
            planned.map_err(|error| sql::diagnose(error, piece, &[]))?;
        }
        Ok(())
    }

    fn parse(&self, piece: &Piece<'_>) -> Result<Statement> {
        let state = self.session().state();
        let options = &state.config_options().sql_parser;
        let dialect = dialect_from_str(options.dialect).unwrap_or_else(|| Box::new(GenericDialect {}));
        sql::parse(piece, &*dialect, options.recursion_limit.get())
    }

    async fn plan_engine(
        &self,
        mut statement: EngineStatement,
        piece: &Piece<'_>,
        effect: Effect,
        this: Option<&LogicalPlan>,
    ) -> Result<LogicalPlan> {
        let mut state = self.session().state();
        if let Some(this) = this {
            source::name_self(this.clone(), &mut state)?;
        }
        source::resolve(&mut statement, piece, &mut state).await.map_err(|error| error.at_if_none(piece.start()))?;
        let plan = async { sql::define(state.statement_to_plan(statement).await?, effect, self).await };
        plan.await.map_err(|error| sql::diagnose(error, piece, &self.table_names()))
    }

    /// The names of all tables and views, without their schemas.
    pub(crate) fn table_names(&self) -> Vec<String> {
        let state = self.session().state();
        let catalogs = state.catalog_list();
        let schemas = catalogs
            .catalog_names()
            .into_iter()
            .filter_map(|name| catalogs.catalog(&name))
            .flat_map(|catalog| catalog.schema_names().into_iter().filter_map(move |name| catalog.schema(&name)));
        schemas.flat_map(|schema| schema.table_names()).collect()
    }

    /// Gives `$name` in later statements the value that `text` says; see [`Parameters`](sql::Parameters).
    ///
    /// Errors: a name that is not a word.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// ctx.set_parameter("least", "15")?;
    /// let frame = ctx.sql("SELECT value FROM generate_series(1, 20) WHERE value > $least").await?;
    /// assert_eq!(frame.count().await?, 5);
    /// # Ok(()) }
    /// ```
    pub fn set_parameter(&self, name: &str, text: &str) -> Result<()> {
        self.inner.parameters.write().set(name, text)
    }

    /// Forgets a parameter; whether it was set.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// ctx.set_parameter("least", "15")?;
    /// assert!(ctx.unset_parameter("least"));
    /// assert!(ctx.sql("SELECT $least AS n").await.unwrap_err().is_user());
    /// # Ok(()) }
    /// ```
    pub fn unset_parameter(&self, name: &str) -> bool {
        self.inner.parameters.write().unset(name)
    }

    /// The parameters that are set.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// ctx.set_parameter("least", "15")?;
    /// assert_eq!(ctx.parameters().iter().collect::<Vec<_>>(), [("least", "15".to_string())]);
    /// # Ok(()) }
    /// ```
    pub fn parameters(&self) -> Parameters {
        self.inner.parameters.read().clone()
    }

    /// Removes the spill folder at once, whatever still runs: for a program that is about to end.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let folder = tempfile::tempdir()?;
    /// let ctx = Context::builder().spill_dir(folder.path()).build()?;
    /// ctx.close();
    /// assert_eq!(std::fs::read_dir(folder.path())?.count(), 0);
    /// # Ok(()) }
    /// ```
    pub fn close(&self) {
        self.memory().folder.remove();
    }

    /// Makes a table of the catalog, in place of one of the same name. The name is taken as it is, with its case and
    /// its dots.
    ///
    /// Errors: files that are missing, empty or unreadable, unknown options.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// use partita::prelude::*;
    /// let ctx = Context::builder().build()?;
    /// ctx.register("nation", Source::tpch("nation", 1.0)).await?;
    /// let rows = ctx.sql("SELECT n_name FROM nation WHERE n_regionkey = 3").await?.compute().await?;
    /// assert_eq!(rows.iter().map(|batch| batch.num_rows()).sum::<usize>(), 5);
    /// # Ok(()) }
    /// ```
    pub async fn register(&self, name: &str, source: Source) -> Result<()> {
        let provider = source.provider(&self.session().state()).await?;
        self.register_provider(name, provider)
    }

    pub(crate) fn register_provider(&self, name: &str, provider: Arc<dyn TableProvider>) -> Result<()> {
        self.session().register_table(TableReference::bare(name), provider)?;
        Ok(())
    }

    /// The memory limit in force.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// let ctx = Context::builder().memory_limit("1GB".parse()?).build()?;
    /// assert_eq!(ctx.memory_limit().bytes(), 1_000_000_000);
    /// # Ok(()) }
    /// ```
    pub fn memory_limit(&self) -> MemoryLimit {
        self.memory().limit()
    }

    /// How many threads, and so partitions, a query uses.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// let ctx = Context::builder().threads(2).build()?;
    /// assert_eq!(ctx.threads(), 2);
    /// # Ok(()) }
    /// ```
    pub fn threads(&self) -> usize {
        self.session().state().config().target_partitions()
    }

    /// Whether the two are clones.
    pub(crate) fn is(&self, other: &Context) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    pub(crate) fn session(&self) -> &SessionContext {
        &self.inner.session
    }

    pub(crate) fn catalog_functions(&self) -> &Functions {
        &self.inner.functions
    }

    pub(crate) fn workers(&self) -> &Arc<Workers> {
        &self.inner.workers
    }

    pub(crate) fn memory(&self) -> &Memory {
        &self.inner.memory
    }

    pub(crate) fn shared_memory(&self) -> Arc<Memory> {
        Arc::clone(&self.inner.memory)
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("memory_limit", &self.memory_limit()).field("threads", &self.threads()).finish()
    }
}

/// Builds a [`Context`].
///
/// ```
/// let ctx = partita::Context::builder().threads(1).build().unwrap();
/// assert_eq!(ctx.threads(), 1);
/// ```
#[derive(Debug, Default, Clone)]
pub struct ContextBuilder {
    memory_limit: Option<MemoryLimit>,
    threads: Option<usize>,
    spill_dir: Option<PathBuf>,
    spill_limit: Option<u64>,
}

impl ContextBuilder {
    /// The memory limit; by default four fifths of the machine's memory or of its container's.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// let ctx = Context::builder().memory_limit(MemoryLimit::smallest()).build()?;
    /// assert_eq!(ctx.memory_limit(), MemoryLimit::smallest());
    /// # Ok(()) }
    /// ```
    pub fn memory_limit(mut self, limit: MemoryLimit) -> Self {
        self.memory_limit = Some(limit);
        self
    }

    /// The number of threads and partitions of a query; by default the number of cores.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// let ctx = Context::builder().threads(4).build()?;
    /// assert_eq!(ctx.threads(), 4);
    /// # Ok(()) }
    /// ```
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// The folder that the private spill folder is made in; by default the system's folder for temporary files.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let folder = tempfile::tempdir()?;
    /// let ctx = Context::builder().spill_dir(folder.path()).build()?;
    /// assert_eq!(std::fs::read_dir(folder.path())?.count(), 1);
    /// # Ok(()) }
    /// ```
    pub fn spill_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.spill_dir = Some(folder.into());
        self
    }

    /// The most bytes all spill files together may take; by default nine tenths of what is free on their disk.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// let ctx = Context::builder().spill_limit(10_000_000_000).build()?;
    /// assert_eq!(ctx.range(0..10)?.count().await?, 10);
    /// # Ok(()) }
    /// ```
    pub fn spill_limit(mut self, bytes: u64) -> Self {
        self.spill_limit = Some(bytes);
        self
    }

    /// Makes the context.
    ///
    /// Errors: no threads; a spill folder that cannot be made.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// assert!(Context::builder().threads(1).build().is_ok());
    /// assert!(Context::builder().threads(0).build().unwrap_err().is_user());
    /// # Ok(()) }
    /// ```
    pub fn build(self) -> Result<Context> {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        let threads = self.threads.unwrap_or_else(cores);
        if threads == 0 {
            return Err(Error::user("a query needs at least one thread"));
        }
        let memory = Memory::new(self.memory_limit.unwrap_or_default(), self.spill_dir.as_deref(), self.spill_limit)?;
        let memory = Arc::new(memory);
        let builder = SessionStateBuilder::new()
            .with_config(
                config(threads, &memory)
                    .with_option_extension(Settings::new(Arc::clone(&memory)))
                    .with_option_extension(Scope::default()),
            )
            .with_runtime_env(Arc::clone(&memory.runtime))
            .with_default_features()
            .with_query_planner(plan::query_planner())
            .with_analyzer_rules(plan::analyzer_rules())
            .with_optimizer_rules(plan::optimizer_rules())
            .with_physical_optimizer_rules(plan::physical_rules());
        let state = source::install(builder).build();
        let session = SessionContext::new_with_state(state);
        session.register_udaf(plan::mode());
        let workers = Workers::new(threads, &memory);
        let (parameters, functions) = (RwLock::default(), Functions::default());
        Ok(Context { inner: Arc::new(Inner { session, memory, parameters, functions, workers }) })
    }
}

/// The engine's options where ours differ from its defaults.
fn config(threads: usize, memory: &Memory) -> SessionConfig {
    // What each sort keeps back for merging its runs, without a way to give it up: a plan has several of them.
    let of_limit = |share: u64| usize::try_from(memory.limit().bytes() / share).unwrap_or(usize::MAX);
    let merge = of_limit(64).clamp(1 << 20, 10 << 20);
    // Nine buffers of a writer are on their way to a slow disk, and nobody reserves them.
    let write_buffer = of_limit(512).clamp(1 << 20, 10 << 20);
    // A partial aggregate that finds hardly a row with the group of another stops looking for them, but not once it has
    // been refused memory. So it is asked while the first rows, half a kilobyte each, take less than it is granted.
    let looked_at = memory.budget.of_partial_aggregate() / 512;
    // Batches wait everywhere between operators, a few at each, and nobody reserves them. Smaller ones cost a tenth of the
    // time at 256 MB, which holds without.
    let batch_size = if memory.limit().bytes() < 200_000_000 { 2048 } else { 8192 };
    SessionConfig::new()
        .with_batch_size(batch_size)
        .with_sort_spill_reservation_bytes(merge)
        .with_target_partitions(threads)
        .with_information_schema(true)
        .set_str("datafusion.execution.spill_compression", "lz4_frame")
        // A file of its own for every batch that a repartition spills: a reader of a shared file waits for writers that
        // wait for the reader, and the query hangs (DataFusion #24883).
        .set_str("datafusion.execution.max_spill_file_size_bytes", "1")
        // A writer holds a whole row group of each file it writes: an eighth of the engine's million rows.
        .set_str("datafusion.execution.parquet.max_row_group_size", "131072")
        .set_usize("datafusion.execution.parquet.max_row_group_bytes", memory.budget.of_row_group())
        .set_usize("datafusion.execution.objectstore_writer_buffer_size", write_buffer)
        .set_usize("datafusion.execution.skip_partial_aggregation_probe_rows_threshold", looked_at.min(100_000))
        .set_str("datafusion.sql_parser.collect_spans", "true")
}
