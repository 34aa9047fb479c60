//! The words of SQL that people type; the tokenizer knows a thousand more, which would only be in the way.

/// Keywords of clauses, statements and expressions, in alphabetical order.
#[rustfmt::skip]
pub(in crate::shell) const KEYWORDS: &[&str] = &[
    "ADD", "ALL", "ALTER", "ANALYZE", "AND", "ANTI", "ANY", "AS", "ASC", "BETWEEN", "BY", "CASE", "CAST", "COLUMN",
    "COLUMNS", "COMPRESSION", "COPY", "CREATE", "CROSS", "CURRENT", "DATE", "DELETE", "DESC", "DESCRIBE", "DISTINCT",
    "DROP", "ELSE", "END", "ESCAPE", "EXCEPT", "EXCLUDE", "EXECUTE", "EXISTS", "EXPLAIN", "EXTERNAL", "EXTRACT", "FALSE",
    "FILTER", "FIRST", "FOLLOWING", "FOR", "FORMAT", "FROM", "FULL", "FUNCTION", "FUNCTIONS", "GROUP", "GROUPING",
    "HAVING", "IF", "ILIKE", "IN", "INNER", "INSERT", "INTERSECT", "INTERVAL", "INTO", "IS", "JOIN", "LAST", "LATERAL",
    "LEFT", "LIKE", "LIMIT", "LOCATION", "NATURAL", "NOT", "NULL", "NULLS", "OFFSET", "ON", "OPTIONS", "OR", "ORDER",
    "OUTER", "OVER", "PARTITION", "PARTITIONED", "PRECEDING", "PREPARE", "QUALIFY", "RANGE", "RECURSIVE", "REPLACE",
    "RESET", "RIGHT", "ROLLUP", "ROW", "ROWS", "SCHEMA", "SELECT", "SEMI", "SET", "SETS", "SHOW", "SIMILAR", "STORED",
    "SUMMARIZE", "TABLE", "TABLES", "TABLESAMPLE", "TEMPORARY", "THEN", "TIME", "TIMESTAMP", "TO", "TRUE", "TRUNCATE",
    "TRY_CAST", "UNBOUNDED", "UNION", "UNNEST", "UPDATE", "USE", "USING", "VALUES", "VIEW", "WHEN", "WHERE", "WINDOW",
    "WITH", "WITHIN",
];

/// Keywords that are written like functions, and are functions where a parenthesis follows.
pub(in crate::shell) const FUNCTION_LIKE: &[&str] = &["LEFT", "RIGHT", "REPLACE", "FIRST", "LAST", "UNNEST", "DATE"];

/// What a statement may begin with.
#[rustfmt::skip]
pub(super) const FIRST: &[&str] = &[
    "ALTER", "ANALYZE", "COPY", "CREATE", "DELETE", "DESCRIBE", "DROP", "EXECUTE", "EXPLAIN", "FROM", "INSERT INTO",
    "PREPARE", "RESET", "SELECT", "SET", "SHOW", "SUMMARIZE", "TRUNCATE", "UPDATE", "USE", "VALUES", "WITH",
];

/// What may follow CREATE.
pub(super) const CREATED: &[&str] =
    &["EXTERNAL TABLE", "FUNCTION", "OR REPLACE", "SCHEMA", "TABLE", "TEMPORARY TABLE", "TEMPORARY VIEW", "VIEW"];

/// What may follow DROP.
pub(super) const DROPPED: &[&str] = &["FUNCTION", "SCHEMA", "TABLE", "VIEW"];

/// What may follow SHOW, beside options.
pub(super) const SHOWN: &[&str] = &["ALL", "COLUMNS FROM", "CREATE TABLE", "FUNCTIONS", "TABLES"];

/// The engine's own options beside DataFusion's.
#[rustfmt::skip]
pub(super) const OPTIONS: &[&str] = &[
    "function_memory", "function_timeout", "memory_limit", "on_function_error", "python_path", "spill_limit", "threads",
];

/// Functions in FROM that the engine does not list.
pub(super) const READERS: &[&str] =
    &["read_arrow", "read_avro", "read_csv", "read_json", "read_ndjson", "read_parquet", "read_tsv", "tpch"];

/// The tables of `information_schema`, which no catalog lists.
pub(super) const INFORMATION: &[&str] =
    &["columns", "df_settings", "parameters", "routines", "schemata", "tables", "views"];
