//! The splitter as a property: what was cut gives the script back, and cutting a piece again gives the piece.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use partita::sql::{Piece, is_complete, split};
use proptest::prelude::*;

/// Words of SQL in which a `;` or a line's end means many things.
const FRAGMENTS: &[&str] = &[
    "SELECT 1",
    "'text'",
    "'it''s; here'",
    "'two\nlines;\r\nand more'",
    "\"a \"\"quoted\"\" ; name\"",
    "$$dollar ; $ quoted$$",
    "$tag$ $$ ; $tag$",
    "-- to the end ; of the line\n",
    "--\r\n",
    "/* a ; comment */",
    "/* nested /* ; */ ; */",
    "/**/",
    ";",
    ";;",
    " ",
    "\n",
    "\r\n",
    "\t",
    "größe 日本 🦀",
    "'🦀;é'",
    "1.5e-3",
    "x'0aff'",
    "E'es\\'c;aped'",
    "a.b::int",
    "->>",
    "\u{a0}",
];

/// A script drawn from the fragments; at times one begins with a byte-order mark.
fn script() -> impl Strategy<Value = String> {
    let fragments = prop::collection::vec(prop::sample::select(FRAGMENTS), 0..40);
    (any::<bool>(), fragments).prop_map(|(mark, words)| {
        let text = words.join(" ");
        if mark { format!("\u{feff}{text}") } else { text }
    })
}

/// The line and column of a byte, counted by hand.
fn place(script: &str, at: usize) -> (u64, u64) {
    let before = script[..at].trim_start_matches('\u{feff}');
    let line = before.matches('\n').count() as u64 + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() as u64 + 1;
    (line, column)
}

/// What stands between two pieces, with comments taken out by the splitter's own rule: alone it is no statement.
fn is_between(text: &str) -> bool {
    split(text).is_ok_and(|pieces| pieces.is_empty())
}

fn check(script: &str, pieces: &[Piece<'_>]) -> Result<(), TestCaseError> {
    let mut end = 0;
    for piece in pieces {
        prop_assert!(piece.range.start >= end, "pieces overlap: {pieces:?}");
        prop_assert_eq!(piece.text, &script[piece.range.clone()]);
        prop_assert_eq!((piece.line, piece.column), place(script, piece.range.start));
        prop_assert!(is_between(&script[end..piece.range.start]), "{:?}", &script[end..piece.range.start]);
        end = piece.range.end;
    }
    prop_assert!(is_between(&script[end..]), "{:?}", &script[end..]);
    prop_assert!(pieces.iter().rev().skip(1).all(|piece| piece.terminated));
    if let Some(last) = pieces.last() {
        prop_assert_eq!(is_complete(script), last.terminated);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pieces_and_what_is_between_them_are_the_script(script in script()) {
        // A script of whole fragments can always be read.
        check(&script, &split(&script).unwrap())?;
    }

    #[test]
    fn a_piece_is_one_statement(script in script()) {
        for piece in split(&script).unwrap_or_default() {
            let again = split(piece.text).unwrap();
            prop_assert_eq!(again.len(), 1);
            prop_assert_eq!(again[0].text, piece.text);
            prop_assert!(!again[0].terminated);
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>(), tail in "[ -~\n\r'\"$;*/-]{0,40}") {
        let script = text + &tail;
        match split(&script) {
            Ok(pieces) => check(&script, &pieces)?,
            Err(error) => prop_assert!(error.is_user() && error.span().is_some()),
        }
        is_complete(&script);
    }

    #[test]
    fn a_semicolon_completes(script in script()) {
        prop_assume!(split(&script).is_ok());
        let ended = format!("{script}\n;");
        prop_assert!(is_complete(&ended));
    }
}

/// Finding the bytes of a token once walked its line from the start, and one line of a million tokens took minutes.
#[test]
fn one_huge_line_is_cut_in_linear_time() {
    let values = "('é', 1), ".repeat(100_000);
    let script = format!("INSERT INTO t VALUES {values}(NULL, 0); SELECT 1");
    let begun = std::time::Instant::now();
    let pieces = split(&script).unwrap();
    assert_eq!(pieces.len(), 2);
    assert_eq!(pieces[1].text, "SELECT 1");
    assert_eq!(pieces[1].column, script.chars().count() as u64 - 7);
    assert!(begun.elapsed().as_secs() < 30, "{:?}", begun.elapsed());
}
