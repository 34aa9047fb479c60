//! The shell through a pseudo-terminal: what a person types, and what the screen shows.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use expectrl::process::Healthcheck;
use expectrl::process::unix::WaitStatus;
use expectrl::session::OsSession;
use expectrl::{ControlCode, Eof, Expect, Regex, Session};
use tempfile::TempDir;

/// A shell with a home of its own.
struct Shell {
    session: OsSession,
}

impl Shell {
    fn start(home: &TempDir, environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_partita"));
        command.current_dir(home.path()).env_remove("NO_COLOR").env_remove("PAGER").env("TERM", "xterm");
        command.env("HOME", home.path());
        command.env("XDG_STATE_HOME", home.path().join("state")).env("XDG_CONFIG_HOME", home.path().join("config"));
        command.envs(environment.iter().copied());
        let mut session = Session::spawn(command).unwrap();
        session.set_expect_timeout(Some(Duration::from_secs(30)));
        let mut shell = Self { session };
        shell.expect(".help");
        shell.prompt();
        shell
    }

    fn line(&mut self, text: &str) {
        self.session.send(format!("{text}\r")).unwrap();
    }

    fn send(&mut self, text: &str) {
        self.session.send(text).unwrap();
    }

    fn control(&mut self, code: ControlCode) {
        self.session.send(code).unwrap();
    }

    /// Waits for a text, past colours that may stand between its words; what was shown before it.
    fn expect(&mut self, text: &str) -> String {
        let found = self.session.expect(text).unwrap_or_else(|error| panic!("waiting for {text:?}: {error}"));
        String::from_utf8_lossy(found.before()).into_owned()
    }

    /// Waits for the next prompt; what was shown before it. The editor draws a prompt anew with every key, but asks for
    /// bracketed paste only where it begins to read.
    fn prompt(&mut self) -> String {
        let prompt = Regex("\x1b\\[\\?2004h[^\n]*?partita>(\x1b\\[0m)? ");
        let found = self.session.expect(prompt).expect("no prompt");
        String::from_utf8_lossy(found.before()).into_owned()
    }

    /// Leaves by Ctrl-D; the exit code.
    fn leave(mut self) -> i32 {
        self.control(ControlCode::EndOfTransmission);
        self.session.expect(Eof).unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            match self.session.get_status().unwrap() {
                WaitStatus::Exited(_, code) => return code,
                WaitStatus::StillAlive if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(20)),
                status => panic!("the shell did not exit: {status:?}"),
            }
        }
    }
}

fn home() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn a_statement_goes_over_several_lines_and_ctrl_d_leaves() {
    let home = home();
    let mut shell = Shell::start(&home, &[]);
    shell.line("SELECT 40 +");
    shell.expect("->");
    shell.line("  2 AS answer;");
    shell.expect("answer");
    shell.expect("42");
    shell.prompt();
    assert_eq!(shell.leave(), 0);
}

#[test]
fn each_statement_of_a_pasted_text_runs_by_itself() {
    let home = home();
    let mut shell = Shell::start(&home, &[]);
    shell.send("\x1b[200~SELECT 40 +\n2 AS first;\n.version\nSELECT 50 + 1 AS second;\x1b[201~\r");
    shell.expect("42");
    shell.expect("DataFusion");
    shell.expect("51");
    shell.prompt();
    let history = fs::read_to_string(home.path().join("state/partita/history")).unwrap();
    assert_eq!(history, "#V2\nSELECT 40 +\\n2 AS first;\n.version\nSELECT 50 + 1 AS second;\n");
    assert_eq!(shell.leave(), 0);
}

#[test]
fn an_error_has_its_place_and_the_shell_goes_on() {
    let home = home();
    let mut shell = Shell::start(&home, &[]);
    shell.line("SELECT nothing_here;");
    shell.expect("error:");
    shell.expect("nothing_here");
    shell.prompt();
    shell.line("SELECT 6 * 7 AS product;");
    shell.expect("42");
    shell.prompt();
    assert_eq!(shell.leave(), 0);
}

#[test]
fn tab_completes_keywords_tables_and_columns() {
    let home = home();
    let mut shell = Shell::start(&home, &[]);
    shell.line("CREATE TABLE flights AS SELECT 17 AS departure_delay;");
    shell.prompt();
    shell.send("sel\t departure_d\t + 25 AS answer fr\t fli\t;\r");
    shell.expect("42");
    shell.prompt();
    shell.line("SELECT max(f.departure_delay) * 3 AS tripled");
    shell.expect("->");
    shell.send("FROM flights f WHERE f.dep\t > 0;\r");
    shell.expect("51");
    shell.prompt();
    assert_eq!(shell.leave(), 0);
}

#[test]
fn ctrl_c_clears_the_line() {
    let home = home();
    let mut shell = Shell::start(&home, &[]);
    shell.line("SELECT 'never closed");
    shell.expect("->");
    shell.control(ControlCode::EndOfText);
    shell.prompt();
    shell.line("SELECT 42 AS answer;");
    shell.expect("answer");
    shell.prompt();
    assert_eq!(shell.leave(), 0);
}

/// DataFusion's joins did not give way, so that a cross join could not be cancelled and held its threads for ever.
#[test]
fn ctrl_c_ends_a_join_and_not_the_shell() {
    let home = home();
    let mut shell = Shell::start(&home, &[]);
    shell.line("SELECT count(*) AS pairs FROM generate_series(1, 10000000) a, generate_series(1, 10000000) b;");
    std::thread::sleep(Duration::from_millis(1500));
    let pressed = Instant::now();
    shell.control(ControlCode::EndOfText);
    shell.expect("cancelling");
    shell.expect("cancelled");
    shell.prompt();
    let took = pressed.elapsed();
    assert!(took < Duration::from_secs(3), "it took {took:?}");
    shell.line("SELECT sum(value) AS total FROM generate_series(1, 1000);");
    shell.expect("500500");
    shell.prompt();
    assert_eq!(shell.leave(), 0);
}

#[test]
fn a_long_query_shows_its_progress() {
    let home = home();
    let mut shell = Shell::start(&home, &[]);
    shell.line("SELECT count(*) AS pairs FROM generate_series(1, 10000000) a, generate_series(1, 10000000) b;");
    shell.expect("running 2 s");
    shell.expect("memory ");
    shell.control(ControlCode::EndOfText);
    shell.expect("cancelled");
    shell.prompt();
    assert_eq!(shell.leave(), 0);
}

#[test]
fn history_survives_a_kill_and_holds_a_statement_as_one_entry() {
    let home = home();
    let mut shell = Shell::start(&home, &[]);
    shell.line("SELECT 40 +");
    shell.expect("->");
    shell.line("2 AS answer;");
    shell.expect("42");
    shell.prompt();
    shell.session.get_process_mut().kill(expectrl::process::unix::Signal::SIGKILL).unwrap();
    drop(shell);

    let path = home.path().join("state/partita/history");
    assert_eq!(fs::read_to_string(&path).unwrap(), "#V2\nSELECT 40 +\\n2 AS answer;\n");
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions()) & 0o777, 0o600);

    let mut shell = Shell::start(&home, &[]);
    // Arrow up, then return: the whole statement comes back and runs.
    shell.send("\x1b[A");
    shell.send("\r");
    shell.expect("42");
    shell.prompt();
    assert_eq!(shell.leave(), 0);
}

#[test]
fn dot_and_backslash_commands_are_one_set() {
    let home = home();
    let mut shell = Shell::start(&home, &[]);
    shell.line("CREATE TABLE flights AS SELECT 1 AS carrier;");
    shell.prompt();
    shell.line(".tables");
    shell.expect("flights");
    shell.prompt();
    shell.line("\\d flights");
    shell.expect("carrier");
    shell.prompt();
    shell.line(".limits");
    shell.expect("memory limit");
    shell.expect("spill folder");
    shell.prompt();
    shell.line(".tabels");
    shell.expect("did you mean .tables?");
    shell.prompt();
    fs::write(home.path().join("six.sql"), "SELECT 6 * 7 AS product;\n").unwrap();
    shell.line("\\i six.sql");
    shell.expect("product");
    shell.expect("42");
    shell.prompt();
    shell.line("\\q");
    shell.session.expect(Eof).unwrap();
}

#[test]
fn output_goes_to_a_file_and_back() {
    let home = home();
    let mut shell = Shell::start(&home, &[]);
    shell.line(".output rows.txt");
    shell.prompt();
    shell.line("SELECT 'in the ' || 'file' AS place;");
    assert!(!shell.prompt().contains("in the file"));
    shell.line("\\o");
    shell.prompt();
    shell.line("SELECT 'on the ' || 'screen' AS place;");
    shell.expect("on the screen");
    shell.prompt();
    assert!(fs::read_to_string(home.path().join("rows.txt")).unwrap().contains("in the file"));
    assert_eq!(shell.leave(), 0);
}

#[test]
fn an_init_file_runs_and_a_broken_one_ends_nothing() {
    let home = home();
    fs::create_dir_all(home.path().join("config/partita")).unwrap();
    fs::write(home.path().join("config/partita/init.sql"), "CREATE TABLE made AS SELECT 42 AS x;\nSELEC;").unwrap();
    let mut shell = Shell::start(&home, &[]);
    shell.line("SELECT x AS kept FROM made;");
    shell.expect("kept");
    shell.expect("42");
    shell.prompt();
    assert_eq!(shell.leave(), 0);
}

#[test]
fn a_result_longer_than_the_screen_goes_through_the_pager() {
    let home = home();
    let mut shell = Shell::start(&home, &[("PAGER", "sed s/^/paged:/")]);
    shell.line("SELECT 1 AS one;");
    assert!(!shell.prompt().contains("paged:"));
    shell.line(".maxrows 0");
    shell.prompt();
    shell.line("SELECT * FROM generate_series(1, 200);");
    shell.expect("paged:");
    shell.prompt();
    assert_eq!(shell.leave(), 0);
}

#[test]
fn colours_are_for_those_who_want_them() {
    let home = home();
    let colour = "\x1b[1;34m";
    let mut shell = Shell::start(&home, &[]);
    shell.line("SELECT 1 AS one;");
    assert!(shell.prompt().contains(colour));
    assert_eq!(shell.leave(), 0);
    let mut shell = Shell::start(&home, &[("NO_COLOR", "1")]);
    shell.line("SELECT 1 AS one;");
    assert!(!shell.prompt().contains(colour));
    shell.line("SELECT oops;");
    assert!(!shell.prompt().contains("\x1b[1;31m"));
    assert_eq!(shell.leave(), 0);
}
