//! Computed rows that outlive the program.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::common::runtime::JoinSet;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use futures::TryStreamExt;
use serde::{Deserialize, Serialize};

use super::Frame;
use super::recipe::recipe;
use crate::error::{Error, Result};
use crate::operator::drive;
use crate::sink::to_file;
use crate::source::{KeptFiles, Source, hash_keys};

/// The file that says what a folder of computed rows holds. Its name keeps it out of the table.
const MANIFEST: &str = "_partita.json";

/// What a folder of computed rows holds.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Manifest {
    /// What the rows were computed by and from; none where that cannot be told apart from something else.
    recipe: Option<Vec<String>>,
    /// The columns whose hash says which file a row is in.
    keys: Option<Vec<usize>>,
    partitions: usize,
}

impl Frame {
    /// Runs the frame into `folder` and gives a new frame over it, as [`persist`](Self::persist) does, but the computed
    /// partitions stay when the program ends: an Arrow file each, which other programs read too.
    ///
    /// If the folder holds what this very frame gave before, and no file has changed that it was computed from, nothing
    /// runs. Frames over tables in memory, with volatile functions or with functions of a program's own are always
    /// computed anew. The folder appears when all of it is there, in the place of one that an earlier call has made.
    ///
    /// Errors: a folder that holds anything else; what goes wrong in the query or on disk.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("squares");
    /// let squares = ctx.range(0..1000)?.with_column("square", col("value") * col("value"))?;
    /// let kept = squares.persist_to(&path).await?;
    /// assert_eq!(kept.filter(col("square").lt(100))?.count().await?, 10);
    /// let again = squares.persist_to(&path).await?; // nothing runs
    /// assert_eq!(again.columns(), ["value", "square"]);
    /// # Ok(()) }
    /// ```
    pub async fn persist_to(&self, folder: impl AsRef<Path>) -> Result<Frame> {
        let folder = std::path::absolute(folder.as_ref())?;
        let (plan, names) = self.with_unique_names()?;
        let named = Frame::new(self.context.clone(), plan);
        let physical = named.partitions().await?;
        let keys = hash_keys(physical.output_partitioning());
        let partitions = physical.output_partitioning().partition_count();
        let wanted = Manifest { recipe: recipe(&named, &physical)?, keys, partitions };
        let found = manifest(&folder)?;
        if wanted.recipe.is_none() || found.as_ref() != Some(&wanted) {
            if found.is_none() {
                ensure_empty(&folder)?;
            }
            named.write_partitions(&physical, &wanted, &folder).await?;
        }
        let files = Source::arrow(folder.to_string_lossy().into_owned());
        let files = files.provider(&self.context.session().state()).await?;
        self.over(Arc::new(KeptFiles::new(files, wanted.keys)), &names)
    }

    async fn write_partitions(&self, plan: &Arc<dyn ExecutionPlan>, manifest: &Manifest, folder: &Path) -> Result<()> {
        let failed = |error| Error::io(format!("cannot write '{}'", folder.display()), error);
        let parent = folder.parent().unwrap_or(Path::new("/"));
        std::fs::create_dir_all(parent).map_err(failed)?;
        let new = tempfile::Builder::new().prefix(".partita-").tempdir_in(parent).map_err(failed)?;
        let task = Arc::new(TaskContext::from(&self.context.session().state()));
        let mut tasks = JoinSet::new();
        for (number, stream) in drive(plan, &task)?.into_iter().enumerate() {
            tasks.spawn(write(stream, new.path().join(format!("partition-{number:05}.arrow"))));
        }
        while let Some(written) = tasks.join_next().await {
            written.map_err(|error| Error::internal(format!("a task that writes ended early: {error}")))??;
        }
        let text = serde_json::to_string_pretty(manifest).map_err(|error| Error::internal(error.to_string()))?;
        std::fs::write(new.path().join(MANIFEST), text).map_err(failed)?;
        replace(folder, new).map_err(failed)
    }
}

async fn write(mut rows: SendableRecordBatchStream, file: PathBuf) -> Result<()> {
    let mut sink = to_file(&file)?;
    sink.begin(&rows.schema())?;
    while let Some(batch) = rows.try_next().await? {
        sink.write(&batch)?;
    }
    sink.finish()
}

/// Puts the new folder in the place of the old one, which goes last.
fn replace(folder: &Path, new: tempfile::TempDir) -> std::io::Result<()> {
    let parent = folder.parent().unwrap_or(Path::new("/"));
    let old = tempfile::Builder::new().prefix(".partita-").tempdir_in(parent)?;
    if folder.exists() {
        std::fs::rename(folder, old.path().join("old"))?;
    }
    std::fs::rename(new.keep(), folder)
}

/// What the folder holds; none when it is none of ours.
fn manifest(folder: &Path) -> Result<Option<Manifest>> {
    match std::fs::read_to_string(folder.join(MANIFEST)) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io(format!("cannot read '{}'", folder.display()), error)),
        // One that cannot be understood is of another version, and ours.
        Ok(text) => {
            let other = Manifest { recipe: None, keys: None, partitions: 0 };
            Ok(Some(serde_json::from_str(&text).unwrap_or(other)))
        }
    }
}

fn ensure_empty(folder: &Path) -> Result<()> {
    let is_empty = match std::fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    };
    match is_empty {
        true => Ok(()),
        false => Err(Error::user(format!("'{}' holds something that persist_to has not made", folder.display()))
            .with_hint("name a folder that is not there yet, or an empty one")),
    }
}
