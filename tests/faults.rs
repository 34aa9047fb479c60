//! What goes wrong while operators spill: a clear error each, nothing left behind, and the context goes on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../src/allocator.rs"]
mod allocator;

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use futures::StreamExt;
use partita::prelude::*;
use tempfile::TempDir;

/// The resident size is the process's: what one test holds is missing in the limit of every other.
static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Queries that go through disk at the smallest limit, one for each way of doing so.
const QUERIES: [(&str, &str); 7] = [
    ("a join", "SELECT count(*), max(a.t), max(b.t) FROM rows AS a JOIN rows AS b ON a.n = b.n"),
    ("a join without keys", "SELECT count(*) FROM rows AS a JOIN rows AS b ON a.n < b.n AND b.n < 3 AND a.t > b.t"),
    ("a grouping", "SELECT count(*), sum(c) FROM (SELECT t, max(n) AS c FROM rows GROUP BY t)"),
    ("a sort", "SELECT * FROM rows ORDER BY k, n"),
    ("many first rows", "SELECT * FROM rows ORDER BY k, n LIMIT 900000"),
    (
        "a window",
        "SELECT count(DISTINCT r), max(s) FROM (SELECT sum(n) OVER () AS r, max(t) OVER (PARTITION BY n) AS s FROM rows)",
    ),
    ("distinct counts", "SELECT count(DISTINCT t), count(DISTINCT n), median(n) FROM rows"),
];

/// More than 120 MB, which nobody holds: they are made as they are read.
const ROWS: &str = "CREATE VIEW rows AS SELECT value AS n, value * 7 % 1000003 AS k,
    'a text that is much longer than an inline view, so that a million of them do not fit: ' || value AS t FROM generate_series(1, 1000000)";

async fn context(spill_limit: Option<u64>) -> (Context, TempDir) {
    allocator::install();
    let folder = tempfile::tempdir().unwrap();
    let mut builder = Context::builder().memory_limit(MemoryLimit::smallest()).threads(2).spill_dir(folder.path());
    if let Some(limit) = spill_limit {
        builder = builder.spill_limit(limit);
    }
    let ctx = builder.build().unwrap();
    ctx.sql(ROWS).await.unwrap().compute().await.unwrap();
    (ctx, folder)
}

/// Runs a query to its end: its rows and the bytes that it has spilled, or its error.
async fn run(ctx: &Context, sql: &str) -> Result<(usize, u64)> {
    let mut run = ctx.sql(sql).await?.run().await?;
    let mut rows = 0;
    while let Some(batch) = run.next().await {
        rows += batch?.num_rows();
    }
    Ok((rows, run.figures().spilled_bytes))
}

/// Every spill file below `folder`.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().map(Result::unwrap) {
        match entry.path().is_dir() {
            true => found.extend(files(&entry.path())),
            false if entry.file_name() != "lock" => found.push(entry.path()),
            false => {}
        }
    }
    found
}

/// Nothing is reserved and no file is there, a moment after the query has ended.
async fn nothing_is_left(ctx: &Context, folder: &Path, after: &str) {
    let mut left = (0, Vec::new());
    for _ in 0..100 {
        let run = ctx.sql("SELECT 1").await.unwrap().run().await.unwrap();
        left = (run.figures().reserved, files(folder));
        if left == (0, Vec::new()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("after {after}: {left:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_query_spills_and_cleans_up() {
    let _one = ONE_AT_A_TIME.lock().await;
    let (ctx, folder) = context(None).await;
    for (name, query) in QUERIES {
        let (rows, spilled) = run(&ctx, query).await.unwrap_or_else(|error| panic!("{name}: {}", error.report()));
        assert!(rows > 0 && (spilled > 0 || name == "a join without keys"), "{name}: {rows} rows, {spilled} bytes");
        nothing_is_left(&ctx, folder.path(), name).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk() {
    let _one = ONE_AT_A_TIME.lock().await;
    let (ctx, folder) = context(Some(500_000)).await;
    for (name, query) in QUERIES.into_iter().filter(|(name, _)| *name != "a join without keys") {
        let error = run(&ctx, query).await.unwrap_err();
        assert!(error.is_spill() && error.hint().is_some(), "{name}: {error:?}");
        nothing_is_left(&ctx, folder.path(), name).await;
    }
    assert_eq!(run(&ctx, "SELECT * FROM rows WHERE n <= 10 ORDER BY k").await.unwrap().0, 10);
}

/// At any moment: while rows come in, while they go to disk, while they are read back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_that_is_dropped_or_cancelled() {
    let _one = ONE_AT_A_TIME.lock().await;
    let (ctx, folder) = context(None).await;
    for (name, query) in QUERIES {
        for milliseconds in [30, 150, 400, 800] {
            let mut run = ctx.sql(query).await.unwrap().run().await.unwrap();
            let reading = async { while let Some(Ok(_)) = run.next().await {} };
            let _ = tokio::time::timeout(Duration::from_millis(milliseconds), reading).await;
            if milliseconds % 100 == 0 {
                run.cancel();
            }
            drop(run);
            nothing_is_left(&ctx, folder.path(), &format!("{name} for {milliseconds} ms")).await;
        }
    }
}

/// Somebody clears the temporary folder while a query spills into it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_vanish() {
    let _one = ONE_AT_A_TIME.lock().await;
    for (name, query) in QUERIES {
        let (ctx, folder) = context(None).await;
        let path = folder.path().to_path_buf();
        let (ended, mut end) = tokio::sync::oneshot::channel::<()>();
        let cleaning = tokio::spawn(async move {
            while end.try_recv().is_err() {
                files(&path).iter().for_each(|file| _ = std::fs::remove_file(file));
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        let outcome = run(&ctx, query).await;
        drop(ended);
        cleaning.abort();
        // What is open already is there as long as it is open: some queries come to their end.
        if let Err(error) = outcome {
            assert!(error.is_spill() || error.is_io(), "{name}: {error:?}");
        }
        assert_eq!(run(&ctx, "SELECT 1").await.unwrap().0, 1, "{name}");
        nothing_is_left(&ctx, folder.path(), name).await;
        let again = run(&ctx, query).await.unwrap_or_else(|error| panic!("{name}: {}", error.report()));
        assert!(again.0 > 0, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_in_one_partition() {
    let _one = ONE_AT_A_TIME.lock().await;
    let (ctx, folder) = context(None).await;
    let fragile = row_function("fragile", |n: i64| if n == 900_000 { panic!("out of order") } else { n });
    ctx.register_function(&fragile).unwrap();
    for (name, query) in QUERIES {
        let query = query.replace("FROM rows", "FROM (SELECT fragile(n) AS n, k, t FROM rows)");
        let query = query.replace("JOIN rows", "JOIN (SELECT fragile(n) AS n, k, t FROM rows)");
        let error = run(&ctx, &query).await.unwrap_err();
        assert!(error.is_data() && error.message().contains("'fragile' panicked: out of order"), "{name}: {error:?}");
        nothing_is_left(&ctx, folder.path(), name).await;
    }
}

/// The program as somebody who may not write everywhere: root runs it as nobody.
fn as_nobody(folder: &Path) -> Command {
    let program = folder.join("partita");
    if !program.exists() {
        let built = env!("CARGO_BIN_EXE_partita");
        std::fs::hard_link(built, &program).or_else(|_| std::fs::copy(built, &program).map(drop)).unwrap();
    }
    let mut command = Command::new(program);
    if std::fs::metadata(folder).unwrap().uid() == 0 {
        command.uid(65_534).gid(65_534);
    }
    command.args(["--no-init", "--threads", "2", "--memory-limit", "128MB", "--format", "none", "--spill-dir"]);
    command.arg(folder.join("spill")).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// A folder that is gone already needs no rights.
fn allow(folder: &Path, mode: u32) {
    match std::fs::set_permissions(folder, Permissions::from_mode(mode)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => panic!("{}: {error}", folder.display()),
        _ => {}
    }
}

/// Every folder below `folder`.
fn folders(folder: &Path) -> Vec<PathBuf> {
    let inside = std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    let inside: Vec<_> = inside.filter(|path| path.is_dir()).collect();
    inside.iter().flat_map(|path| folders(path)).chain(inside.clone()).collect()
}

/// Somebody takes the right to write from the folder while a query spills into it.
#[test]
fn a_folder_that_becomes_read_only() {
    let _one = ONE_AT_A_TIME.blocking_lock();
    let folder = tempfile::tempdir().unwrap();
    let spill = folder.path().join("spill");
    std::fs::create_dir(&spill).unwrap();
    allow(folder.path(), 0o755);
    allow(&spill, 0o777);
    let mut failed = Vec::new();
    for (name, query) in QUERIES.into_iter().filter(|(name, _)| *name != "a join without keys") {
        let mut child = as_nobody(folder.path()).args(["-c", &format!("{ROWS}; {query}")]).spawn().unwrap();
        while files(&spill).is_empty() && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        folders(&spill).iter().for_each(|folder| allow(folder, 0o500));
        let output = child.wait_with_output().unwrap();
        folders(&spill).iter().for_each(|folder| allow(folder, 0o700));
        // Files that are there already are written to the end: some queries need no other.
        if !output.status.success() {
            let error = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(error.contains("spill") && error.contains("ermission denied"), "{name}: {error}");
            failed.push(name);
        }
        // What could not be removed is swept at the next start.
        assert!(as_nobody(folder.path()).args(["-c", "SELECT 1"]).status().unwrap().success(), "{name}");
        assert_eq!(files(&spill), Vec::<PathBuf>::new(), "{name}");
    }
    assert!(failed.contains(&"a sort"), "only these were refused a file: {failed:?}");
}
