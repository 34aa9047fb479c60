//! Completion of lines with a `|` where the cursor is.

use super::complete;
use super::names::{Names, Table};

fn table(schema: &str, name: &str, columns: &[&str]) -> Table {
    let columns = columns.iter().map(ToString::to_string).collect();
    Table { schema: schema.into(), name: name.into(), columns }
}

fn names() -> Names {
    let list = |names: &[&str]| names.iter().map(ToString::to_string).collect();
    Names {
        tables: vec![
            table("public", "flights", &["carrier", "dep_delay", "Origin"]),
            table("public", "Airlines", &["carrier", "name"]),
            table("raw", "log", &["line"]),
        ],
        catalogs: list(&["datafusion"]),
        schemas: list(&["information_schema", "public", "raw"]),
        current: "public".into(),
        functions: list(&["count", "date_trunc", "median"]),
        own_functions: list(&["score"]),
        table_functions: list(&["generate_series", "read_csv"]),
        options: list(&["datafusion.execution.batch_size", "datafusion.execution.collect_statistics", "memory_limit"]),
    }
}

/// The line up to what is replaced, and the replacements.
fn at(marked: &str) -> (String, Vec<String>) {
    let cursor = marked.find('|').unwrap();
    let text = marked.replacen('|', "", 1);
    let (start, candidates) = complete(&text, cursor, &names());
    (text[..start].to_string(), candidates.into_iter().map(|candidate| candidate.replacement).collect())
}

fn candidates(marked: &str) -> Vec<String> {
    at(marked).1
}

#[test]
fn keywords_follow_the_case_of_what_is_typed() {
    assert_eq!(candidates("SEL|"), ["SELECT"]);
    assert_eq!(candidates("sel|"), ["select"]);
    assert_eq!(candidates("select * from flights gro|"), ["group", "grouping"]);
    assert_eq!(candidates("select * from flights group |"), ["by"]);
    assert_eq!(candidates("SELECT 1; EXPL|"), ["EXPLAIN"]);
}

#[test]
fn tables_come_where_tables_stand() {
    assert_eq!(at("SELECT * FROM fl|"), ("SELECT * FROM ".into(), vec!["flights".into()]));
    for before in ["DESCRIBE", "SUMMARIZE", "COPY", "INSERT INTO", "DROP TABLE", "DROP VIEW IF EXISTS", "UPDATE"] {
        assert_eq!(candidates(&format!("{before} fl|")), ["flights"], "{before}");
    }
    assert_eq!(candidates("SHOW COLUMNS FROM fl|"), ["flights"]);
    assert_eq!(candidates("SELECT * FROM Airlines a, fl|"), ["flights"]);
    assert_eq!(candidates("FROM gen|"), ["generate_series("]);
    assert_eq!(candidates("FROM raw.|"), ["log"]);
    assert_eq!(candidates("WITH late AS (SELECT 1) SELECT * FROM la|"), ["late", "LATERAL"].map(|w| w.to_lowercase()));
}

#[test]
fn names_that_need_quotes_get_them() {
    assert_eq!(candidates("SELECT * FROM air|"), ["\"Airlines\""]);
    assert_eq!(at("SELECT * FROM \"Air|"), ("SELECT * FROM ".into(), vec!["\"Airlines\"".into()]));
    assert_eq!(candidates("SELECT ori| FROM flights"), ["\"Origin\""]);
}

#[test]
fn columns_are_of_the_tables_of_the_query() {
    assert_eq!(candidates("SELECT dep| FROM flights"), ["dep_delay"]);
    assert_eq!(candidates("SELECT | FROM raw.log"), ["line", "log"]);
    assert_eq!(candidates("SELECT f.| FROM flights f"), ["carrier", "dep_delay", "\"Origin\""]);
    assert_eq!(candidates("SELECT * FROM flights AS f\nJOIN raw.log l\n  ON f.car|"), ["carrier"]);
    assert_eq!(candidates("SELECT * FROM public.flights WHERE flights.dep|"), ["dep_delay"]);
    assert_eq!(candidates("SELECT name, car| FROM \"Airlines\""), ["carrier"]);
    // Another statement's tables are not this one's.
    assert_eq!(candidates("SELECT * FROM flights; SELECT * FROM raw.log WHERE dep|"), [""; 0]);
}

#[test]
fn functions_open_their_parenthesis() {
    assert_eq!(candidates("SELECT med| FROM flights"), ["median("]);
    assert_eq!(candidates("SELECT date_t|"), ["date_trunc("]);
}

#[test]
fn options_are_one_word_with_their_dots() {
    assert_eq!(candidates("SET mem|"), ["memory_limit"]);
    assert_eq!(at("SET datafusion.execution.ba|"), ("SET ".into(), vec!["datafusion.execution.batch_size".into()]));
    assert_eq!(candidates("RESET datafusion.|").len(), 2);
    assert_eq!(candidates("SHOW d|"), candidates("SHOW datafusion.execution.|"));
    assert_eq!(candidates("SHOW TAB|"), ["TABLES"]);
}

#[test]
fn files_are_named_in_quotes_after_the_words_that_take_them() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("late.csv"), "").unwrap();
    let path = folder.path().display().to_string();
    for before in ["FROM ", "COPY flights TO ", "SELECT * FROM read_csv(", "SELECT 1 FROM t JOIN "] {
        let (kept, found) = at(&format!("{before}'{path}/la|"));
        assert_eq!((kept, found), (format!("{before}'{path}/"), vec!["late.csv'".to_string()]));
    }
    assert!(candidates(&format!("SELECT '{path}/la|")).is_empty());
    assert_eq!(candidates(&format!(".read {path}/la|")), ["late.csv"]);
}

#[test]
fn commands_and_their_arguments() {
    assert_eq!(candidates(".ti|"), [".timing"]);
    assert_eq!(candidates("\\d|"), ["\\df", "\\d", "\\dt"]);
    assert_eq!(candidates(".format m|"), ["markdown"]);
    assert_eq!(candidates("\\d fl|"), ["flights"]);
    assert_eq!(candidates(".help read|"), [".read"]);
}

#[test]
fn comments_and_text_are_left_alone() {
    assert!(candidates("SELECT 1 -- fro|").is_empty());
    assert!(candidates("SELECT 'fro|").is_empty());
    assert!(candidates("/* fro|").is_empty());
    assert_eq!(candidates("SELECT 1 -- one\nFRO|"), ["FROM"]);
}

#[test]
fn functions_of_ones_own_come_where_they_are_dropped_and_described() {
    for before in ["DROP FUNCTION", "DROP FUNCTION IF EXISTS", "DESCRIBE FUNCTION"] {
        assert_eq!(candidates(&format!("{before} sc|")), ["score"], "{before}");
    }
    assert_eq!(candidates("DROP FUNCTION I|"), ["IF EXISTS"]);
}
