//! From a line and a cursor to candidates.

use datafusion::sql::sqlparser::tokenizer::Token;

use super::files::files;
use super::names::{Names, quoted};
use super::place::{Place, place};
use super::scope::relations;
use super::words;
use crate::shell::commands::{self, Arguments};
use crate::shell::lexeme::{Lexeme, lex};

/// One way to go on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::shell) struct Candidate {
    /// What the list of candidates shows.
    pub(in crate::shell) display: String,
    /// What is written from the start of the word on.
    pub(in crate::shell) replacement: String,
}

impl Candidate {
    fn plain(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { display: text.clone(), replacement: text }
    }
}

/// How `text`, all lines of a statement so far, may go on at byte `cursor`: the byte that the candidates replace from,
/// and the candidates, the likeliest first.
///
/// What stands behind the cursor counts too: in `SELECT f.| FROM flights f` the columns of `flights` are offered.
pub(in crate::shell) fn complete(text: &str, cursor: usize, names: &Names) -> (usize, Vec<Candidate>) {
    let before = &text[..cursor];
    if before.trim_start().starts_with(['.', '\\']) {
        return complete_command(before, names);
    }
    let lexed = lex(before);
    match lexed.open {
        Some(open) if before[open..].starts_with('\'') => complete_path(text, cursor, open, &lexed.lexemes),
        Some(open) if before[open..].starts_with('"') => {
            let typed = before[open + 1..].replace("\"\"", "\"");
            complete_name(text, open, &typed, true, &lexed.lexemes, names)
        }
        Some(_) => (cursor, Vec::new()),
        None => complete_word(text, cursor, lexed.lexemes, names),
    }
}

/// Completes the word that ends at the cursor, or an empty one.
fn complete_word(text: &str, cursor: usize, mut lexemes: Vec<Lexeme>, names: &Names) -> (usize, Vec<Candidate>) {
    if lexemes.last().is_some_and(|last| last.is_comment() && !text[..cursor].ends_with('\n')) {
        return (cursor, Vec::new());
    }
    let typing = lexemes.pop_if(|last| last.range.end == cursor && last.word().is_some());
    let start = typing.map_or(cursor, |word| word.range.start);
    let typed = &text[start..cursor];
    if let Some((start, options)) = complete_option(text, cursor, &lexemes, names) {
        return (start, options);
    }
    complete_name(text, start, typed, false, &lexemes, names)
}

/// Option names have dots in them: all of `datafusion.exec` is one word after SET, SHOW and RESET.
fn complete_option(text: &str, cursor: usize, lexemes: &[Lexeme], names: &Names) -> Option<(usize, Vec<Candidate>)> {
    let statement = statement(lexemes);
    let first = statement.first()?;
    let start = statement.get(1).map_or(cursor, |second| second.range.start);
    let typed = &text[start..cursor];
    let dotted = typed.chars().all(|c| c.is_alphanumeric() || c == '.' || c == '_');
    let settles = ["SET", "SHOW", "RESET"].iter().any(|word| first.is(word));
    if !settles || !dotted || !typed.contains('.') {
        return None;
    }
    Some((start, options(names, typed)))
}

/// Options that go on from what is typed, each up to its next dot: hundreds of them are a short list at each step.
fn options(names: &Names, typed: &str) -> Vec<Candidate> {
    let wanted = names.options.iter().filter(|option| starts(option, typed));
    let mut steps: Vec<&str> = wanted
        .map(|option| option[typed.len()..].find('.').map_or(option.as_str(), |dot| &option[..=typed.len() + dot]))
        .collect();
    steps.dedup();
    // A single step is no choice: what lies behind it is.
    match steps.as_slice() {
        [step] if step.ends_with('.') && step.len() > typed.len() => options(names, step),
        _ => steps.into_iter().map(Candidate::plain).collect(),
    }
}

fn complete_name(
    text: &str,
    start: usize,
    typed: &str,
    in_quotes: bool,
    lexemes: &[Lexeme],
    names: &Names,
) -> (usize, Vec<Candidate>) {
    let before = statement(lexemes);
    // A whole statement with a name in place of the one being typed shows what it is about.
    let tail = &text[start..];
    let behind = tail.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '"').map_or("", |at| &tail[at..]);
    let after = lex(behind).lexemes;
    let after = after.iter().take_while(|lexeme| lexeme.token != Token::SemiColon).filter(|lexeme| !lexeme.is_white());
    let whole: Vec<&Lexeme> = before.iter().copied().chain(after).collect();
    let mut list = List { typed, in_quotes, upper: prefers_upper(typed, &before), found: Vec::new() };
    list.add(place(&before), &whole, names);
    (start, list.found)
}

/// The lexemes of the statement that the end of `lexemes` belongs to, without white space and comments.
fn statement(lexemes: &[Lexeme]) -> Vec<&Lexeme> {
    let begin = lexemes.iter().rposition(|lexeme| lexeme.token == Token::SemiColon).map_or(0, |at| at + 1);
    lexemes[begin..].iter().filter(|lexeme| !lexeme.is_white()).collect()
}

/// Keywords are written as the person writes them: as the letters typed so far, or as the first word of the statement.
fn prefers_upper(typed: &str, before: &[&Lexeme]) -> bool {
    let first = || before.iter().find_map(|lexeme| lexeme.word()).map(|word| word.value.as_str());
    let model = if typed.is_empty() { first().unwrap_or("S") } else { typed };
    !model.chars().any(char::is_lowercase)
}

/// Candidates that go on from what is typed.
struct List<'a> {
    typed: &'a str,
    in_quotes: bool,
    upper: bool,
    found: Vec<Candidate>,
}

impl List<'_> {
    fn add(&mut self, place: Place, whole: &[&Lexeme], names: &Names) {
        match place {
            Place::Statement => self.keywords(words::FIRST),
            Place::Word(words) => self.keywords(words),
            Place::Table { functions, keywords } => {
                let (_, common) = relations(whole);
                self.names(common.iter());
                self.tables(names);
                if functions {
                    self.functions(&names.table_functions);
                }
                self.keywords(keywords);
            }
            Place::Schema => self.names(names.schemas.iter()),
            Place::OwnFunction { keywords } => {
                self.names(names.own_functions.iter());
                self.keywords(keywords);
            }
            Place::Member(parts) => self.members(&parts, whole, names),
            Place::Option { keywords } => {
                self.keywords(keywords);
                self.found.extend(options(names, self.typed));
            }
            Place::Expression => self.expression(whole, names),
        }
    }

    fn expression(&mut self, whole: &[&Lexeme], names: &Names) {
        let (relations, _) = relations(whole);
        let columns = relations.iter().filter_map(|relation| names.table(&relation.table)).flat_map(|t| &t.columns);
        self.names(columns);
        if relations.is_empty() && !self.typed.is_empty() {
            // No FROM yet: any table's columns may be meant.
            self.names(names.tables.iter().filter(|t| t.schema == names.current).flat_map(|t| &t.columns));
        }
        self.names(relations.iter().map(|relation| &relation.alias));
        // With nothing typed a thousand functions would bury the columns.
        if !self.typed.is_empty() {
            self.functions(&names.functions);
            self.keywords(words::KEYWORDS);
        } else if self.found.is_empty() {
            self.keywords(words::KEYWORDS);
        }
    }

    /// Columns of the relation, or tables of the schema, that the parts name.
    fn members(&mut self, parts: &[String], whole: &[&Lexeme], names: &Names) {
        let (relations, _) = relations(whole);
        let aliased = match parts {
            [alias] => relations.iter().find(|relation| relation.alias == *alias),
            _ => None,
        };
        let table = aliased.map_or(parts, |relation| &relation.table);
        if let Some(table) = names.table(table) {
            self.names(table.columns.iter());
        }
        if let Some(schema) = parts.last() {
            self.names(names.tables.iter().filter(|table| table.schema == *schema).map(|table| &table.name));
            if names.catalogs.contains(schema) {
                self.names(names.schemas.iter());
            }
        }
    }

    fn tables(&mut self, names: &Names) {
        self.names(names.tables.iter().filter(|table| table.schema == names.current).map(|table| &table.name));
        self.names(names.schemas.iter());
    }

    fn names<'n>(&mut self, names: impl Iterator<Item = &'n String>) {
        for name in names {
            let wanted = if self.in_quotes { name.starts_with(self.typed) } else { starts(name, self.typed) };
            let written = if self.in_quotes { format!("\"{}\"", name.replace('"', "\"\"")) } else { quoted(name) };
            if wanted && !self.found.iter().any(|found| found.replacement == written) {
                self.found.push(Candidate { display: name.clone(), replacement: written });
            }
        }
    }

    fn functions(&mut self, functions: &[String]) {
        if !self.in_quotes {
            let functions = functions.iter().filter(|function| starts(function, self.typed));
            self.found.extend(functions.map(|function| Candidate::plain(format!("{}(", quoted(function)))));
        }
    }

    fn keywords(&mut self, keywords: &[&str]) {
        if !self.in_quotes {
            let keywords = keywords.iter().filter(|keyword| starts(keyword, self.typed));
            let cased = keywords.map(|word| if self.upper { word.to_string() } else { word.to_lowercase() });
            self.found.extend(cased.map(Candidate::plain));
        }
    }
}

/// Whether `name` begins with what is typed, in any case.
fn starts(name: &str, typed: &str) -> bool {
    name.get(..typed.len()).is_some_and(|start| start.eq_ignore_ascii_case(typed))
}

/// Completes a file name in the quote that begins at `open`, where a file may be named.
fn complete_path(text: &str, cursor: usize, open: usize, lexemes: &[Lexeme]) -> (usize, Vec<Candidate>) {
    let words = statement(lexemes);
    let names_file = match words.as_slice() {
        [.., last]
            if ["FROM", "JOIN", "COPY", "TO", "LOCATION", "INTO", "SUMMARIZE", "DESCRIBE"]
                .iter()
                .any(|w| last.is(w)) =>
        {
            true
        }
        [.., function, paren] if paren.token == Token::LParen => {
            function.word().is_some_and(|word| word.value.to_lowercase().starts_with("read_"))
        }
        _ => false,
    };
    if !names_file {
        return (cursor, Vec::new());
    }
    let close = if text[cursor..].starts_with('\'') { "" } else { "'" };
    let (start, found) = files(&text[open + 1..cursor], close);
    (open + 1 + start, found)
}

/// Completes the name of a command, or its argument.
fn complete_command(before: &str, names: &Names) -> (usize, Vec<Candidate>) {
    let begin = before.len() - before.trim_start().len();
    let Some(space) = before[begin..].find(char::is_whitespace).map(|at| begin + at) else {
        let typed = &before[begin..];
        let found = commands::spellings().filter(|name| name.starts_with(typed));
        return (begin, found.map(Candidate::plain).collect());
    };
    let Some(command) = commands::find(&before[begin..space]) else { return (before.len(), Vec::new()) };
    let start = before.rfind(char::is_whitespace).map_or(before.len(), |at| at + 1);
    let typed = &before[start..];
    let words =
        |words: &[&str]| words.iter().filter(|word| word.starts_with(typed)).map(|w| Candidate::plain(*w)).collect();
    match command.arguments {
        Arguments::None => (before.len(), Vec::new()),
        Arguments::File => {
            let path = before[space..].trim_start();
            let (at, found) = files(path, "");
            (before.len() - path.len() + at, found)
        }
        Arguments::Table => {
            let mut list = List { typed, in_quotes: false, upper: false, found: Vec::new() };
            list.tables(names);
            (start, list.found)
        }
        Arguments::Command => {
            let found = commands::spellings().filter(|name| name.starts_with(typed) || name[1..].starts_with(typed));
            (start, found.map(Candidate::plain).collect())
        }
        Arguments::Setting(setting) => (start, words(setting.choices())),
        Arguments::Words(choices) => (start, words(choices)),
    }
}
