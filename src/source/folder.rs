//! A folder of tables.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::context::Context;
use crate::error::{Error, Result};
use crate::source::builder::Source;
use crate::source::format::{Format, stem};
use crate::source::location::Location;

/// Registers every data file in `folder`, and every folder of files of one format, Hive trees too, as a table named
/// by its stem: `lineitem.parquet` is `lineitem`, `x.csv.gz` is `x`, `flights/` is `flights`. Other files are
/// skipped. Gives the names in their order.
///
/// Errors: no such folder; two files with one stem; a file that cannot be read.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// # let folder = tempfile::tempdir()?;
/// std::fs::write(folder.path().join("airlines.csv"), "carrier,name\nUA,United\n")?;
/// let ctx = partita::Context::builder().build()?;
/// assert_eq!(partita::load_dir(&ctx, folder.path()).await?, ["airlines"]);
/// # Ok(()) }
/// ```
pub async fn load_dir(ctx: &Context, folder: impl AsRef<Path>) -> Result<Vec<String>> {
    let tables = tables(folder.as_ref())?;
    let opened = tables.iter().map(|(name, path)| open(ctx, name, path));
    let providers = futures::future::try_join_all(opened).await?;
    for (name, provider) in tables.keys().zip(providers) {
        ctx.register_provider(name, provider)?;
    }
    Ok(tables.into_keys().collect())
}

async fn open(
    ctx: &Context,
    name: &str,
    path: &Path,
) -> Result<std::sync::Arc<dyn datafusion::catalog::TableProvider>> {
    let source = Source::path(path).provider(&ctx.session().state()).await;
    source.map_err(|error| match error.message().contains(&*path.to_string_lossy()) {
        true => error,
        false => {
            Error::data(format!("the table '{name}' ({}): {}", path.display(), error.message())).with_source(error)
        }
    })
}

/// Names and paths of the tables in a folder.
fn tables(folder: &Path) -> Result<BTreeMap<String, PathBuf>> {
    let read = |error| Error::io(format!("cannot list '{}'", folder.display()), error);
    let mut tables: BTreeMap<String, PathBuf> = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(read)? {
        let path = entry.map_err(read)?.path();
        if !is_table(&path)? {
            continue;
        }
        if let Some(other) = tables.insert(stem(&path), path.clone()) {
            let (first, second) = if other < path { (other, path) } else { (path, other) };
            return Err(Error::user(format!(
                "'{}' and '{}' would both be the table '{}'",
                first.display(),
                second.display(),
                stem(&first)
            )));
        }
    }
    Ok(tables)
}

/// Whether the path is a data file or a folder of them.
fn is_table(path: &Path) -> Result<bool> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if name.starts_with(['.', '_']) {
        return Ok(false);
    }
    if !path.is_dir() {
        return Ok(Format::of(path).is_some());
    }
    let files = Location::new([path.to_string_lossy().into_owned()])?.files()?;
    Ok(files.iter().any(|file| Format::of(&file.path).is_some()))
}
