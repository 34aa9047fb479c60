//! The engine with its catalog and its limit.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::TableReference;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};

use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::memory::{Memory, MemoryLimit};
use crate::source::{self, Source};

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
    memory: Memory,
}

impl Context {
    /// Starts building a context.
    pub fn builder() -> ContextBuilder {
        ContextBuilder::default()
    }

    /// Plans one SQL statement: a frame that has not run.
    ///
    /// Statements that define things (CREATE, DROP, SET, USE …) take effect at once and give an empty frame.
    ///
    /// Errors: syntax, names and types, with the place in `text`.
    pub async fn sql(&self, text: &str) -> Result<Frame> {
        let mut state = self.session().state();
        let mut statement = state.sql_to_statement(text, &state.config_options().sql_parser.dialect)?;
        source::resolve(&mut statement, text, &mut state).await?;
        let plan = state.statement_to_plan(statement).await?;
        let frame = self.session().execute_logical_plan(plan).await?;
        Ok(Frame::new(self.clone(), frame.into_unoptimized_plan()))
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
    pub fn memory_limit(&self) -> MemoryLimit {
        self.memory().limit()
    }

    /// How many threads, and so partitions, a query uses.
    pub fn threads(&self) -> usize {
        self.session().state().config().target_partitions()
    }

    pub(crate) fn session(&self) -> &SessionContext {
        &self.inner.session
    }

    pub(crate) fn memory(&self) -> &Memory {
        &self.inner.memory
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
    pub fn memory_limit(mut self, limit: MemoryLimit) -> Self {
        self.memory_limit = Some(limit);
        self
    }

    /// The number of threads and partitions of a query; by default the number of cores.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// The folder that the private spill folder is made in; by default the system's folder for temporary files.
    pub fn spill_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.spill_dir = Some(folder.into());
        self
    }

    /// The most bytes all spill files together may take; by default nine tenths of what is free on their disk.
    pub fn spill_limit(mut self, bytes: u64) -> Self {
        self.spill_limit = Some(bytes);
        self
    }

    /// Makes the context.
    ///
    /// Errors: no threads; a spill folder that cannot be made.
    pub fn build(self) -> Result<Context> {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        let threads = self.threads.unwrap_or_else(cores);
        if threads == 0 {
            return Err(Error::user("a query needs at least one thread"));
        }
        let memory = Memory::new(self.memory_limit.unwrap_or_default(), self.spill_dir.as_deref(), self.spill_limit)?;
        let state = SessionStateBuilder::new()
            .with_config(config(threads))
            .with_runtime_env(Arc::clone(&memory.runtime))
            .with_default_features();
        let state = source::install(state).build();
        let session = SessionContext::new_with_state(state);
        Ok(Context { inner: Arc::new(Inner { session, memory }) })
    }
}

/// The engine's options where ours differ from its defaults.
fn config(threads: usize) -> SessionConfig {
    SessionConfig::new()
        .with_target_partitions(threads)
        .with_information_schema(true)
        .set_str("datafusion.execution.spill_compression", "lz4_frame")
        .set_str("datafusion.sql_parser.collect_spans", "true")
}
