//! File names inside quotes and after commands.

use std::fs;

use super::candidates::Candidate;
use crate::shell::folders::expand_home;

/// A folder with more entries than this is not read to its end while somebody waits.
const MOST: usize = 2_000;

/// The files and folders that `path` may go on to, folders with a `/` at their end. `close` is put behind a file.
pub(super) fn files(path: &str, close: &str) -> (usize, Vec<Candidate>) {
    let start = path.rfind('/').map_or(0, |at| at + 1);
    let (folder, prefix) = path.split_at(start);
    let Ok(entries) = fs::read_dir(expand_home(if folder.is_empty() { "." } else { folder })) else {
        return (start, Vec::new());
    };
    let mut found: Vec<_> = entries
        .take(MOST)
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let wanted = name.starts_with(prefix) && (prefix.starts_with('.') || !name.starts_with('.'));
            wanted.then(|| candidate(&name, entry.path().is_dir(), close))
        })
        .collect();
    found.sort_by(|a, b| a.display.cmp(&b.display));
    (start, found)
}

fn candidate(name: &str, folder: bool, close: &str) -> Candidate {
    let written = if close == "'" { name.replace('\'', "''") } else { name.to_string() };
    let end = if folder { "/" } else { close };
    let mark = if folder { "/" } else { "" };
    Candidate { display: format!("{name}{mark}"), replacement: format!("{written}{end}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_go_on_and_files_are_closed() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("data")).unwrap();
        fs::write(folder.path().join("dates.csv"), "").unwrap();
        fs::write(folder.path().join(".dark"), "").unwrap();
        let path = format!("{}/da", folder.path().display());
        let (start, found) = files(&path, "'");
        assert_eq!(&path[start..], "da");
        let replacements: Vec<_> = found.iter().map(|c| c.replacement.as_str()).collect();
        assert_eq!(replacements, ["data/", "dates.csv'"]);
        assert!(files("no/such/folder/x", "'").1.is_empty());
    }
}
