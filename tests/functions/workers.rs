//! The processes of functions in Python, seen from outside.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::{context, rows, run};

const SCRIPT: &str = "CREATE FUNCTION stuck(a BIGINT) RETURNS BIGINT LANGUAGE PYTHON AS $$
import os, sys
def stuck(a):
    print(os.getpid(), file=sys.stderr, flush=True)
    while True: pass
$$;
SELECT stuck(1);
";

/// Starts the program with a function that never ends; it and its worker's process id.
fn stuck() -> (std::process::Child, i32) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_partita"))
        .arg("--no-init")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    program.stdin.take().unwrap().write_all(SCRIPT.as_bytes()).unwrap();
    let mut line = String::new();
    BufReader::new(program.stderr.as_mut().unwrap()).read_line(&mut line).unwrap();
    (program, line.trim().parse().unwrap_or_else(|_| panic!("{line}")))
}

fn ends_within_a_second(pid: i32) {
    let started = Instant::now();
    // A zombie is dead too: who is to collect it depends on the machine.
    let lives = || {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        Path::new(&format!("/proc/{pid}")).exists() && !status.contains("State:\tZ")
    };
    while lives() {
        assert!(started.elapsed() < Duration::from_secs(1), "the worker outlives the program");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn no_worker_outlives_a_killed_program() {
    let (mut program, worker) = stuck();
    program.kill().unwrap();
    program.wait().unwrap();
    ends_within_a_second(worker);
}

#[test]
fn ctrl_c_ends_the_worker() {
    let (mut program, worker) = stuck();
    kill(Pid::from_raw(program.id() as i32), Signal::SIGINT).unwrap();
    let started = Instant::now();
    ends_within_a_second(worker);
    program.wait().unwrap();
    assert!(started.elapsed() < Duration::from_secs(2));
}

/// No more workers than threads, and the same ones for the next query and the next function.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn workers_are_few_and_reused() {
    let ctx = context();
    for name in ["f", "g"] {
        run(&ctx, &format!("CREATE FUNCTION {name}(a BIGINT) RETURNS BIGINT VOLATILE LANGUAGE PYTHON AS $$\nimport os\ndef {name}(a):\n    return os.getpid()\n$$")).await;
    }
    let query = "SELECT DISTINCT f(value) FROM generate_series(1, 100000) UNION SELECT DISTINCT g(value) FROM generate_series(1, 100000)";
    let first = rows(&ctx, query).await;
    let second = rows(&ctx, query).await;
    let all: std::collections::BTreeSet<_> = first.iter().chain(&second).collect();
    assert!(all.len() <= 2, "{all:?}");
}

/// Several queries at once share the workers.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn queries_at_once() {
    let ctx = context();
    run(&ctx, "CREATE FUNCTION inc(a BIGINT) RETURNS BIGINT LANGUAGE PYTHON AS $$\nimport os\ndef inc(a):\n    return a + 1\n$$")
        .await;
    let query = "SELECT sum(inc(value)) FROM generate_series(1, 30000)";
    let all = futures::future::join_all((0..6).map(|_| rows(&ctx, query))).await;
    assert!(all.iter().all(|rows| *rows == ["450045000"]), "{all:?}");
}

/// The most that the program and its workers have held together, while a function holds `held`.
fn peak_with(held: &str) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("r.json");
    let sql = format!(
        "CREATE FUNCTION hold(a BIGINT) RETURNS BIGINT LANGUAGE PYTHON AS $$\nheld = {held}\ndef hold(a):\n    return a\n$$; \
         SELECT hold(value) FROM generate_series(1, 3)"
    );
    let mut program = Command::new(env!("CARGO_BIN_EXE_partita"));
    let program = program.args(["--no-init", "--format", "none", "-c", &sql, "--report"]).arg(&report);
    assert!(program.status().unwrap().success());
    let report: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(report).unwrap()).unwrap();
    report["peak_resident"].as_u64().unwrap()
}

/// In a process of its own: what other tests hold comes and goes.
#[test]
fn what_workers_hold_counts() {
    let (little, much) = (peak_with("1"), peak_with("bytearray(b'x') * 100000000"));
    assert!(much > little + 80_000_000, "{little} {much}");
}
