//! The private folder of one process that its spill files live in.

use std::fs;
use std::path::Path;

use super::owned_folder::OwnedFolder;
use crate::error::{Error, Result};

/// What the folders of all processes begin with: the sweep looks at nothing else.
const PREFIX: &str = "partita-spill-";

/// A folder below the spill directory, readable by its owner alone (0700), gone when dropped.
///
/// What a killed run left is swept when the next folder is made beside it.
///
/// ```
/// # fn main() -> partita::Result<()> {
/// # let parent = tempfile::tempdir()?;
/// use partita::memory::SpillFolder;
/// let folder = SpillFolder::create(Some(parent.path()))?;
/// let path = folder.path().to_path_buf();
/// drop(folder);
/// assert!(!path.exists());
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct SpillFolder(OwnedFolder);

impl SpillFolder {
    /// Creates a folder below `parent` (by default the system's folder for temporary files) after sweeping there.
    ///
    /// ```
    /// # fn main() -> partita::Result<()> {
    /// # let parent = tempfile::tempdir()?;
    /// # use partita::memory::SpillFolder;
    /// let folder = SpillFolder::create(Some(parent.path()))?;
    /// assert!(folder.path().starts_with(parent.path()));
    /// # Ok(()) }
    /// ```
    pub fn create(parent: Option<&Path>) -> Result<Self> {
        let parent = parent.map_or_else(std::env::temp_dir, Path::to_path_buf);
        let folder = fs::create_dir_all(&parent).and_then(|()| OwnedFolder::create(&parent, PREFIX));
        folder.map(Self).map_err(|error| {
            Error::io(format!("cannot create a spill folder in '{}'", parent.display()), error)
                .with_hint("choose another folder with --spill-dir")
        })
    }

    /// Where the folder is.
    ///
    /// ```
    /// # fn main() -> partita::Result<()> {
    /// # let parent = tempfile::tempdir()?;
    /// # use partita::memory::SpillFolder;
    /// # let folder = SpillFolder::create(Some(parent.path()))?;
    /// assert!(folder.path().is_dir());
    /// # Ok(()) }
    /// ```
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Removes the folder now. What is still written to it fails.
    ///
    /// ```
    /// # fn main() -> partita::Result<()> {
    /// # let parent = tempfile::tempdir()?;
    /// # use partita::memory::SpillFolder;
    /// # let folder = SpillFolder::create(Some(parent.path()))?;
    /// folder.remove();
    /// assert!(!folder.path().exists());
    /// # Ok(()) }
    /// ```
    pub fn remove(&self) {
        if let Err(error) = fs::remove_dir_all(self.path())
            && error.kind() != std::io::ErrorKind::NotFound
        {
            log::warn!("cannot remove the spill folder '{}': {error}", self.path().display());
        }
    }

    /// Bytes free on its disk, where the system tells.
    ///
    /// ```
    /// # fn main() -> partita::Result<()> {
    /// # let parent = tempfile::tempdir()?;
    /// # use partita::memory::SpillFolder;
    /// # let folder = SpillFolder::create(Some(parent.path()))?;
    /// if let Some(bytes) = folder.free_bytes() {
    ///     println!("{bytes} bytes are free");
    /// }
    /// # Ok(()) }
    /// ```
    pub fn free_bytes(&self) -> Option<u64> {
        let disk = nix::sys::statvfs::statvfs(self.path()).ok()?;
        // The types of these two differ between systems.
        #[allow(clippy::unnecessary_cast, clippy::useless_conversion)]
        Some(u64::from(disk.blocks_available()) * disk.fragment_size() as u64)
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
