//! Tables of files and generators: good, empty, truncated and wrong files of each format.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};

use datafusion::arrow::util::pretty::pretty_format_batches;
use partita::{Context, Error, OnBadValue, Source, load_dir};
use tempfile::TempDir;

/// A context and a folder for its files.
struct Bench {
    ctx: Context,
    folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        let ctx = Context::builder().threads(2).build().unwrap();
        Self { ctx, folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path.to_string_lossy().into_owned()
    }

    /// Runs a statement in which `@` stands for the folder.
    async fn run(&self, sql: &str) -> Result<String, Error> {
        let sql = sql.replace('@', &self.folder.path().to_string_lossy());
        let batches = self.ctx.sql(&sql).await?.compute().await?;
        Ok(pretty_format_batches(&batches)?.to_string())
    }

    /// The rows of a statement without the frame: values parted by `|`, rows by newlines.
    async fn rows(&self, sql: &str) -> String {
        let table = self.run(sql).await.unwrap_or_else(|error| panic!("{sql}: {}", error.report()));
        let values = |line: &str| line.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>().join("|");
        table.lines().skip(3).filter(|line| line.starts_with('|')).map(values).collect::<Vec<_>>().join("\n")
    }

    async fn error(&self, sql: &str) -> Error {
        match self.run(sql).await {
            Ok(table) => panic!("{sql} gave\n{table}"),
            Err(error) => error,
        }
    }

    async fn assert_error(&self, sql: &str, words: &[&str]) {
        let error = self.error(sql).await;
        for word in words {
            assert!(error.report().contains(word), "{sql}: no '{word}' in: {}", error.report());
        }
    }
}

#[tokio::test]
async fn each_format_reads_what_was_written() {
    let bench = Bench::new();
    for extension in ["parquet", "csv", "json", "arrow"] {
        let query = "SELECT * FROM (VALUES (1, 'x', 1.5), (2, 'y', NULL)) t(id, name, price)";
        bench.run(&format!("COPY ({query}) TO '@/t.{extension}'")).await.unwrap();
        let found = bench.rows(&format!("SELECT id, name, price FROM '@/t.{extension}' ORDER BY id")).await;
        assert_eq!(found, "1|x|1.5\n2|y|", "{extension}");
    }
}

#[tokio::test]
async fn avro_files() {
    use datafusion::arrow::array::{Int64Array, RecordBatch, StringArray};
    use datafusion::arrow_avro::writer::AvroWriter;
    let bench = Bench::new();
    let columns: [(&str, datafusion::arrow::array::ArrayRef); 2] = [
        ("id", std::sync::Arc::new(Int64Array::from(vec![1, 2]))),
        ("name", std::sync::Arc::new(StringArray::from(vec!["x", "y"]))),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let file = std::fs::File::create(bench.path("t.avro")).unwrap();
    let mut writer = AvroWriter::new(file, batch.schema().as_ref().clone()).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    assert_eq!(bench.rows("SELECT name FROM '@/t.avro' WHERE id = 2").await, "y");
    let whole = std::fs::read(bench.path("t.avro")).unwrap();
    bench.write("cut.avro", &whole[..whole.len() - 20]);
    bench.assert_error("SELECT * FROM '@/cut.avro'", &["cut.avro"]).await;
}

#[tokio::test]
async fn csv_infers_types() {
    let bench = Bench::new();
    bench.write(
        "t.csv",
        "i,f,b,d,t,s\n1,1.5,true,2020-01-02,2020-01-02T03:04:05Z,x\n2,2,false,2020-01-03,2020-01-02 03:04:05.25,\n",
    );
    let types = "SELECT arrow_typeof(i), arrow_typeof(f), arrow_typeof(b), arrow_typeof(d), arrow_typeof(s) FROM '@/t.csv' LIMIT 1";
    assert_eq!(bench.rows(types).await, "Int64|Float64|Boolean|Date32|Utf8View");
    assert_eq!(bench.rows("SELECT t, s IS NULL FROM '@/t.csv' WHERE i = 2").await, "2020-01-02T03:04:05.250|true");
}

#[tokio::test]
async fn csv_dialects() {
    let bench = Bench::new();
    bench.write("semi.csv", "# a comment\n'a;b';n\n'x\\'y';1\n");
    let read = "read_csv('@/semi.csv', delim => ';', quote => '''', escape => '\\', comment => '#')";
    assert_eq!(bench.rows(&format!("SELECT \"a;b\", n FROM {read}")).await, "x'y|1");
    bench.write("bare.csv", "1,x\n2,y\n");
    assert_eq!(bench.rows("SELECT column_1, column_2 FROM read_csv('@/bare.csv', header = false)").await, "1|x\n2|y");
    bench.write("t.tsv", "a\tb\n1\tx,y\n");
    assert_eq!(bench.rows("SELECT a, b FROM '@/t.tsv'").await, "1|x,y");
    bench.write("bom.csv", "\u{feff}a,a,\r\n1,2,3\r\n");
    assert_eq!(bench.rows("SELECT a, a_1, column_3 FROM '@/bom.csv'").await, "1|2|3");
}

#[tokio::test]
async fn na_is_null_where_it_stands_among_numbers() {
    let bench = Bench::new();
    bench.write("r.csv", "n,s\n1,NA\nNA,x\n");
    assert_eq!(bench.rows("SELECT n + 1, s FROM '@/r.csv'").await, "2|\n|x");
    bench.write("countries.csv", "n,s\n1,NA\n2,NL\n");
    assert_eq!(bench.rows("SELECT n, s FROM '@/countries.csv'").await, "1|NA\n2|NL");
    bench.write("dots.csv", "n\n1\n.\n-\n");
    assert_eq!(bench.rows("SELECT sum(n) FROM read_csv('@/dots.csv', null_words => ['.', '-'])").await, "1");
}

#[tokio::test]
async fn a_bad_value_has_file_line_and_column() {
    let bench = Bench::new();
    bench.write("t.csv", "id,year\r\n1,\"a\nb\"\r\n\r\n2,x\r\n");
    bench
        .assert_error(
            "SELECT * FROM read_csv('@/t.csv', types => {'year': 'BIGINT'})",
            &["t.csv, line 2:", "'year' is BIGINT", "'a\nb'"],
        )
        .await;
    let mut text = String::from("id,year\n");
    (0..50_000).for_each(|row| text.push_str(&format!("{row},{row}\n")));
    bench.write("late.csv", format!("{text}50000,abc\n"));
    bench
        .assert_error(
            "SELECT sum(year) FROM '@/late.csv'",
            &["late.csv, line 50002:", "'year' is BIGINT", "'abc'", "sample_size"],
        )
        .await;
    assert_eq!(bench.rows("SELECT count(*) FROM '@/late.csv'").await, "50001");
    assert_eq!(bench.rows("SELECT max(year) FROM read_csv('@/late.csv', sample_size => -1)").await, "abc");
    let nulls = "SELECT count(*), count(year), max(year) FROM read_csv('@/late.csv', on_bad_value => 'null')";
    assert_eq!(bench.rows(nulls).await, "50001|50000|49999");
}

#[tokio::test]
async fn short_and_long_lines() {
    let bench = Bench::new();
    bench.write("short.csv", "a,b\n1,2\n3\n");
    bench.assert_error("SELECT * FROM '@/short.csv'", &["short.csv", "line 3", "null_padding"]).await;
    assert_eq!(bench.rows("SELECT a, b FROM read_csv('@/short.csv', null_padding => true)").await, "1|2\n3|");
    let late = format!("a,b\n{}1,2,3\n", "1,2\n".repeat(30_000));
    bench.write("long.csv", late);
    bench.assert_error("SELECT sum(b) FROM '@/long.csv'", &["long.csv, line 30002", "expected 2 fields"]).await;
}

/// A file that is split among partitions: rows are read once, lines are counted from the start of the file.
#[tokio::test]
async fn ranges_of_a_large_file() {
    let bench = Bench::new();
    let line = |row: usize| format!("{row},{}\n", "x".repeat(row % 200));
    let body: String = (0..200_000).map(line).collect();
    bench.write("large.csv", format!("id,text\n{body}"));
    let plan = bench.run("EXPLAIN SELECT sum(id) FROM '@/large.csv'").await.unwrap();
    assert!(plan.contains("2 groups"), "{plan}");
    assert_eq!(
        bench.rows("SELECT count(*), sum(id), count(DISTINCT id) FROM '@/large.csv'").await,
        "200000|19999900000|200000"
    );
    bench.write("bad.csv", format!("id,text\n{body}oops,\n"));
    bench.assert_error("SELECT sum(id) FROM '@/bad.csv'", &["bad.csv, line 200002", "'oops'"]).await;
    // Line breaks within quotes far behind the sample: never wrong rows, an error at the worst.
    let quoted: String = (0..100_000).map(|row| format!("{row},\"{}\"\n", "a\n,".repeat(40))).collect();
    bench.write(
        "quoted.csv",
        format!("id,text\n{}{quoted}", (0..30_000).map(|row| format!("{row},\n")).collect::<String>()),
    );
    bench.assert_error("SELECT sum(id) FROM '@/quoted.csv'", &["newlines_in_values"]).await;
    assert_eq!(bench.rows("SELECT count(*) FROM read_csv('@/quoted.csv', newlines_in_values => true)").await, "130000");
}

#[tokio::test]
async fn a_quote_that_is_never_closed_does_not_fill_the_memory() {
    let bench = Bench::new();
    let lines = "1,x\n".repeat(21_000);
    bench.write("open.csv", format!("a,b\n{lines}2,\"y\n{}", lines.repeat(900)));
    bench.assert_error("SELECT count(*) FROM '@/open.csv'", &["open.csv, line 21002", "quote"]).await;
}

#[tokio::test]
async fn compression_by_extension() {
    let bench = Bench::new();
    for (format, suffix, option) in
        [("csv", "gz", "gzip"), ("csv", "zst", "zstd"), ("json", "bz2", "bzip2"), ("csv", "xz", "xz")]
    {
        let copy = format!(
            "COPY (SELECT * FROM generate_series(1, 100)) TO '@/t.{format}.{suffix}' STORED AS {format} OPTIONS (compression '{option}')"
        );
        bench.run(&copy).await.unwrap();
        let found = bench.rows(&format!("SELECT sum(value) FROM '@/t.{format}.{suffix}'")).await;
        assert_eq!(found, "5050", "{suffix}");
    }
    let whole = std::fs::read(bench.path("t.csv.gz")).unwrap();
    bench.write("cut.csv.gz", &whole[..whole.len() / 2]);
    bench.assert_error("SELECT * FROM '@/cut.csv.gz'", &["cut.csv.gz"]).await;
}

#[tokio::test]
async fn json_arrays_and_lines() {
    let bench = Bench::new();
    bench.write("array.json", " \n[{\"a\": 1, \"b\": {\"c\": [1, 2]}},\n {\"a\": 2.5}]");
    assert_eq!(bench.rows("SELECT a, b['c'][2] FROM '@/array.json'").await, "1.0|2\n2.5|");
    bench.write("lines.ndjson", "{\"a\": 1}\n{\"a\": 2, \"z\": true}\n");
    assert_eq!(bench.rows("SELECT a, z FROM read_ndjson('@/lines.ndjson')").await, "1|\n2|true");
    bench.write("cut.json", "[{\"a\": 1},\n{\"a\":");
    bench.assert_error("SELECT * FROM '@/cut.json'", &["cut.json, line 2", "cut short"]).await;
    bench.write("wrong.json", "{\"a\": 1}\n{\"a\" 2}\n");
    bench.assert_error("SELECT * FROM '@/wrong.json'", &["wrong.json, line 2"]).await;
    let late = format!("{}{{\"a\": \"x\"}}\n", "{\"a\": 1}\n".repeat(21_000));
    bench.write("late.json", late);
    bench.assert_error("SELECT sum(a) FROM '@/late.json'", &["late.json, line 21001"]).await;
}

#[tokio::test]
async fn empty_and_wrong_files() {
    let bench = Bench::new();
    bench.write("empty.csv", "");
    bench.assert_error("SELECT * FROM '@/empty.csv'", &["empty.csv", "empty"]).await;
    assert_eq!(bench.rows("SELECT * FROM read_csv('@/empty.csv', columns => {'a': 'INT'})").await, "");
    bench.write("header.csv", "a,b\n");
    assert_eq!(bench.rows("SELECT count(a), count(*) FROM '@/header.csv'").await, "0|0");
    for extension in ["parquet", "arrow", "avro", "json"] {
        bench.write(&format!("text.{extension}"), "this is some text that is no table\n");
        bench.assert_error(&format!("SELECT * FROM '@/text.{extension}'"), &[&format!("text.{extension}")]).await;
    }
    bench.run("COPY (SELECT * FROM generate_series(1, 1000)) TO '@/whole.parquet'").await.unwrap();
    let whole = std::fs::read(bench.path("whole.parquet")).unwrap();
    bench.write("cut.parquet", &whole[..whole.len() - 100]);
    bench.assert_error("SELECT * FROM '@/cut.parquet'", &["cut.parquet"]).await;
}

#[tokio::test]
async fn paths_that_are_no_tables() {
    let bench = Bench::new();
    bench.assert_error("SELECT 1,\n* FROM '@/missing.csv'", &["2:8: ", "missing.csv", "^^^"]).await;
    bench.assert_error("SELECT * FROM '@/*.csv'", &["no file matches", "*.csv"]).await;
    std::fs::create_dir(bench.path("void")).unwrap();
    bench.assert_error("SELECT * FROM '@/void'", &["void", "no data files"]).await;
    bench.write("mixed/a.csv", "a\n1\n");
    bench.write("mixed/b.json", "{\"a\": 1}\n");
    bench.assert_error("SELECT * FROM '@/mixed'", &["several formats", "a.csv", "b.json"]).await;
    assert_eq!(bench.rows("SELECT a FROM read_csv('@/mixed')").await, "1");
    bench.assert_error("SELECT * FROM 's3://bucket/a.csv'", &["s3://bucket/a.csv", "local"]).await;
    bench.assert_error("SELECT * FROM no_table", &["no_table"]).await;
}

#[tokio::test]
async fn options_have_no_typos() {
    let bench = Bench::new();
    bench.write("t.csv", "a\n1\n");
    bench
        .assert_error("SELECT * FROM read_csv('@/t.csv', delimeter => ';')", &["delimeter", "did you mean 'delimiter'"])
        .await;
    bench.assert_error("SELECT * FROM read_csv('@/t.csv', header => 'maybe')", &["header", "true or false"]).await;
    bench
        .assert_error(
            "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '@/t.csv' OPTIONS (heder true)",
            &["did you mean 'header'"],
        )
        .await;
    bench.assert_error("SELECT * FROM read_csv('@/t.csv', types => {'b': 'INT'})", &["'b'"]).await;
    bench.assert_error("SELECT * FROM read_csv('@/t.csv', types => {'a': 'NUMBR'})", &["NUMBR"]).await;
    bench.assert_error("SELECT * FROM read_parquet()", &["takes a path"]).await;
}

#[tokio::test]
async fn hive_trees_have_typed_columns_that_prune() {
    let bench = Bench::new();
    for (month, day) in [("01", "2020-01-05"), ("02", "2020-02-05"), ("12", "2020-12-05")] {
        bench.write(&format!("tree/month={month}/day={day}/city=S%C3%A3o/x.csv"), format!("a\n{month}\n"));
    }
    bench.write("tree/_SUCCESS", "");
    bench.write("tree/.hidden.csv", "b\n1\n");
    let types = "SELECT arrow_typeof(month), arrow_typeof(day), city FROM '@/tree' LIMIT 1";
    assert_eq!(bench.rows(types).await, "Int64|Date32|São");
    assert_eq!(bench.rows("SELECT month, a FROM '@/tree' WHERE month < 3 ORDER BY month").await, "1|1\n2|2");
    let plan = bench.run("EXPLAIN SELECT a FROM '@/tree' WHERE month = 12").await.unwrap();
    assert!(plan.contains("month=12") && !plan.contains("month=01") && !plan.contains("FilterExec"), "{plan}");
    assert_eq!(bench.rows("SELECT month, a FROM '@/tree/month={01,12}/**/*.csv' ORDER BY a").await, "1|1\n12|12");
    let plain = bench.run("SELECT * FROM read_csv('@/tree', hive_partitioning => false)").await.unwrap();
    assert!(!plain.contains("month"), "{plain}");
    bench.run("CREATE EXTERNAL TABLE t (a INT, month VARCHAR, day DATE, city VARCHAR) STORED AS CSV PARTITIONED BY (month, day, city) LOCATION '@/tree/'").await.unwrap();
    assert_eq!(bench.rows("SELECT month, a FROM t WHERE month = '02'").await, "02|2");
}

#[tokio::test]
async fn files_of_one_table_are_matched_by_name() {
    let bench = Bench::new();
    bench.write("u/1.csv", "a,b\n1,x\n");
    bench.write("u/2.csv", "b,a,c\ny,2.5,true\n");
    assert_eq!(bench.rows("SELECT a, b, c FROM '@/u' ORDER BY a").await, "1.0|x|\n2.5|y|true");
    bench.run("COPY (SELECT 1::INT AS a, 'x' AS b) TO '@/p/1.parquet'").await.unwrap();
    bench.run("COPY (SELECT 2::BIGINT AS a, 2.5::DOUBLE AS c) TO '@/p/2.parquet'").await.unwrap();
    assert_eq!(bench.rows("SELECT a, b, c FROM '@/p' ORDER BY a").await, "1|x|\n2||2.5");
    assert_eq!(bench.rows("SELECT min(a), max(a), count(b) FROM '@/p'").await, "1|2|1");
    bench.run("COPY (SELECT 'three' AS a) TO '@/p/3.parquet'").await.unwrap();
    bench.assert_error("SELECT * FROM '@/p'", &["'a'", "1.parquet", "3.parquet"]).await;
}

#[tokio::test]
async fn paths_stand_wherever_tables_do() {
    let bench = Bench::new();
    bench.write("t.csv", "a,b\n1,x\n2,y\n");
    assert_eq!(bench.rows("SELECT t.a FROM '@/t.csv' WHERE t.b = 'x'").await, "1");
    assert_eq!(bench.rows("SELECT l.a FROM '@/t.csv' l JOIN \"@/t.csv\" r ON l.a + 1 = r.a").await, "1");
    assert_eq!(
        bench
            .rows("WITH w AS (SELECT * FROM '@/t.csv') SELECT a FROM w WHERE a IN (SELECT max(a) FROM '@/t.csv')")
            .await,
        "2"
    );
    bench.run("CREATE VIEW v AS SELECT a * 2 AS d FROM '@/t.csv'").await.unwrap();
    bench.run("CREATE TABLE m AS SELECT * FROM read_csv(['@/t.csv', '@/t.csv'])").await.unwrap();
    bench.run("INSERT INTO m SELECT a + 10, b FROM '@/t.csv'").await.unwrap();
    assert_eq!(bench.rows("SELECT sum(d) FROM v").await, "6");
    assert_eq!(bench.rows("SELECT sum(a) FROM m").await, "26");
    assert!(bench.run("EXPLAIN SELECT * FROM '@/t.csv'").await.unwrap().contains("t.csv"));
    bench.run("COPY (SELECT * FROM '@/t.csv') TO '@/copy.parquet'").await.unwrap();
    assert_eq!(bench.rows("SELECT count(*) FROM parquet_scan('@/copy.parquet')").await, "2");
    bench.run("COPY '@/t.csv' TO '@/copied.parquet'").await.unwrap();
    assert_eq!(bench.rows("DESCRIBE '@/copied.parquet'").await, "a|bigint|YES\nb|varchar|YES");
    let url = format!("file://{}", bench.path("t.csv").display());
    assert_eq!(bench.rows(&format!("SELECT count(*) FROM '{url}'")).await, "2");
    bench.write("we ird#%20[1]/t.csv", "a\n7\n");
    assert_eq!(bench.rows("SELECT a FROM '@/we ird#%20[1]/t.csv'").await, "7");
    assert_eq!(bench.rows("SELECT a FROM '@/we ird#%20[1]'").await, "7");
}

/// The engine takes scans of one name for one: two files of one stem once gave the rows of the first twice.
#[tokio::test]
async fn files_of_one_stem_are_told_apart() {
    let bench = Bench::new();
    bench.write("x/t.csv", "a\n1\n");
    bench.write("y/t.csv", "a\n1\n2\n");
    let counts = "SELECT (SELECT count(*) FROM '@/x/t.csv') AS x, (SELECT count(*) FROM '@/y/t.csv') AS y";
    assert_eq!(bench.rows(counts).await, "1|2");
}

#[tokio::test]
async fn external_tables_take_rows() {
    let bench = Bench::new();
    for format in ["PARQUET", "CSV", "JSON"] {
        let name = format!("t_{format}");
        bench
            .run(&format!("CREATE EXTERNAL TABLE {name} (a BIGINT, b VARCHAR) STORED AS {format} LOCATION '@/{name}/'"))
            .await
            .unwrap();
        assert_eq!(bench.rows(&format!("SELECT * FROM {name}")).await, "");
        bench.run(&format!("INSERT INTO {name} VALUES (1, 'x'), (2, 'y')")).await.unwrap();
        bench.run(&format!("INSERT INTO {name} VALUES (3, NULL)")).await.unwrap();
        assert_eq!(bench.rows(&format!("SELECT a, b FROM {name} ORDER BY a")).await, "1|x\n2|y\n3|", "{format}");
    }
    bench
        .run("CREATE EXTERNAL TABLE h (a BIGINT, k BIGINT) STORED AS PARQUET PARTITIONED BY (k) LOCATION '@/h/'")
        .await
        .unwrap();
    bench.run("INSERT INTO h VALUES (1, 10), (2, 20)").await.unwrap();
    assert_eq!(bench.rows("SELECT a, k FROM h WHERE k = 20").await, "2|20");
    assert!(bench.path("h/k=20").is_dir());
    bench.write("one.csv", "a\n1\n");
    bench.run("CREATE EXTERNAL TABLE one STORED AS CSV LOCATION '@/one.csv'").await.unwrap();
    bench.assert_error("INSERT INTO one VALUES (2)", &["one.csv", "folder"]).await;
}

#[tokio::test]
async fn sources_in_rust() {
    let bench = Bench::new();
    let path = bench.write("planes", "N1;2004\nN2;?\nN3;old\n");
    let source = Source::csv(path)
        .header(false)
        .delimiter(';')
        .unwrap()
        .null_words(["?"])
        .on_bad_value(OnBadValue::Null)
        .option("columns", "tail VARCHAR, year BIGINT")
        .unwrap();
    bench.ctx.register("Planes", source).await.unwrap();
    assert_eq!(bench.rows("SELECT tail, year FROM \"Planes\"").await, "N1|2004\nN2|\nN3|");
    let error = bench.ctx.register("gone", Source::path(bench.path("gone.parquet"))).await.unwrap_err();
    assert!(error.is_user() && error.message().contains("gone.parquet"));
}

#[tokio::test]
async fn a_folder_of_tables() {
    let bench = Bench::new();
    bench.write("data/airports.csv", "faa\nJFK\n");
    bench.write("data/README.md", "no table");
    bench.write("data/odd-name.x.json", "{\"a\": 1}\n");
    bench.write("data/flights/month=1/a.csv", "x\n1\n");
    bench.write("data/notes/todo.txt", "no table");
    let names = load_dir(&bench.ctx, bench.path("data")).await.unwrap();
    assert_eq!(names, ["airports", "flights", "odd-name.x"]);
    assert_eq!(bench.rows("SELECT month, x FROM flights").await, "1|1");
    assert_eq!(bench.rows("SELECT a FROM \"odd-name.x\"").await, "1");
    bench.write("data/airports.json", "{\"a\": 1}\n");
    let error = load_dir(&bench.ctx, bench.path("data")).await.unwrap_err();
    assert!(error.message().contains("airports.csv") && error.message().contains("airports.json"), "{error}");
    bench.write("broken/b.parquet", "PAR1");
    let error = load_dir(&bench.ctx, bench.path("broken")).await.unwrap_err();
    assert!(error.message().contains("b.parquet"), "{error}");
    assert!(load_dir(&bench.ctx, Path::new("/nowhere")).await.unwrap_err().is_io());
}

/// Figures of the standard generator at scale 0.01.
#[tokio::test]
async fn tpch_tables() {
    let bench = Bench::new();
    let counts = [
        ("customer", 1500),
        ("lineitem", 60175),
        ("nation", 25),
        ("orders", 15000),
        ("part", 2000),
        ("partsupp", 8000),
        ("region", 5),
        ("supplier", 100),
    ];
    for (table, count) in counts {
        assert_eq!(
            bench.rows(&format!("SELECT count(*) FROM tpch('{table}', 0.01)")).await,
            count.to_string(),
            "{table}"
        );
    }
    let sums = "SELECT sum(l_quantity), min(l_shipdate), count(DISTINCT l_orderkey), max(l_shipmode) FROM tpch('lineitem', 0.01)";
    assert_eq!(bench.rows(sums).await, "1536127.00|1992-01-04|15000|TRUCK");
    assert_eq!(
        bench.rows("SELECT p_name, p_brand FROM tpch('part', 0.01) WHERE p_partkey = 1").await,
        "goldenrod lavender spring chocolate lace|Brand#13"
    );
    assert_eq!(bench.rows("SELECT count(*) FROM (SELECT * FROM tpch('orders', 0.01) LIMIT 10)").await, "10");
    bench.assert_error("SELECT * FROM tpch('linetem', 1)", &["linetem", "did you mean 'lineitem'"]).await;
    bench.assert_error("SELECT * FROM tpch('lineitem', 0)", &["scale"]).await;
    bench.assert_error("SELECT * FROM tpch()", &["tpch('lineitem', 1)"]).await;
}

#[tokio::test]
async fn series() {
    let bench = Bench::new();
    assert_eq!(bench.rows("SELECT sum(value) FROM generate_series(1, 10)").await, "55");
    assert_eq!(bench.rows("SELECT count(*) FROM range(10)").await, "10");
    let days = "SELECT count(*) FROM generate_series(TIMESTAMP '2020-01-01', TIMESTAMP '2020-01-31', INTERVAL '1 day')";
    assert_eq!(bench.rows(days).await, "31");
}
