//! A folder that belongs to one living process.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

/// A folder without its lock is left alone this long: its owner may be about to take the lock.
const YOUNG: Duration = Duration::from_secs(60);

/// The lock's name inside the folder.
const LOCK: &str = "lock";

/// A folder readable by its owner alone (0700), gone when dropped.
///
/// The owner holds a lock on a file inside for as long as it lives; the system lets go of it however the process ends.
/// Whoever makes the next folder with the same prefix removes those whose lock is free: what a killed run left.
#[derive(Debug)]
pub(crate) struct OwnedFolder {
    folder: TempDir,
    _lock: File,
}

impl OwnedFolder {
    /// Creates `<prefix><process>-<random>` in `parent` after sweeping there.
    pub(crate) fn create(parent: &Path, prefix: &str) -> io::Result<Self> {
        sweep(parent, prefix);
        let folder = private_folder(parent, prefix)?;
        let lock = File::create(folder.path().join(LOCK))?;
        lock.lock()?;
        Ok(Self { folder, _lock: lock })
    }

    /// Where the folder is.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }
}

fn private_folder(parent: &Path, prefix: &str) -> io::Result<TempDir> {
    let prefix = format!("{prefix}{}-", std::process::id());
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    builder.prefix(&prefix).tempdir_in(parent)
}

/// Removes the folders of processes that are gone. What cannot be removed is left: it may be somebody else's.
fn sweep(parent: &Path, prefix: &str) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let ours = entry.file_name().to_string_lossy().starts_with(prefix);
        if ours && is_abandoned(&entry.path()) && fs::remove_dir_all(entry.path()).is_ok() {
            log::info!("removed the folder '{}' of a run that was killed", entry.path().display());
        }
    }
}

fn is_abandoned(folder: &Path) -> bool {
    match File::open(folder.join(LOCK)) {
        Ok(lock) => lock.try_lock().is_ok(),
        Err(_) => {
            let changed = fs::metadata(folder).and_then(|meta| meta.modified()).unwrap_or_else(|_| SystemTime::now());
            changed.elapsed().is_ok_and(|age| age > YOUNG)
        }
    }
}
