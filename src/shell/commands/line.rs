//! The words of a command line.

use crate::error::{Error, Result};

/// Cuts a command into its words. Quotes, single or double, hold white space together; doubled they stand for
/// themselves. A `;` at the end, which SQL makes a habit of, is dropped.
pub(super) fn words(line: &str) -> Result<Vec<String>> {
    let line = line.trim();
    let mut chars = line.strip_suffix(';').unwrap_or(line).chars().peekable();
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    while let Some(c) = chars.next() {
        match c {
            '\'' | '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next() {
                        Some(next) if next != c => word.push(next),
                        Some(_) if chars.next_if_eq(&c).is_some() => word.push(c),
                        Some(_) => break,
                        None => return Err(Error::user(format!("a quote {c} is never closed"))),
                    }
                }
            }
            c if c.is_whitespace() => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_hold_words_together() {
        assert_eq!(words(" .read 'my file.sql' ; ").unwrap(), [".read", "my file.sql"]);
        assert_eq!(words(r#".param set name "it""s" '' "#).unwrap(), [".param", "set", "name", "it\"s", ""]);
        assert!(words(".read 'open").is_err());
    }
}
