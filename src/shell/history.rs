//! The statements of earlier sessions: one file, a whole statement an entry, appended at once.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use rustyline::history::{FileHistory, History as _};

use crate::error::{Error, Result};

/// How many entries a session begins with at most; the oldest go first.
const KEPT: usize = 10_000;

/// How many entries a session may reach. Past it rustyline would write the whole file anew for each entry, and a kill
/// in that moment would lose them all.
pub(super) const MOST: usize = 2 * KEPT;

/// The first line of a file whose entries have their newlines and backslashes escaped.
const VERSION: &str = "#V2";

/// Where new entries go: a file, or nowhere once that failed.
pub(super) struct HistoryFile(Option<PathBuf>);

impl HistoryFile {
    /// Reads the entries of `path` into `history`, and remembers it for [`append`](HistoryFile::append).
    ///
    /// Errors come beside a file that keeps nothing: the shell goes on without.
    pub(super) fn open(path: Option<PathBuf>, history: &mut FileHistory) -> (Self, Result<()>) {
        let Some(path) = path else { return (Self(None), Ok(())) };
        match read(&path, history) {
            Ok(()) => (Self(Some(path)), Ok(())),
            Err(error) => {
                let message = format!("cannot read the history '{}': {error}", path.display());
                (Self(None), Err(Error::user(message).with_hint("this session is not remembered")))
            }
        }
    }

    /// Adds an entry to `history` and to the file. One that equals the last is left out.
    ///
    /// Errors: the file cannot be written; nothing is tried again.
    pub(super) fn append(&mut self, entry: &str, history: &mut FileHistory) -> Result<()> {
        let failed = |path: &Path, error: &dyn std::fmt::Display| {
            let message = format!("cannot write the history '{}': {error}", path.display());
            Error::user(message).with_hint("what follows is not remembered")
        };
        let added = history.add(entry);
        let Some(path) = &self.0 else { return Ok(()) };
        if let Err(error) = added.and_then(|_| history.append(path)) {
            let error = failed(path, &error);
            self.0 = None;
            return Err(error);
        }
        Ok(())
    }
}

fn read(path: &Path, history: &mut FileHistory) -> rustyline::Result<()> {
    let Some(folder) = path.parent() else { return Ok(()) };
    create_private(folder)?;
    if path.exists() {
        shorten(path)?;
        history.load(path)?;
    }
    Ok(())
}

fn create_private(folder: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Leaves the newest entries alone in the file, which is replaced whole.
fn shorten(path: &Path) -> std::io::Result<()> {
    let text = fs::read_to_string(path)?;
    let entries: Vec<&str> = text.lines().collect();
    if entries.first() != Some(&VERSION) || entries.len() <= KEPT + 1 {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    // A temporary file is its owner's alone (0600).
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    writeln!(file, "{VERSION}")?;
    for entry in &entries[entries.len() - KEPT..] {
        writeln!(file, "{entry}")?;
    }
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use rustyline::Config;

    use super::*;

    fn open(path: &Path) -> (HistoryFile, FileHistory) {
        let config = Config::builder().max_history_size(MOST).unwrap().build();
        let mut history = FileHistory::with_config(&config);
        let (file, read) = HistoryFile::open(Some(path.to_path_buf()), &mut history);
        read.unwrap();
        (file, history)
    }

    #[test]
    fn a_statement_of_several_lines_is_one_entry() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/partita/history");
        let statement = "SELECT '\\n'\n  FROM t;";
        let (mut file, mut history) = open(&path);
        file.append(statement, &mut history).unwrap();
        file.append(statement, &mut history).unwrap();
        // Nothing is closed first: a kill loses nothing.
        let (_, again) = open(&path);
        assert_eq!(again.iter().collect::<Vec<_>>(), [statement]);
        #[cfg(unix)]
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions()) & 0o777, 0o600);
    }

    #[test]
    fn the_newest_entries_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history");
        let entries: String = (0..KEPT + 5).map(|i| format!("SELECT {i};\n")).collect();
        fs::write(&path, format!("{VERSION}\n{entries}")).unwrap();
        let (_, history) = open(&path);
        assert_eq!(history.len(), KEPT);
        assert_eq!(history.iter().next().unwrap(), "SELECT 5;");
    }

    #[test]
    fn a_file_that_is_no_text_is_told_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history");
        fs::write(&path, b"#V2\n\xff\xfe\n").unwrap();
        let mut history = FileHistory::new();
        let (mut file, read) = HistoryFile::open(Some(path.clone()), &mut history);
        assert!(read.unwrap_err().message().contains("history"));
        file.append("SELECT 1;", &mut history).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"#V2\n\xff\xfe\n");
    }
}
