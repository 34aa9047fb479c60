//! Every example of the README runs, and so does every script below `queries/`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg(unix)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const PARTITA: &str = env!("CARGO_BIN_EXE_partita");

/// The code blocks of the README in one language.
fn blocks(language: &str) -> Vec<String> {
    let readme = include_str!("../README.md");
    let opening = format!("```{language}\n");
    let blocks = readme.split(opening.as_str()).skip(1);
    blocks.map(|rest| rest.split("```").next().unwrap_or_default().to_string()).collect()
}

/// Runs a command from the project's root, with nothing on standard input, and the built `partita` first on the path.
fn run(command: &mut Command, input: &str) -> Output {
    let built = Path::new(PARTITA).parent().unwrap();
    let path = std::env::join_paths(
        [built.to_path_buf()].into_iter().chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
    );
    command.current_dir(env!("CARGO_MANIFEST_DIR")).env("PATH", path.unwrap());
    // No init script of whoever runs the tests.
    command.env("XDG_CONFIG_HOME", env!("CARGO_TARGET_TMPDIR"));
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn assert_success(what: &str, output: &Output) {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{what}\n{}\n{errors}", output.status);
}

#[test]
fn every_command_of_the_readme_runs() {
    let lines = blocks("sh").into_iter().flat_map(|block| block.lines().map(str::to_string).collect::<Vec<_>>());
    // `cargo` would build again inside its own test.
    let commands: Vec<_> = lines.filter(|line| line.contains("partita ") && !line.starts_with("cargo ")).collect();
    assert!(commands.len() >= 5, "{commands:?}");
    for line in commands {
        assert_success(&line, &run(Command::new("sh").args(["-c", &line]), ""));
    }
}

#[test]
fn every_query_of_the_readme_runs() {
    let blocks = blocks("sql");
    assert!(blocks.len() >= 3);
    for block in blocks {
        let output = run(Command::new(PARTITA).args(["--no-init", "--load", "queries/data"]), &block);
        assert_success(&block, &output);
        assert!(!output.stdout.is_empty(), "no rows came out of\n{block}");
    }
}

/// Whether the Python of this machine has what functions over whole columns need.
fn has_pyarrow() -> bool {
    run(Command::new("python3").args(["-c", "import numpy, pyarrow"]), "").status.success()
}

#[test]
fn every_script_of_the_tour_runs() {
    let mut scripts: Vec<PathBuf> =
        glob::glob(concat!(env!("CARGO_MANIFEST_DIR"), "/queries/flights/*.sql")).unwrap().flatten().collect();
    scripts.extend(glob::glob(concat!(env!("CARGO_MANIFEST_DIR"), "/queries/apply/*.sql")).unwrap().flatten());
    if !has_pyarrow() {
        scripts.retain(|script| !script.ends_with("03_python_columns.sql"));
    }
    scripts.push(Path::new(env!("CARGO_MANIFEST_DIR")).join("queries/quickstart.sql"));
    assert!(scripts.len() > 10);
    for script in scripts {
        let parameters = ["-p", "origin=JFK", "-p", "month=7", "-p", "least=120"];
        let output = run(Command::new(PARTITA).arg("--no-init").args(parameters).arg(&script), "");
        assert_success(&script.display().to_string(), &output);
    }
}
