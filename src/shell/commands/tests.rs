//! Commands against a runner that runs nothing.

use std::collections::HashMap;
use std::path::Path;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::*;
use crate::context::Context;
use crate::error::Error;
use crate::report::Watch;
use crate::shell::runner::{Output, Setting};

/// Remembers settings and parameters.
struct Fake {
    context: Context,
    settings: HashMap<Setting, String>,
    parameters: Vec<(String, String)>,
}

impl Runner for Fake {
    fn context(&self) -> &Context {
        &self.context
    }

    fn run_text<'a>(&'a mut self, _: &'a str) -> BoxFuture<'a, Result<()>> {
        async { Ok(()) }.boxed()
    }

    fn run_file<'a>(&'a mut self, _: &'a Path) -> BoxFuture<'a, Result<()>> {
        async { Ok(()) }.boxed()
    }

    fn fork(&self) -> Box<dyn Runner> {
        let (context, settings) = (self.context.clone(), self.settings.clone());
        Box::new(Fake { context, settings, parameters: self.parameters.clone() })
    }

    fn set_output(&mut self, _: Output) {}

    fn watch(&self) -> Watch {
        Watch::default()
    }

    fn setting(&self, setting: Setting) -> String {
        self.settings.get(&setting).cloned().unwrap_or_else(|| "off".into())
    }

    fn set(&mut self, setting: Setting, value: &str) -> Result<()> {
        if setting != Setting::MaxRows && !setting.choices().contains(&value) {
            return Err(Error::user(format!("'{value}' is none of its values")));
        }
        self.settings.insert(setting, value.into());
        Ok(())
    }

    fn parameters(&self) -> Vec<(String, String)> {
        self.parameters.clone()
    }

    fn set_parameter(&mut self, name: &str, value: &str) -> Result<()> {
        self.parameters.push((name.into(), value.into()));
        Ok(())
    }

    fn unset_parameter(&mut self, name: &str) -> bool {
        let before = self.parameters.len();
        self.parameters.retain(|(known, _)| known != name);
        self.parameters.len() < before
    }
}

fn fake() -> Fake {
    let context = Context::builder().build().unwrap();
    Fake { context, settings: HashMap::new(), parameters: Vec::new() }
}

/// What a line does, and what it says.
fn type_in(runner: &mut Fake, last: Option<&str>, line: &str) -> (Result<Action>, String) {
    let mut out = Vec::new();
    let action = execute(line, &mut Desk { runner, out: &mut out, last });
    (action, String::from_utf8(out).unwrap())
}

fn action(line: &str) -> Action {
    type_in(&mut fake(), Some("SELECT 1"), line).0.unwrap()
}

fn error(line: &str) -> Error {
    type_in(&mut fake(), None, line).0.unwrap_err()
}

#[test]
fn dots_and_backslashes_are_the_same_commands() {
    assert_eq!(action(".quit"), Action::Quit);
    assert_eq!(action("\\q"), Action::Quit);
    assert_eq!(action("\\i 'my file.sql'"), Action::Read("my file.sql".into()));
    assert_eq!(action("\\o"), Action::Output(None));
    assert_eq!(action(".once x.parquet"), Action::Once("x.parquet".into()));
}

#[test]
fn a_typing_error_is_met_with_the_nearest_command() {
    assert_eq!(error(".tabels").hint(), Some("did you mean .tables?"));
    assert_eq!(error(".frobnicate").hint(), Some("type .help for the list"));
    assert_eq!(error(".read").hint(), Some("usage: .read FILE"));
    assert!(error(".format xml").hint().unwrap().starts_with("usage: .format"));
}

#[test]
fn settings_are_set_toggled_and_told() {
    let mut runner = fake();
    type_in(&mut runner, None, ".mode csv").0.unwrap();
    assert_eq!(type_in(&mut runner, None, ".format").1, "csv\n");
    assert_eq!(type_in(&mut runner, None, "\\timing").1, "on\n");
    assert_eq!(type_in(&mut runner, None, "\\timing").1, "off\n");
    type_in(&mut runner, None, ".maxrows 5;").0.unwrap();
    assert_eq!(runner.setting(Setting::MaxRows), "5");
}

#[test]
fn parameters_come_and_go() {
    let mut runner = fake();
    type_in(&mut runner, None, ".param set $day '2024-01-01'").0.unwrap();
    assert_eq!(type_in(&mut runner, None, ".param").1, "$day = 2024-01-01\n");
    type_in(&mut runner, None, ".param unset day").0.unwrap();
    assert!(type_in(&mut runner, None, ".param unset day").0.is_err());
}

#[test]
fn patterns_are_of_files_or_of_sql() {
    let Action::Run(sql) = action("\\dt fl*") else { panic!() };
    assert!(sql.contains("table_name ILIKE 'fl%'"), "{sql}");
    let Action::Run(sql) = action("\\df \"it's\"") else { panic!() };
    assert!(sql.contains("routine_name ILIKE '%it''s%'"), "{sql}");
}

#[test]
fn output_refuses_files_that_hold_one_result() {
    assert!(error(".output x.parquet").hint().unwrap().contains(".once"));
    assert_eq!(action(".output x.csv"), Action::Output(Some("x.csv".into())));
}

#[test]
fn last_and_watch_need_a_statement() {
    assert_eq!(action(".last csv"), Action::Again(Some("csv".into())));
    assert_eq!(action("\\watch 0.5"), Action::Watch(Duration::from_millis(500)));
    assert!(error(".last").message().contains("no statement"));
    let (refused, _) = type_in(&mut fake(), Some("SELECT 1"), ".watch -1");
    assert!(refused.is_err());
}

#[test]
fn plans_are_drawn_into_files() {
    let (drawn, _) = type_in(&mut fake(), Some("SELECT 1"), ".plan x.svg");
    assert_eq!(drawn.unwrap(), Action::Plan { file: "x.svg".into(), analyze: false });
    let (drawn, _) = type_in(&mut fake(), Some("SELECT 1"), ".plan analyze x.html");
    assert_eq!(drawn.unwrap(), Action::Plan { file: "x.html".into(), analyze: true });
    let (refused, _) = type_in(&mut fake(), Some("SELECT 1"), ".plan x.png");
    assert!(refused.unwrap_err().hint().unwrap().contains(".svg"));
    assert!(error(".plan x.svg").message().contains("no statement"));
}

#[test]
fn help_tells_of_all_and_of_one() {
    let (_, text) = type_in(&mut fake(), None, ".help");
    assert!(spellings().all(|name| text.contains(name)));
    let (_, text) = type_in(&mut fake(), None, ".help read");
    assert_eq!(text, ".read FILE\n  run the statements of a file\n  also: \\i\n");
}

#[test]
fn limits_are_told_with_units() {
    let (_, text) = type_in(&mut fake(), None, ".limits");
    for name in ["memory limit", "reserved now", "resident at most", "spill folder", "spill limit", "threads"] {
        assert!(text.contains(name), "{text}");
    }
}
