//! Plans to look at.

use std::time::Duration;

use futures::StreamExt;

use super::{context, frame, rows};

const GROUPED: &str = "SELECT value % 3 AS k, count(*) AS c FROM generate_series(1, 300000) GROUP BY 1 ORDER BY k";

#[tokio::test]
async fn explain_analyze_tells_what_operators_did() {
    let ctx = context();
    let profile = frame(&ctx, GROUPED).await.explain_analyze().await.unwrap();
    let operators = profile.operators();
    assert_eq!((operators[0].depth, operators[0].figures.rows), (0, Some(3)));
    assert!(operators.iter().any(|one| one.operator.contains("Filter") || one.figures.rows == Some(300_000)));
    assert!(operators.iter().any(|one| one.figures.elapsed.is_some()));
    let text = profile.to_string();
    assert!(text.starts_with("3 rows in ") && text.contains("→ 300,000 rows"), "{text}");
}

#[tokio::test]
async fn plans_are_drawn_into_files() {
    let ctx = context();
    let folder = tempfile::tempdir().unwrap();
    let frame = frame(&ctx, GROUPED).await;
    for name in ["plan.svg", "plan.dot", "plan.html"] {
        let path = folder.path().join(name);
        frame.visualize(&path).await.unwrap();
        let plan = std::fs::read_to_string(&path).unwrap();
        assert!(plan.contains("Aggregate") && !plan.contains("300,000 rows"), "{name}");
        frame.explain_analyze().await.unwrap().visualize(&path).unwrap();
        assert!(std::fs::read_to_string(&path).unwrap().contains("300,000 rows"), "{name}");
    }
    assert!(frame.visualize(folder.path().join("plan.png")).await.unwrap_err().is_user());
}

#[tokio::test]
async fn explain_has_formats_in_sql() {
    let ctx = context();
    for (format, part) in
        [("tree", "┌"), ("graphviz", "digraph"), ("svg", "<svg"), ("dot", "digraph"), ("html", "<html")]
    {
        let explained = frame(&ctx, &format!("EXPLAIN (FORMAT {format}) {GROUPED}")).await;
        assert!(rows(&explained).await.concat().contains(part), "{format}");
    }
    assert!(ctx.sql("EXPLAIN (FORMAT svg) CREATE TABLE made AS SELECT 1 AS a").await.is_err());
    assert!(ctx.sql("SELECT * FROM made").await.is_err());
}

#[tokio::test]
async fn a_query_is_cancelled_from_outside() {
    let ctx = context();
    let sql = "SELECT count(*) FROM generate_series(1, 100000000000) a";
    let mut run = frame(&ctx, sql).await.run().await.unwrap();
    let monitor = run.monitor();
    let waiting = tokio::spawn(async move { run.next().await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(monitor.figures().rows_read > 0, "figures are live");
    monitor.cancel();
    let ended = tokio::time::timeout(Duration::from_secs(10), waiting).await.unwrap().unwrap();
    assert!(ended.unwrap().unwrap_err().is_cancelled());
    assert_eq!(frame(&ctx, "SELECT 1 AS a").await.count().await.unwrap(), 1);
}

/// Pictures of queries that are hard to draw, for a person to look at: `TPCH=/data/sf1 PICTURES=/tmp/plans cargo test --test
/// running pictures -- --ignored`.
#[tokio::test]
#[ignore = "for a person's eyes"]
async fn pictures_to_look_at() {
    let (data, folder) = (std::env::var("TPCH").unwrap(), std::env::var("PICTURES").unwrap());
    let ctx = context();
    partita::load_dir(&ctx, data).await.unwrap();
    for number in [5, 9, 21] {
        let file = format!("{}/queries/tpch/q{number}.sql", env!("CARGO_MANIFEST_DIR"));
        let sql = std::fs::read_to_string(file).unwrap();
        let frame = frame(&ctx, &sql).await;
        let folder = std::path::Path::new(&folder);
        frame.visualize(folder.join(format!("q{number}.svg"))).await.unwrap();
        let profile = frame.explain_analyze().await.unwrap();
        profile.visualize(folder.join(format!("q{number}-run.svg"))).unwrap();
        profile.visualize(folder.join(format!("q{number}-run.html"))).unwrap();
    }
}
