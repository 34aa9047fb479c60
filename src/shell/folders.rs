//! Where the shell's own files are, by the XDG base directories.

use std::env;
use std::path::{Path, PathBuf};

/// The file of statements that run when a shell starts: `partita/init.sql` below `$XDG_CONFIG_HOME` or `~/.config`;
/// none where there is no such file.
///
/// ```
/// if let Some(path) = partita::shell::init_file() {
///     println!("{} runs first", path.display());
/// }
/// ```
pub fn init_file() -> Option<PathBuf> {
    let path = below("XDG_CONFIG_HOME", ".config")?.join("init.sql");
    path.is_file().then_some(path)
}

/// The file that statements are remembered in: `partita/history` below `$XDG_STATE_HOME` or `~/.local/state`; none
/// where there is no home.
pub(super) fn history_file() -> Option<PathBuf> {
    Some(below("XDG_STATE_HOME", ".local/state")?.join("history"))
}

/// `~` and `~/…` with the home folder in its place.
pub(super) fn expand_home(path: &str) -> PathBuf {
    match (path.strip_prefix('~'), env::home_dir()) {
        (Some(""), Some(home)) => home,
        (Some(rest), Some(home)) if rest.starts_with('/') => home.join(&rest[1..]),
        _ => PathBuf::from(path),
    }
}

fn below(variable: &str, fallback: &str) -> Option<PathBuf> {
    let named = env::var_os(variable).map(PathBuf::from).filter(|folder| folder.is_absolute());
    let home = || env::home_dir().filter(|home| home != Path::new("")).map(|home| home.join(fallback));
    Some(named.or_else(home)?.join("partita"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_lone_tilde_is_home() {
        let home = env::home_dir().unwrap();
        assert_eq!(expand_home("~/x.sql"), home.join("x.sql"));
        assert_eq!(expand_home("~"), home);
        assert_eq!(expand_home("~other/x"), PathBuf::from("~other/x"));
        assert_eq!(expand_home("a/~"), PathBuf::from("a/~"));
    }
}
