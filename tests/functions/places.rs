//! Every place an expression can stand, for each language.

use partita::prelude::*;

use crate::{context, rows, run};

/// The same function three times: `twice_rust`, `twice_sql`, `twice_python`.
async fn functions() -> (Context, [&'static str; 3]) {
    let ctx = context();
    ctx.register_function(&row_function("twice_rust", |a: i64| a * 2)).unwrap();
    run(&ctx, "CREATE FUNCTION twice_sql(a BIGINT) RETURNS BIGINT RETURN a * 2").await;
    run(&ctx, "CREATE FUNCTION twice_python(a BIGINT) RETURNS BIGINT LANGUAGE PYTHON AS $$\ndef twice_python(a):\n    return a * 2\n$$").await;
    run(&ctx, "CREATE TABLE t AS SELECT * FROM (VALUES (1, 'a'), (2, 'b'), (3, 'a'), (NULL, 'b')) AS t(n, k)").await;
    run(&ctx, "CREATE TABLE u AS SELECT * FROM (VALUES (2), (4), (5)) AS u(m)").await;
    (ctx, ["twice_rust", "twice_sql", "twice_python"])
}

#[tokio::test(flavor = "multi_thread")]
async fn everywhere() {
    let (ctx, names) = functions().await;
    let mut wrong = Vec::new();
    for f in names {
        for (query, expected) in [
            (format!("SELECT {f}(n), {f}({f}(n)) FROM t WHERE n = 2"), vec!["4|8"]),
            (format!("SELECT n FROM t WHERE {f}(n) > 2 ORDER BY n"), vec!["2", "3"]),
            (
                format!("SELECT {f}(n) AS d, count(*) FROM t GROUP BY {f}(n) ORDER BY d NULLS LAST"),
                vec!["2|1", "4|1", "6|1", "NULL|1"],
            ),
            (format!("SELECT k, sum(n) FROM t GROUP BY k HAVING {f}(sum(n)) > 5 ORDER BY k"), vec!["a|4"]),
            (format!("SELECT n FROM t ORDER BY {f}(-n), n"), vec!["3", "2", "1", "NULL"]),
            (format!("SELECT n FROM t ORDER BY {f}(n) DESC NULLS LAST LIMIT 1"), vec!["3"]),
            (format!("SELECT n, m FROM t JOIN u ON {f}(n) = m ORDER BY n"), vec!["1|2", "2|4"]),
            (
                format!("SELECT n, m FROM t LEFT JOIN u ON {f}(n) = m AND {f}(m) > 4 ORDER BY n"),
                vec!["1|NULL", "2|4", "3|NULL", "NULL|NULL"],
            ),
            (format!("SELECT n, m FROM t JOIN u ON {f}(n) > {f}(m) ORDER BY n, m"), vec!["3|2"]),
            (format!("SELECT n FROM t WHERE {f}(n) IN (SELECT m FROM u) ORDER BY n"), vec!["1", "2"]),
            (format!("SELECT n FROM t WHERE EXISTS (SELECT 1 FROM u WHERE {f}(t.n) = u.m) ORDER BY n"), vec!["1", "2"]),
            (
                format!("SELECT sum({f}(n)), max({f}(n)) FILTER (WHERE {f}(n) < 6), count(DISTINCT {f}(n)) FROM t"),
                vec!["12|4|3"],
            ),
            (
                format!(
                    "SELECT n, sum({f}(n)) OVER (PARTITION BY {f}(length(k)) ORDER BY {f}(n)) FROM t WHERE n IS NOT NULL ORDER BY n"
                ),
                vec!["1|2", "2|6", "3|12"],
            ),
            (format!("SELECT CASE WHEN {f}(n) > 4 THEN {f}(n) ELSE 0 END FROM t ORDER BY n"), vec!["0", "0", "6", "0"]),
            (format!("WITH d AS (SELECT {f}(n) AS x FROM t) SELECT sum(x) FROM d WHERE x > 2"), vec!["10"]),
            (
                format!("SELECT {f}(n) FROM t UNION SELECT {f}(m) FROM u ORDER BY 1"),
                vec!["2", "4", "6", "8", "10", "NULL"],
            ),
            (format!("SELECT (SELECT {f}(max(m)) FROM u)"), vec!["10"]),
            (format!("SELECT {f}(x) FROM (VALUES ({f}(1)), ({f}(2))) AS v(x)"), vec!["4", "8"]),
            (
                format!("SELECT grouping({f}(n)), count(*) FROM t GROUP BY ROLLUP({f}(n)) ORDER BY 1, 2 DESC LIMIT 1"),
                vec!["0|1"],
            ),
        ] {
            let mut got = rows(&ctx, &query).await;
            if query.contains("VALUES") {
                got.sort();
            }
            if got != expected {
                wrong.push(format!("{got:?} and not {expected:?}: {query}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn in_views_tables_and_statements_that_write() {
    let (ctx, names) = functions().await;
    for f in names {
        run(&ctx, &format!("CREATE OR REPLACE VIEW v AS SELECT {f}(n) AS d FROM t WHERE {f}(n) > 2")).await;
        assert_eq!(rows(&ctx, "SELECT sum(d) FROM v").await, ["10"], "{f}");
        run(&ctx, &format!("CREATE OR REPLACE TABLE w AS SELECT {f}(n) AS d FROM t")).await;
        run(&ctx, &format!("INSERT INTO w SELECT {f}(m) FROM u")).await;
        run(&ctx, &format!("UPDATE w SET d = {f}(d) WHERE {f}(d) = 8")).await;
        run(&ctx, &format!("DELETE FROM w WHERE {f}(d) = 4")).await;
        assert_eq!(rows(&ctx, "SELECT count(*), sum(d) FROM w").await, ["6|40"], "{f}");
        run(&ctx, &format!("CREATE OR REPLACE FUNCTION outer_{f}(a BIGINT) RETURNS BIGINT RETURN {f}(a) + 1")).await;
        assert_eq!(rows(&ctx, &format!("SELECT outer_{f}(4)")).await, ["9"], "{f}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_frame_and_the_query_are_one_plan() {
    let (ctx, _) = functions().await;
    let frame = ctx.sql("SELECT n, k FROM t").await.unwrap();
    let applied = frame.apply("d", &ctx.function("twice_rust").unwrap(), [col("n")]).unwrap();
    let said = ctx.sql("SELECT n, k, twice_rust(n) AS d FROM t").await.unwrap();
    let optimized = |text: String| text.split("optimized logical plan").nth(1).unwrap().to_string();
    assert_eq!(optimized(applied.explain().await.unwrap()), optimized(said.explain().await.unwrap()));
}
