//! The private folder of one process that its spill files live in.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use crate::error::{Error, Result};

/// What the folders of all processes begin with: the sweep looks at nothing else.
const PREFIX: &str = "partita-spill-";

/// A folder without its lock is left alone this long: its owner may be about to take the lock.
const YOUNG: Duration = Duration::from_secs(60);

/// A folder below the spill directory, readable by its owner alone (0700), gone when dropped.
///
/// The owner holds a lock on a file beside the spill files for as long as it lives; the system lets go of it however
/// the process ends. Whoever starts next removes the folders whose lock is free: what a killed run left.
#[derive(Debug)]
pub struct SpillFolder {
    folder: TempDir,
    _lock: File,
}

impl SpillFolder {
    /// Creates a folder below `parent` (by default the system's folder for temporary files) after sweeping there.
    pub fn create(parent: Option<&Path>) -> Result<Self> {
        let parent = parent.map_or_else(std::env::temp_dir, Path::to_path_buf);
        let failed = |error| {
            Error::io(format!("cannot create a spill folder in '{}'", parent.display()), error)
                .with_hint("choose another folder with --spill-dir")
        };
        fs::create_dir_all(&parent).map_err(failed)?;
        sweep(&parent);
        let folder = private_folder(&parent).map_err(failed)?;
        let lock = File::create(lock_of(folder.path())).and_then(|lock| lock.lock().map(|()| lock)).map_err(failed)?;
        Ok(Self { folder, _lock: lock })
    }

    /// Where the folder is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Removes the folder now. What is still written to it fails.
    pub fn remove(&self) {
        if let Err(error) = fs::remove_dir_all(self.path())
            && error.kind() != std::io::ErrorKind::NotFound
        {
            log::warn!("cannot remove the spill folder '{}': {error}", self.path().display());
        }
    }

    /// Bytes free on its disk, where the system tells.
    pub fn free_bytes(&self) -> Option<u64> {
        let disk = nix::sys::statvfs::statvfs(self.path()).ok()?;
        // The types of these two differ between systems.
        #[allow(clippy::unnecessary_cast, clippy::useless_conversion)]
        Some(u64::from(disk.blocks_available()) * disk.fragment_size() as u64)
    }
}

fn private_folder(parent: &Path) -> std::io::Result<TempDir> {
    let prefix = format!("{PREFIX}{}-", std::process::id());
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    builder.prefix(&prefix).tempdir_in(parent)
}

fn lock_of(folder: &Path) -> PathBuf {
    folder.join("lock")
}

/// Removes the folders of processes that are gone. What cannot be removed is left: it may be somebody else's.
fn sweep(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        if ours && is_abandoned(&entry.path()) && fs::remove_dir_all(entry.path()).is_ok() {
            log::info!("removed the spill folder '{}' of a run that was killed", entry.path().display());
        }
    }
}

fn is_abandoned(folder: &Path) -> bool {
    match File::open(lock_of(folder)) {
        Ok(lock) => lock.try_lock().is_ok(),
        Err(_) => {
            let changed = fs::metadata(folder).and_then(|meta| meta.modified()).unwrap_or_else(|_| SystemTime::now());
            changed.elapsed().is_ok_and(|age| age > YOUNG)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_private_and_goes() {
        let parent = tempfile::tempdir().unwrap();
        let folder = SpillFolder::create(Some(parent.path())).unwrap();
        let path = folder.path().to_path_buf();
        #[cfg(unix)]
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions()) & 0o777, 0o700);
        fs::write(path.join("run"), b"rows").unwrap();
        drop(folder);
        assert!(!path.exists());
    }

    #[test]
    fn the_next_start_sweeps_what_a_kill_left_and_nothing_else() {
        let parent = tempfile::tempdir().unwrap();
        let dead = parent.path().join("partita-spill-1-dead");
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join("lock"), b"").unwrap();
        fs::write(dead.join("run"), b"rows").unwrap();
        let stranger = parent.path().join("somebody");
        fs::create_dir(&stranger).unwrap();
        let living = SpillFolder::create(Some(parent.path())).unwrap();
        let second = SpillFolder::create(Some(parent.path())).unwrap();
        assert!(!dead.exists() && stranger.exists() && living.path().exists() && second.path().exists());
    }
}
