//! What the catalog names, as of the last statement.

use std::collections::BTreeSet;

use datafusion::execution::SessionState;
use datafusion::sql::sqlparser::keywords::{
    RESERVED_FOR_COLUMN_ALIAS, RESERVED_FOR_IDENTIFIER, RESERVED_FOR_TABLE_ALIAS,
};
use datafusion::sql::sqlparser::tokenizer::{Token, Word};
use futures::FutureExt;

use super::words;
use crate::context::Context;

/// A snapshot of the names that SQL text can use. Taking one runs nothing and waits for nothing, so that it may be
/// taken after every statement; typing only reads it.
#[derive(Debug, Clone, Default)]
pub(in crate::shell) struct Names {
    /// Tables and views with their columns.
    pub(super) tables: Vec<Table>,
    pub(super) catalogs: Vec<String>,
    pub(super) schemas: Vec<String>,
    /// The schema that needs no naming.
    pub(super) current: String,
    pub(super) functions: Vec<String>,
    /// Those that people made.
    pub(super) own_functions: Vec<String>,
    pub(super) table_functions: Vec<String>,
    pub(super) options: Vec<String>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    pub(super) schema: String,
    pub(super) name: String,
    pub(super) columns: Vec<String>,
}

impl Names {
    /// The names of a context, now.
    pub(in crate::shell) fn of(context: &Context) -> Self {
        let state = context.session().state();
        let mut names = Self { functions: functions(&state), options: options(&state), ..Self::default() };
        names.own_functions = sorted(context.functions().into_iter().map(|function| function.name));
        let listed = state.table_functions().keys().cloned();
        names.table_functions = sorted(listed.chain(words::READERS.iter().map(ToString::to_string)));
        names.current = state.config_options().catalog.default_schema.clone();
        names.add_tables(&state);
        names.add_information_schema();
        names
    }

    fn add_information_schema(&mut self) {
        let schema = "information_schema".to_string();
        let table = |name: &&str| Table { schema: schema.clone(), name: name.to_string(), columns: Vec::new() };
        self.tables.extend(words::INFORMATION.iter().map(table));
        self.schemas.push(schema);
    }

    fn add_tables(&mut self, state: &SessionState) {
        let list = state.catalog_list();
        self.catalogs = sorted(list.catalog_names());
        let Some(catalog) = list.catalog(&state.config_options().catalog.default_catalog) else { return };
        self.schemas = sorted(catalog.schema_names());
        for schema in &self.schemas {
            let Some(provider) = catalog.schema(schema) else { continue };
            for name in sorted(provider.table_names()) {
                // A table that is not at hand would have to be fetched: its columns are not worth the wait.
                let table = provider.table(&name).now_or_never().and_then(Result::ok).flatten();
                let fields = table.map(|table| table.schema());
                let columns = fields.iter().flat_map(|schema| schema.fields()).map(|field| field.name().clone());
                self.tables.push(Table { schema: schema.clone(), name, columns: columns.collect() });
            }
        }
    }

    /// The table that these parts of a name mean, the schema before the table.
    pub(super) fn table(&self, parts: &[String]) -> Option<&Table> {
        let name = parts.last()?;
        let schema = parts.len().checked_sub(2).map_or(&self.current, |at| &parts[at]);
        self.tables.iter().find(|table| table.name == *name && table.schema == *schema)
    }
}

fn functions(state: &SessionState) -> Vec<String> {
    let scalar = state.scalar_functions().keys();
    let functions = scalar.chain(state.aggregate_functions().keys()).chain(state.window_functions().keys());
    sorted(functions.cloned())
}

fn options(state: &SessionState) -> Vec<String> {
    let engine = state.config_options().entries().into_iter().map(|entry| entry.key);
    sorted(engine.chain(words::OPTIONS.iter().map(ToString::to_string)))
}

fn sorted(names: impl IntoIterator<Item = String>) -> Vec<String> {
    names.into_iter().collect::<BTreeSet<_>>().into_iter().collect()
}

/// The name as SQL has to write it: quoted where it would be read otherwise.
pub(super) fn quoted(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !is_reserved(name);
    if plain { name.to_string() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// What a word of a statement names: unquoted ones are lower case.
pub(super) fn meant(word: &Word) -> String {
    if word.quote_style.is_some() { word.value.clone() } else { word.value.to_lowercase() }
}

fn is_reserved(name: &str) -> bool {
    let Token::Word(word) = Token::make_word(name, None) else { return false };
    [RESERVED_FOR_COLUMN_ALIAS, RESERVED_FOR_TABLE_ALIAS, RESERVED_FOR_IDENTIFIER]
        .iter()
        .any(|list| list.contains(&word.keyword))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_where_they_must() {
        assert_eq!(quoted("dep_delay"), "dep_delay");
        assert_eq!(quoted("Flights"), "\"Flights\"");
        assert_eq!(quoted("two words"), "\"two words\"");
        assert_eq!(quoted("order"), "\"order\"");
        assert_eq!(quoted("2024"), "\"2024\"");
        assert_eq!(quoted("a\"b"), "\"a\"\"b\"");
    }

    #[tokio::test]
    async fn a_snapshot_has_tables_columns_functions_and_options() {
        let context = Context::builder().build().unwrap();
        context.sql("CREATE TABLE flights AS SELECT 1 AS carrier").await.unwrap().compute().await.unwrap();
        context.sql("CREATE FUNCTION twice(n BIGINT) RETURNS BIGINT RETURN 2 * n").await.unwrap();
        let names = Names::of(&context);
        assert!(names.functions.contains(&"twice".into()) && names.own_functions == ["twice"]);
        assert_eq!(names.table(&["flights".into()]).unwrap().columns, ["carrier"]);
        assert!(names.table(&["information_schema".into(), "tables".into()]).is_some());
        assert!(names.functions.contains(&"median".into()));
        assert!(names.table_functions.contains(&"generate_series".into()));
        assert!(names.options.contains(&"datafusion.execution.batch_size".into()));
    }
}
