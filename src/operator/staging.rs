//! Files that are not there yet: written in a hidden folder, moved to their places all at once.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::memory::OwnedFolder;

/// What every staging folder begins with; a leading dot hides it from globs and listings.
const PREFIX: &str = ".partita-staging-";

/// So many files, and the folders that they go to, are put on disk one by one.
const FEW: usize = 64;

/// The files of one write, complete or not, none of them visible.
///
/// ```text
/// out/                                  out/
///   .partita-staging-71-x8Kd2c/           year=2013/k3_0.parquet
///     lock                       commit   year=2014/k3_0.parquet
///     0   1                     ───────►
/// ```
///
/// The folder lies on the disk the files will be on, in the nearest folder above them that exists and is no partition
/// (`year=2013`) itself. Staged files have numbers for names: no table whose folder this is takes them for its own.
/// Dropping the staging removes it with all that was not committed; what a killed process left is removed by the next
/// write to the same place.
#[derive(Debug, Default)]
pub(crate) struct Staging {
    folder: Option<OwnedFolder>,
    /// The folder, open since before the first write: what fails on its disk after that is told to it.
    disk: Option<File>,
    places: Vec<PathBuf>,
    closed: bool,
}

impl Staging {
    /// Opens an empty file that [`commit`](Self::commit) will move to `place`, and says whether that will put it on
    /// disk, too: it does where there are many files, all at once.
    pub(crate) fn create(&mut self, place: &Path) -> io::Result<(File, bool)> {
        if self.closed {
            return Err(io::Error::other("the write has ended"));
        }
        let place = resolve(place)?;
        if self.folder.is_none() {
            let folder = OwnedFolder::create(&home_of(&place)?, PREFIX)?;
            self.disk = disk_of(&folder)?;
            self.folder = Some(folder);
        }
        let folder = self.folder.as_ref().ok_or_else(|| io::Error::other("the staging folder is gone"))?;
        let file =
            File::options().read(true).write(true).create_new(true).open(self.staged(folder, self.places.len()))?;
        self.places.push(place);
        Ok((file, self.disk.is_some() && self.places.len() > FEW))
    }

    /// Moves every file to its place, creating folders as needed and replacing single files that are there, and
    /// returns how many there were. Data is on disk before: a name must never come to stand for data that is not.
    ///
    /// Errors: a disk that fails; a move that fails, those before it are undone where they made a new file.
    pub(crate) fn commit(mut self) -> Result<usize> {
        let Some(folder) = self.folder.take() else { return Ok(0) };
        let places = std::mem::take(&mut self.places);
        let disk = self.disk.take().filter(|_| places.len() > FEW);
        sync_disk(disk.as_ref()).map_err(|error| Error::io("cannot put what was written on disk", error))?;
        let mut made = Vec::new();
        for (number, place) in places.iter().enumerate() {
            let new = !place.exists();
            if let Err(error) = settle(&self.staged(&folder, number), place) {
                made.iter().for_each(|path: &&PathBuf| drop(fs::remove_file(path)));
                return Err(Error::io(format!("cannot write '{}'", place.display()), error));
            }
            made.extend(new.then_some(place));
        }
        sync_folders(&places, disk.as_ref());
        Ok(places.len())
    }

    /// Removes what was staged, and refuses what a task that has not yet heard of the end still wants to write.
    pub(crate) fn close(&mut self) {
        *self = Self { closed: true, ..Self::default() };
    }

    fn staged(&self, folder: &OwnedFolder, number: usize) -> PathBuf {
        folder.path().join(number.to_string())
    }
}

fn settle(staged: &Path, place: &Path) -> io::Result<()> {
    if let Some(parent) = place.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::rename(staged, place)
}

/// A rename is on disk when its folder is. A file system that cannot sync folders is not worth an error.
fn sync_folders(places: &[PathBuf], disk: Option<&File>) {
    let failed = |folder: &Path, error| log::debug!("cannot sync '{}': {error}", folder.display());
    if let (Some(disk), Some(place)) = (disk, places.first()) {
        return sync_disk(Some(disk)).unwrap_or_else(|error| failed(place, error));
    }
    let mut folders: Vec<_> = places.iter().filter_map(|place| place.parent()).collect();
    folders.sort_unstable();
    folders.dedup();
    for folder in folders {
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        synced.unwrap_or_else(|error| failed(folder, error));
    }
}

/// A handle of the disk that `folder` lies on, by which all that waits to be written there can be; none where there is
/// no way, or where a server is behind it that would not be told.
#[cfg(target_os = "linux")]
fn disk_of(folder: &OwnedFolder) -> io::Result<Option<File>> {
    use nix::sys::statfs::{FUSE_SUPER_MAGIC, fstatfs};
    let disk = File::open(folder.path())?;
    let is_local = fstatfs(&disk)?.filesystem_type() != FUSE_SUPER_MAGIC;
    Ok(is_local.then_some(disk))
}

#[cfg(not(target_os = "linux"))]
fn disk_of(_: &OwnedFolder) -> io::Result<Option<File>> {
    Ok(None)
}

/// Files wait for the disk one after another: many go there together, with what else waits to be written.
fn sync_disk(disk: Option<&File>) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    if let Some(disk) = disk {
        nix::unistd::syncfs(disk)?;
    }
    #[cfg(not(target_os = "linux"))]
    let _ = disk;
    Ok(())
}

/// The absolute path that will be replaced: a link is followed, a device or pipe refused, since a rename would put a
/// plain file in its stead.
fn resolve(place: &Path) -> io::Result<PathBuf> {
    let place = if place.exists() { fs::canonicalize(place)? } else { std::path::absolute(place)? };
    match fs::metadata(&place) {
        Ok(meta) if meta.is_dir() => Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder")),
        Ok(meta) if !meta.is_file() => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file")),
        _ => Ok(place),
    }
}

fn home_of(place: &Path) -> io::Result<PathBuf> {
    let is_partition = |folder: &Path| folder.file_name().is_some_and(|name| name.to_string_lossy().contains('='));
    let home = place.ancestors().skip(1).find(|folder| !is_partition(folder) && folder.is_dir());
    home.map(Path::to_path_buf).ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no folder above it exists"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn nothing_is_visible_before_the_commit_and_all_after() {
        let root = tempfile::tempdir().unwrap();
        let mut staging = Staging::default();
        for year in [2013, 2014] {
            let place = root.path().join(format!("out/year={year}/a.csv"));
            staging.create(&place).unwrap().0.write_all(b"x\n1\n").unwrap();
        }
        assert!(!root.path().join("out").exists());
        assert_eq!(staging.commit().unwrap(), 2);
        assert_eq!(names(root.path()), ["out"]);
        assert_eq!(names(&root.path().join("out")), ["year=2013", "year=2014"]);
    }

    /// A write into 10,000 folders waited for the disk 20,000 times.
    #[test]
    fn many_files_are_put_on_disk_together() {
        let root = tempfile::tempdir().unwrap();
        let mut staging = Staging::default();
        for day in 0..2 * FEW {
            let place = root.path().join(format!("out/day={day}/a.csv"));
            staging.create(&place).unwrap().0.write_all(b"x\n1\n").unwrap();
        }
        assert_eq!(staging.commit().unwrap(), 2 * FEW);
        assert_eq!(names(root.path()), ["out"]);
        assert_eq!(fs::read_to_string(root.path().join("out/day=99/a.csv")).unwrap(), "x\n1\n");
    }

    #[test]
    fn a_drop_leaves_nothing_and_the_old_file() {
        let root = tempfile::tempdir().unwrap();
        let place = root.path().join("a.csv");
        fs::write(&place, "old").unwrap();
        let mut staging = Staging::default();
        staging.create(&place).unwrap().0.write_all(b"new").unwrap();
        drop(staging);
        assert_eq!(names(root.path()), ["a.csv"]);
        assert_eq!(fs::read_to_string(&place).unwrap(), "old");
    }

    #[test]
    fn what_a_kill_left_goes_with_the_next_write() {
        let root = tempfile::tempdir().unwrap();
        let dead = root.path().join(".partita-staging-1-dead");
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join("lock"), "").unwrap();
        fs::write(dead.join("0"), "half a fi").unwrap();
        let mut staging = Staging::default();
        staging.create(&root.path().join("year=2013/a.csv")).unwrap();
        assert!(!dead.exists());
    }

    #[test]
    fn a_folder_or_device_is_not_replaced() {
        let root = tempfile::tempdir().unwrap();
        assert!(Staging::default().create(root.path()).is_err());
        #[cfg(unix)]
        assert!(Staging::default().create(Path::new("/dev/null")).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_a_link() {
        let root = tempfile::tempdir().unwrap();
        let (real, link) = (root.path().join("real.csv"), root.path().join("link.csv"));
        fs::write(&real, "old").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let mut staging = Staging::default();
        staging.create(&link).unwrap().0.write_all(b"new").unwrap();
        staging.commit().unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&real).unwrap(), "new");
    }
}
