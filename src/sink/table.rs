//! The box for people.

use std::collections::VecDeque;

use datafusion::arrow::array::Array;
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::arrow::util::display::ArrayFormatter;

use super::Sink;
use super::layout::{Need, Slot, layout};
use super::output::Output;
use super::style::{Style, Tone};
use super::text::{clip, counted, grouped, options, sql_type, visible, width};
use crate::error::Result;

/// The longest text that is kept of a value where the width is not limited, in terminal columns.
const LONGEST: usize = 10_000;

/// Keeps the first and the last rows, and draws them when the result has ended.
///
/// ```text
/// ┌─────────┬───┬────────┐
/// │ carrier │ … │  delay │   columns that do not fit are left out in the middle
/// │ varchar │ … │ double │
/// ├─────────┼───┼────────┤
/// │ 9E      │ … │   7.38 │   the first half of max_rows
/// │    ·    │ · │    ·   │
/// │ YV      │ … │  15.56 │   the last half: a ring
/// └─────────┴───┴────────┘
/// 16 rows (2 shown)  5 columns (2 shown)
/// ```
///
/// It holds `max_rows` rows of values, each clipped to what the terminal could show.
pub(super) struct Table {
    output: Output,
    style: Style,
    columns: Vec<Column>,
    head: Vec<Row>,
    tail: VecDeque<Row>,
    rows: u64,
}

struct Column {
    name: String,
    sql_type: String,
    right: bool,
    cuttable: bool,
}

type Row = Box<[Cell]>;

struct Cell {
    text: Box<str>,
    tone: Tone,
}

impl Table {
    pub(super) fn new(output: Output, style: Style) -> Self {
        Self { output, style, columns: Vec::new(), head: Vec::new(), tail: VecDeque::new(), rows: 0 }
    }

    fn tail_room(&self) -> usize {
        self.style.max_rows / 2
    }

    fn head_room(&self) -> usize {
        self.style.max_rows - self.tail_room()
    }

    fn keep(&mut self, row: Row) {
        if self.head.len() < self.head_room() {
            self.head.push(row);
            return;
        }
        self.tail.push_back(row);
        if self.tail.len() > self.tail_room() {
            self.tail.pop_front();
        }
    }

    fn shown(&self) -> u64 {
        (self.head.len() + self.tail.len()) as u64
    }

    fn needs(&self) -> Vec<Need> {
        let need = |(at, column): (usize, &Column)| Need {
            header: width(&column.name).max(width(&column.sql_type)),
            values: self.head.iter().chain(&self.tail).map(|row| width(&row[at].text)).max().unwrap_or(0),
            cuttable: column.cuttable,
        };
        self.columns.iter().enumerate().map(need).collect()
    }

    fn draw(&mut self) -> Result<()> {
        let slots = layout(&self.needs(), self.style.max_width);
        self.border(&slots, ["┌", "┬", "┐"])?;
        self.line(&slots, |column, _| (&column.name, Tone::Name))?;
        self.line(&slots, |column, _| (&column.sql_type, Tone::Faint))?;
        if self.rows > 0 {
            self.border(&slots, ["├", "┼", "┤"])?;
        }
        let (head, tail) = (std::mem::take(&mut self.head), std::mem::take(&mut self.tail));
        for row in &head {
            self.line(&slots, |_, at| (&row[at].text, row[at].tone))?;
        }
        if self.rows > (head.len() + tail.len()) as u64 {
            self.dots(&slots)?;
        }
        for row in &tail {
            self.line(&slots, |_, at| (&row[at].text, row[at].tone))?;
        }
        self.border(&slots, ["└", "┴", "┘"])
    }

    fn border(&mut self, slots: &[Slot], [left, middle, right]: [&str; 3]) -> Result<()> {
        let rules: Vec<_> = slots.iter().map(|slot| "─".repeat(slot.width() + 2)).collect();
        self.output.line(&format!("{left}{}{right}", rules.join(middle)))
    }

    fn dots(&mut self, slots: &[Slot]) -> Result<()> {
        let cells = slots.iter().map(|slot| self.style.paint(Tone::Faint, format!("{:^1$}", "·", slot.width())));
        let cells = cells.collect::<Vec<_>>().join(" │ ");
        self.output.line(&format!("│ {cells} │"))
    }

    fn line<'a>(&'a mut self, slots: &[Slot], text: impl Fn(&'a Column, usize) -> (&'a str, Tone)) -> Result<()> {
        let cell = |slot: &Slot| match *slot {
            Slot::Gap => self.style.paint(Tone::Faint, "…".into()),
            Slot::Column(at, room) => {
                let column = &self.columns[at];
                let (text, tone) = text(column, at);
                let text = clip(text, room);
                let blank = " ".repeat(room.saturating_sub(width(&text)));
                let text = self.style.paint(tone, text.into_owned());
                if column.right { blank + &text } else { text + &blank }
            }
        };
        let cells = slots.iter().map(cell).collect::<Vec<_>>().join(" │ ");
        self.output.line(&format!("│ {cells} │"))
    }

    /// `1,234 rows (40 shown)  12 columns (7 shown)`: what was left out, and nothing of what was not.
    fn footer(&self, shown: u64) -> String {
        let mut footer = counted(self.rows, "row");
        if shown < self.rows {
            footer += &format!(" ({} shown)", grouped(shown));
        }
        let slots = layout(&self.needs(), self.style.max_width);
        let columns = slots.iter().filter(|slot| **slot != Slot::Gap).count();
        if columns < self.columns.len() {
            footer += &format!("  {} ({columns} shown)", counted(self.columns.len() as u64, "column"));
        }
        footer
    }
}

impl Sink for Table {
    fn begin(&mut self, schema: &SchemaRef) -> Result<()> {
        let column = |field: &datafusion::arrow::datatypes::FieldRef| Column {
            name: visible(field.name()).into_owned(),
            sql_type: sql_type(field.data_type()),
            right: field.data_type().is_numeric(),
            cuttable: is_cuttable(field.data_type()),
        };
        self.columns = schema.fields().iter().map(column).collect();
        Ok(())
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let null = self.style.null_text.clone();
        let options = options(&null);
        let columns = batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let nulls: Vec<_> = batch.columns().iter().map(|column| column.logical_nulls()).collect();
        let longest = self.style.max_width.unwrap_or(LONGEST);
        let first = self.head_room().saturating_sub(self.head.len()).min(batch.num_rows());
        let last = batch.num_rows().saturating_sub(self.tail_room()).max(first);
        // Rows between would enter the ring only to leave it again.
        for row in (0..first).chain(last..batch.num_rows()) {
            let cell = |(at, column): (usize, &ArrayFormatter<'_>)| {
                let text = column.value(row).to_string();
                let text = visible(&text);
                let text = if self.columns[at].cuttable { clip(&text, longest) } else { text };
                let null = nulls[at].as_ref().is_some_and(|nulls| nulls.is_null(row));
                Cell { text: text.into(), tone: if null { Tone::Faint } else { Tone::Plain } }
            };
            let row = columns.iter().enumerate().map(cell).collect();
            self.keep(row);
        }
        self.rows += batch.num_rows() as u64;
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        if !self.columns.is_empty() {
            let footer = self.footer(self.shown());
            self.draw()?;
            self.output.line(&self.style.paint(Tone::Faint, footer))?;
        }
        self.output.flush()
    }
}

/// Text and lists of things may be shortened; a date or a number cut short would be read as another.
fn is_cuttable(data_type: &DataType) -> bool {
    data_type.is_nested() || data_type.is_string() || data_type.is_binary()
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::{self, Write};
    use std::sync::Arc;

    use futures::StreamExt;
    use parking_lot::Mutex;

    use super::super::{Format, Style, to_writer};
    use crate::Context;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What `format` makes of a query's rows.
    pub(in crate::sink) async fn printed(format: Format, sql: &str) -> String {
        styled(format, Style::default(), sql).await
    }

    async fn styled(format: Format, style: Style, sql: &str) -> String {
        let ctx = Context::builder().threads(1).build().unwrap();
        let mut run = ctx.sql(sql).await.unwrap().run().await.unwrap();
        let shared = Shared::default();
        let mut sink = to_writer(format, &style, Box::new(shared.clone()));
        sink.begin(&run.schema()).unwrap();
        while let Some(batch) = run.next().await {
            sink.write(&batch.unwrap()).unwrap();
        }
        sink.finish().unwrap();
        String::from_utf8(std::mem::take(&mut *shared.0.lock())).unwrap()
    }

    async fn table(max_rows: usize, max_width: Option<usize>, sql: &str) -> String {
        styled(Format::Table, Style { max_rows, max_width, ..Style::default() }, sql).await
    }

    #[tokio::test]
    async fn a_small_result() {
        let sql =
            "SELECT * FROM (VALUES (1, 'café', 1.5), (22, '日本', NULL), (NULL, 'a\nb', -3.25)) AS t(n, name, \"x\")";
        let shown = table(40, Some(80), sql).await;
        insta::assert_snapshot!(shown, @r"
        ┌────────┬─────────┬────────┐
        │      n │ name    │      x │
        │ bigint │ varchar │ double │
        ├────────┼─────────┼────────┤
        │      1 │ café    │    1.5 │
        │     22 │ 日本    │   NULL │
        │   NULL │ a\nb    │  -3.25 │
        └────────┴─────────┴────────┘
        3 rows
        ");
    }

    #[tokio::test]
    async fn a_long_result_shows_both_ends() {
        let shown = table(4, None, "SELECT value AS n, 'row ' || value AS name FROM generate_series(1, 20000)").await;
        insta::assert_snapshot!(shown, @r"
        ┌────────┬───────────┐
        │      n │ name      │
        │ bigint │ varchar   │
        ├────────┼───────────┤
        │      1 │ row 1     │
        │      2 │ row 2     │
        │   ·    │     ·     │
        │  19999 │ row 19999 │
        │  20000 │ row 20000 │
        └────────┴───────────┘
        20,000 rows (4 shown)
        ");
    }

    #[tokio::test]
    async fn exactly_what_fits_is_all_shown() {
        let shown = table(4, None, "SELECT value AS n FROM generate_series(1, 4)").await;
        assert!(shown.ends_with("4 rows\n") && !shown.contains('·'), "{shown}");
    }

    #[tokio::test]
    async fn a_narrow_terminal_leaves_out_the_middle() {
        let sql = "SELECT 123456789012 AS first, 'some text that is rather long' AS b, 2 AS c, 98765432109876 AS d,
                   'more text' AS e, 1.25 AS f, DATE '2024-02-29' AS last";
        let shown = table(40, Some(60), sql).await;
        insta::assert_snapshot!(shown, @r"
        ┌──────────────┬─────────────────┬───┬────────┬────────────┐
        │        first │ b               │ … │      f │ last       │
        │       bigint │ varchar         │ … │ double │ date       │
        ├──────────────┼─────────────────┼───┼────────┼────────────┤
        │ 123456789012 │ some text that… │ … │   1.25 │ 2024-02-29 │
        └──────────────┴─────────────────┴───┴────────┴────────────┘
        1 row  7 columns (4 shown)
        ");
    }

    #[tokio::test]
    async fn no_rows() {
        insta::assert_snapshot!(table(40, Some(80), "SELECT 1 AS a, 'x' AS b WHERE false").await, @r"
        ┌────────┬─────────┐
        │      a │ b       │
        │ bigint │ varchar │
        └────────┴─────────┘
        0 rows
        ");
    }

    #[tokio::test]
    async fn colors_do_not_move_anything() {
        let sql = "SELECT NULL AS a, 'x' AS name";
        let plain = table(40, Some(80), sql).await;
        let style = Style { colors: true, ..Style::default() };
        let colored = styled(Format::Table, style, sql).await;
        assert!(colored.contains("\x1b[2mNULL\x1b[0m"), "{colored}");
        let stripped = ["\x1b[0m", "\x1b[1m", "\x1b[2m"].iter().fold(colored, |text, code| text.replace(code, ""));
        assert_eq!(stripped, plain);
    }
}
