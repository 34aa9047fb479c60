//! Paths as text: globs, braces, and the `key=value` folders of Hive trees.

use std::path::{MAIN_SEPARATOR, Path};

/// Whether a path names several files.
pub(super) fn is_glob(path: &str) -> bool {
    path.contains(['*', '?', '[', '{'])
}

/// The part of a path above its first glob or `key=value` folder; of a plain file, all but its name.
pub(super) fn literal_base(path: &str) -> &Path {
    let mut end = 0;
    for (at, separator) in path.match_indices(MAIN_SEPARATOR) {
        if is_glob(&path[end..at]) || path[end..at].contains('=') {
            break;
        }
        end = at + separator.len();
    }
    Path::new(&path[..end])
}

/// The keys and values of the folders that a file stands in, below `base`.
pub(super) fn hive_keys(path: &Path, base: &Path) -> Vec<(String, String)> {
    let below = path.strip_prefix(base).unwrap_or(path);
    let folders = below.parent().into_iter().flat_map(Path::components);
    folders
        .filter_map(|part| {
            let (key, value) = part.as_os_str().to_str()?.split_once('=')?;
            Some((percent_decoded(key), percent_decoded(value)))
        })
        .collect()
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = tail.get(..2).filter(|_| *first == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        match code.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => (bytes.push(byte), rest = &tail[2..]).1,
            None => (bytes.push(*first), rest = tail).1,
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_string())
}

/// `a/{x,y}.csv` is `a/x.csv` and `a/y.csv`, in that order; braces may nest.
pub(super) fn expand_braces(pattern: &str) -> Vec<String> {
    let Some(open) = pattern.find('{') else { return vec![pattern.to_string()] };
    let (mut depth, mut cuts) = (0, vec![open]);
    for (at, character) in pattern.char_indices().skip_while(|(at, _)| *at < open) {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => cuts.push(at),
            _ => {}
        }
        if depth == 0 {
            cuts.push(at);
            let (before, after) = (&pattern[..open], &pattern[at + 1..]);
            let choices = cuts.windows(2).map(|cut| &pattern[cut[0] + 1..cut[1]]);
            return choices.flat_map(|choice| expand_braces(&format!("{before}{choice}{after}"))).collect();
        }
    }
    vec![pattern.to_string()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_expand_in_order() {
        assert_eq!(expand_braces("a/{x,y{1,2}}.csv"), ["a/x.csv", "a/y1.csv", "a/y2.csv"]);
        assert_eq!(expand_braces("a{b"), ["a{b"]);
    }

    #[test]
    fn keys_are_those_below_the_literal_part() {
        let base = literal_base("data/month=*/day=1/*.csv");
        assert_eq!(base, Path::new("data/"));
        let keys = hive_keys(Path::new("data/month=1/city=S%C3%A3o/x.csv"), base);
        assert_eq!(keys, [("month".into(), "1".into()), ("city".into(), "São".into())]);
    }
}
