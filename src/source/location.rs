//! Which files a table has: a file, a folder, a glob, a list of them.

use std::fs;
use std::path::{Component, MAIN_SEPARATOR, Path, PathBuf};

use datafusion::datasource::listing::PartitionedFile;
use glob::MatchOptions;
use object_store::ObjectMeta;

use crate::error::{Error, Result};
use crate::source::format::Format;
use crate::source::pattern::{expand_braces, hive_keys, is_glob, literal_base};

/// One file of a table.
#[derive(Debug, Clone)]
pub(crate) struct DataFile {
    /// The path as people wrote it.
    pub(crate) path: PathBuf,
    /// The `key=value` folders it stands in, below what was named without a glob.
    pub(crate) partitions: Vec<(String, String)>,
    pub(crate) meta: ObjectMeta,
}

impl DataFile {
    fn new(path: PathBuf, base: &Path) -> Result<Self> {
        let read = |error| Error::io(format!("cannot read '{}'", path.display()), error);
        let metadata = fs::metadata(&path).map_err(read)?;
        let location = fs::canonicalize(&path).map_err(read)?;
        let location = object_store::path::Path::from_absolute_path(&location)
            .map_err(|error| Error::user(format!("'{}' is no path that can be read: {error}", path.display())))?;
        let last_modified = metadata.modified().map_err(read)?.into();
        let meta = ObjectMeta { location, last_modified, size: metadata.len(), e_tag: None, version: None };
        Ok(Self { partitions: hive_keys(&path, base), path, meta })
    }

    pub(crate) fn scan(&self) -> PartitionedFile {
        PartitionedFile::new_from_meta(self.meta.clone())
    }
}

/// The local path of what the engine's store knows by a location without its root.
pub(crate) fn path_of(object: &ObjectMeta) -> PathBuf {
    PathBuf::from(format!("/{}", object.location))
}

/// A path for people: relative where it is below the working directory.
pub(crate) fn shown(path: &Path) -> std::path::Display<'_> {
    let folder = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(&folder).unwrap_or(path).display()
}

/// The paths a person gave for a table. They are looked up anew at each scan, so that new files are seen.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Location {
    paths: Vec<String>,
}

impl Location {
    /// Errors: no path; an URL that names no local file.
    pub(crate) fn new(paths: impl IntoIterator<Item = String>) -> Result<Self> {
        let paths = paths.into_iter().map(local_path).collect::<Result<Vec<_>>>()?;
        if paths.is_empty() {
            return Err(Error::user("a table needs at least one path"));
        }
        Ok(Self { paths })
    }

    /// The only folder the table lives in, existing or not: where new rows can go.
    pub(crate) fn folder(&self) -> Option<PathBuf> {
        let [path] = self.paths.as_slice() else { return None };
        let folder = Path::new(path).is_dir() || path.ends_with(MAIN_SEPARATOR);
        folder.then(|| PathBuf::from(path))
    }

    /// Whether the table is to live in a folder that is not there yet, or is empty.
    pub(crate) fn is_new_folder(&self) -> bool {
        let empty =
            |folder: PathBuf| !folder.exists() || fs::read_dir(folder).is_ok_and(|mut all| all.next().is_none());
        self.folder().is_some_and(empty)
    }

    /// A name for the table: the stem of its only path.
    pub(crate) fn stem(&self) -> Option<String> {
        let [path] = self.paths.as_slice() else { return None };
        let named = Path::new(path).components().rev().find_map(|part| match part {
            Component::Normal(name) => name.to_str().filter(|name| !is_glob(name)),
            _ => None,
        })?;
        Some(super::format::stem(Path::new(named)))
    }

    /// All files in the order of the paths, those of a folder or glob by name. Hidden files and those that begin
    /// with `_` are left out of folders and globs.
    ///
    /// Errors: a path that does not exist, a glob that matches nothing.
    pub(crate) fn files(&self) -> Result<Vec<DataFile>> {
        let mut files: Vec<DataFile> = Vec::new();
        for path in &self.paths {
            files.extend(files_of(path)?);
        }
        let mut seen = std::collections::HashSet::new();
        files.retain(|file| seen.insert(file.meta.location.clone()));
        Ok(files)
    }

    /// The files of one format. Files whose extension belongs to no format are skipped, unless all do.
    ///
    /// Errors: as [`files`](Self::files); no data files; files of several formats when none was asked for.
    pub(crate) fn data_files(&self, asked: Option<Format>) -> Result<(Format, Vec<DataFile>)> {
        let mut files = self.files()?;
        let known = |file: &DataFile| Format::of(&file.path);
        let format = match asked {
            Some(format) => format,
            None => self.common_format(&files)?,
        };
        if files.iter().any(|file| known(file) == Some(format)) && self.is_search() {
            files.retain(|file| known(file) == Some(format));
        }
        Ok((format, files))
    }

    fn common_format(&self, files: &[DataFile]) -> Result<Format> {
        let mut found: Option<(Format, &DataFile)> = None;
        for file in files {
            match (Format::of(&file.path), found) {
                (Some(format), None) => found = Some((format, file)),
                (Some(format), Some((first, other))) if format != first => {
                    return Err(Error::user(format!(
                        "{self} holds files of several formats: '{}' and '{}'",
                        other.path.display(),
                        file.path.display()
                    ))
                    .with_hint("name the files of one format by a glob such as 'folder/*.csv'"));
                }
                _ => {}
            }
        }
        found.map(|(format, _)| format).ok_or_else(|| match files {
            [] => Error::user(format!("there are no data files in {self}")),
            _ => Error::user(format!("the format of {self} cannot be told from its extension")).with_hint(
                "say it: read_csv('…'), read_json('…'), read_parquet('…'), read_arrow('…') or read_avro('…')",
            ),
        })
    }

    /// Whether the files are found rather than named.
    fn is_search(&self) -> bool {
        self.paths.iter().any(|path| !Path::new(path).is_file())
    }
}

impl std::fmt::Display for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "'{}'", self.paths.join("', '"))
    }
}

/// Takes `file://` off a URL.
fn local_path(path: String) -> Result<String> {
    if path.is_empty() {
        return Err(Error::user("a path is empty"));
    }
    let Some((scheme, _)) = path.split_once("://") else { return Ok(path) };
    let url = url::Url::parse(&path).ok().filter(|_| scheme.eq_ignore_ascii_case("file"));
    let local = url.and_then(|url| url.to_file_path().ok()).and_then(|path| path.into_os_string().into_string().ok());
    local.ok_or_else(|| Error::user(format!("'{path}' is no local path: only local files can be read")))
}

fn files_of(path: &str) -> Result<Vec<DataFile>> {
    let literal = Path::new(path);
    if literal.is_file() {
        return Ok(vec![DataFile::new(literal.into(), literal_base(path))?]);
    }
    if literal.is_dir() {
        return folder_files(literal, literal);
    }
    if !is_glob(path) {
        return Err(Error::user(format!("there is no file or folder '{path}'")));
    }
    let mut files = Vec::new();
    for pattern in expand_braces(path) {
        files.extend(glob_files(&pattern, literal_base(path))?);
    }
    if files.is_empty() {
        return Err(Error::user(format!("no file matches '{path}'")));
    }
    Ok(files)
}

fn glob_files(pattern: &str, base: &Path) -> Result<Vec<DataFile>> {
    let options =
        MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };
    let paths = glob::glob_with(pattern, options)
        .map_err(|error| Error::user(format!("'{pattern}' is no pattern of file names: {}", error.msg)))?;
    let mut files = Vec::new();
    for path in paths {
        let path = path.map_err(|error| Error::io("cannot list files", error.into()))?;
        match path {
            path if is_hidden(&path) => {}
            path if path.is_dir() => files.extend(folder_files(&path, base)?),
            path => files.push(DataFile::new(path, base)?),
        }
    }
    Ok(files)
}

fn folder_files(folder: &Path, base: &Path) -> Result<Vec<DataFile>> {
    let read = |error| Error::io(format!("cannot list '{}'", folder.display()), error);
    let mut entries = fs::read_dir(folder).map_err(read)?.collect::<std::io::Result<Vec<_>>>().map_err(read)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    let mut files = Vec::new();
    for path in entries.iter().map(fs::DirEntry::path).filter(|path| !is_hidden(path)) {
        if path.is_dir() {
            files.extend(folder_files(&path, base)?);
        } else {
            files.push(DataFile::new(path, base)?);
        }
    }
    Ok(files)
}

/// Hidden files, and the `_SUCCESS` and `_temporary` that other engines leave; `_key=value` is a partition.
fn is_hidden(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with('.') || (name.starts_with('_') && !name.contains('='))
}
