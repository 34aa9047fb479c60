//! Plans to look at.

use std::path::Path;

use datafusion::physical_plan::displayable;
use futures::TryStreamExt;

use super::Frame;
use crate::error::Result;
use crate::report::{Drawing, Profile};

/// # Plans
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("plan.svg");
/// let ctx = partita::Context::builder().build()?;
/// let frame = ctx.sql("SELECT value % 3 AS k, count(*) FROM generate_series(1, 1000) GROUP BY 1").await?;
/// assert!(frame.explain().await?.contains("physical plan\n"));
/// assert!(frame.explain_tree().await?.contains('┌'));
/// frame.visualize(&path).await?; // .svg, .dot or .html
/// println!("{}", frame.explain_analyze().await?); // runs it
/// # Ok(()) }
/// ```
impl Frame {
    /// The plans as text, without running them: as written, optimized, and the physical one.
    ///
    /// Errors: what planning finds.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let plans = ctx.range(0..10)?.filter(col("value").gt(5))?.explain().await?;
    /// assert!(plans.starts_with("logical plan\n  Filter: ") && plans.contains("\nphysical plan\n"));
    /// # Ok(()) }
    /// ```
    pub async fn explain(&self) -> Result<String> {
        let state = self.context.session().state();
        let optimized = state.optimize(&self.plan)?;
        let physical = state.create_physical_plan(&self.plan).await?;
        let sections = [
            ("logical plan", self.plan.display_indent().to_string()),
            ("optimized logical plan", optimized.display_indent().to_string()),
            ("physical plan", displayable(physical.as_ref()).indent(false).to_string()),
        ];
        let indented = |text: &str| text.trim_end().lines().map(|line| format!("\n  {line}")).collect::<String>();
        Ok(sections.map(|(title, text)| format!("{title}{}", indented(&text))).join("\n"))
    }

    /// The physical plan as a tree of boxes, without running it.
    ///
    /// Errors: what planning finds.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// assert!(ctx.range(0..10)?.explain_tree().await?.contains('┌'));
    /// # Ok(()) }
    /// ```
    pub async fn explain_tree(&self) -> Result<String> {
        let physical = self.context.session().state().create_physical_plan(&self.plan).await?;
        Ok(displayable(physical.as_ref()).tree_render().to_string())
    }

    /// Runs the frame, lets its rows go, and tells what each operator did: rows, time, memory, bytes spilled.
    ///
    /// Errors: what goes wrong in the query.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let profile = ctx.range(0..1000)?.explain_analyze().await?;
    /// assert!(profile.to_string().starts_with("1,000 rows in "));
    /// # Ok(()) }
    /// ```
    pub async fn explain_analyze(&self) -> Result<Profile> {
        let mut run = self.run().await?;
        while run.try_next().await?.is_some() {}
        Ok(run.monitor().profile())
    }

    /// Draws the physical plan into a file, without running it: `.svg`, `.dot` or `.html`, which zooms. Each operator is a
    /// box with its main expressions; [`Profile::visualize`] adds what they did in a run.
    ///
    /// Errors: what planning finds; another extension; a place that cannot be written to.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("plan.svg");
    /// ctx.range(0..10)?.visualize(&path).await?;
    /// assert!(std::fs::read_to_string(&path)?.contains("<svg"));
    /// # Ok(()) }
    /// ```
    pub async fn visualize(&self, path: impl AsRef<Path>) -> Result<()> {
        let physical = self.context.session().state().create_physical_plan(&self.plan).await?;
        Drawing::of_plan(physical.as_ref()).write(path.as_ref())
    }
}
