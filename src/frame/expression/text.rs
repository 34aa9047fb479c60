//! Functions of text.

use datafusion::functions::datetime::expr_fn as datetime;
use datafusion::functions::regex::expr_fn as regex;
use datafusion::functions::string::expr_fn as string;
use datafusion::functions::unicode::expr_fn as unicode;
use datafusion::functions_nested::expr_fn as nested;
use datafusion::logical_expr::{Expr as Engine, Operator, binary_expr};

use super::{Expr, lit};

/// Functions of text, by [`Expr::str`]. Places and lengths are counted in characters, places from 0.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// use partita::prelude::*;
/// let ctx = Context::builder().build()?;
/// let frame = ctx.sql("SELECT ' Ada, 1815 ' AS t").await?;
/// let t = || col("t").str().trim();
/// let texts = [t().str().upper(), t().str().lower(), t().str().title(), t().str().reverse(), t().str().repeat(2)];
/// let parts = [t().str().slice(0, 3), t().str().left(3), t().str().right(4), t().str().split(", ").list().get(1)];
/// let tests = [t().str().contains("da"), t().str().starts_with("A"), t().str().ends_with("5"), t().str().matches("^A")];
/// let finds = [t().str().len(), t().str().find("18"), t().str().extract("([0-9]+)")];
/// let changes = [t().str().replace("a", "o"), t().str().replace_regex("[0-9]", "#"), t().str().pad_left(12, "."),
///     t().str().pad_right(12, "."), col("t").str().trim_start(), col("t").str().trim_end()];
/// let times = [t().str().right(4).str().to_date("%Y"), t().str().right(4).str().to_timestamp("%Y")];
/// let found = frame.select([t().str().extract("([0-9]+)").alias("year"), t().str().find("18").alias("at")])?;
/// datafusion::assert_batches_eq!(
///     ["+------+----+", "| year | at |", "+------+----+", "| 1815 | 5  |", "+------+----+"],
///     &found.compute().await?
/// );
/// # assert_eq!(frame.select([texts.as_slice(), &parts, &tests, &finds, &changes].concat())?.compute().await?.len(), 1);
/// # assert_eq!(times.len(), 2);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Text(pub(super) Expr);

impl Text {
    /// In capitals.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT 'ada' AS t").await?;
    /// let values: Vec<(String,)> = frame.select(col("t").str().upper())?.collect_into().await?;
    /// assert_eq!(values[0].0, "ADA");
    /// # Ok(()) }
    /// ```
    pub fn upper(self) -> Expr {
        self.of(string::upper)
    }

    /// Without capitals.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT 'Ada' AS t").await?;
    /// let values: Vec<(String,)> = frame.select(col("t").str().lower())?.collect_into().await?;
    /// assert_eq!(values[0].0, "ada");
    /// # Ok(()) }
    /// ```
    pub fn lower(self) -> Expr {
        self.of(string::lower)
    }

    /// Each word with a capital first.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT 'ada lovelace' AS t").await?;
    /// let values: Vec<(String,)> = frame.select(col("t").str().title())?.collect_into().await?;
    /// assert_eq!(values[0].0, "Ada Lovelace");
    /// # Ok(()) }
    /// ```
    pub fn title(self) -> Expr {
        self.of(unicode::initcap)
    }

    /// The number of characters.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT 'aéb' AS t").await?;
    /// let values: Vec<(i64,)> = frame.select(col("t").str().len())?.collect_into().await?;
    /// assert_eq!(values, [(3,)]);
    /// # Ok(()) }
    /// ```
    pub fn len(self) -> Expr {
        self.of(unicode::character_length)
    }

    /// Without blanks at both ends.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT ' ada ' AS t").await?;
    /// let values: Vec<(String,)> = frame.select(col("t").str().trim())?.collect_into().await?;
    /// assert_eq!(values[0].0, "ada");
    /// # Ok(()) }
    /// ```
    pub fn trim(self) -> Expr {
        self.of(|text| string::btrim(vec![text]))
    }

    /// Without blanks at the start.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT ' ada ' AS t").await?;
    /// let values: Vec<(String,)> = frame.select(col("t").str().trim_start())?.collect_into().await?;
    /// assert_eq!(values[0].0, "ada ");
    /// # Ok(()) }
    /// ```
    pub fn trim_start(self) -> Expr {
        self.of(|text| string::ltrim(vec![text]))
    }

    /// Without blanks at the end.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT ' ada ' AS t").await?;
    /// let values: Vec<(String,)> = frame.select(col("t").str().trim_end())?.collect_into().await?;
    /// assert_eq!(values[0].0, " ada");
    /// # Ok(()) }
    /// ```
    pub fn trim_end(self) -> Expr {
        self.of(|text| string::rtrim(vec![text]))
    }

    /// The characters from the last to the first.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT 'abc' AS t").await?;
    /// let values: Vec<(String,)> = frame.select(col("t").str().reverse())?.collect_into().await?;
    /// assert_eq!(values[0].0, "cba");
    /// # Ok(()) }
    /// ```
    pub fn reverse(self) -> Expr {
        self.of(unicode::reverse)
    }

    /// So many times in a row.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT 'ab' AS t").await?;
    /// let values: Vec<(String,)> = frame.select(col("t").str().repeat(2))?.collect_into().await?;
    /// assert_eq!(values[0].0, "abab");
    /// # Ok(()) }
    /// ```
    pub fn repeat(self, times: impl Into<Expr>) -> Expr {
        self.with(times, string::repeat)
    }

    /// At most `length` characters from place `start` on, the first one being 0.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT 'aéb' AS t").await?;
    /// let values: Vec<(String,)> = frame.select(col("t").str().slice(1, 2))?.collect_into().await?;
    /// assert_eq!(values[0].0, "éb");
    /// # Ok(()) }
    /// ```
    pub fn slice(self, start: u32, length: u32) -> Expr {
        self.of(|text| unicode::substring(text, lit(i64::from(start) + 1).0, lit(length).0))
    }

    /// The first `count` characters.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT 'abc' AS t").await?;
    /// let values: Vec<(String,)> = frame.select(col("t").str().left(2))?.collect_into().await?;
    /// assert_eq!(values[0].0, "ab");
    /// # Ok(()) }
    /// ```
    pub fn left(self, count: impl Into<Expr>) -> Expr {
        self.with(count, unicode::left)
    }

    /// The last `count` characters.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT 'abc' AS t").await?;
    /// let values: Vec<(String,)> = frame.select(col("t").str().right(2))?.collect_into().await?;
    /// assert_eq!(values[0].0, "bc");
    /// # Ok(()) }
    /// ```
    pub fn right(self, count: impl Into<Expr>) -> Expr {
        self.with(count, unicode::right)
    }

    /// Filled up to `width` characters in front; longer text is cut.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT '42' AS t").await?;
    /// let values: Vec<(String,)> = frame.select(col("t").str().pad_left(5, "0"))?.collect_into().await?;
    /// assert_eq!(values[0].0, "00042");
    /// # Ok(()) }
    /// ```
    pub fn pad_left(self, width: u32, fill: &str) -> Expr {
        self.of(|text| unicode::lpad(vec![text, lit(width).0, lit(fill).0]))
    }

    /// Filled up to `width` characters behind; longer text is cut.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT 'ab' AS t").await?;
    /// let values: Vec<(String,)> = frame.select(col("t").str().pad_right(5, "."))?.collect_into().await?;
    /// assert_eq!(values[0].0, "ab...");
    /// # Ok(()) }
    /// ```
    pub fn pad_right(self, width: u32, fill: &str) -> Expr {
        self.of(|text| unicode::rpad(vec![text, lit(width).0, lit(fill).0]))
    }

    /// Whether a text occurs in it, as it is; [`matches`](Self::matches) takes a pattern.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT 'a.b' AS t").await?;
    /// let values: Vec<(bool,)> = frame.select(col("t").str().contains("."))?.collect_into().await?;
    /// assert_eq!(values, [(true,)]);
    /// # Ok(()) }
    /// ```
    pub fn contains(self, part: impl Into<Expr>) -> Expr {
        self.with(part, string::contains)
    }

    /// Whether it begins with a text.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT 'Ada' AS t").await?;
    /// let values: Vec<(bool,)> = frame.select(col("t").str().starts_with("A"))?.collect_into().await?;
    /// assert_eq!(values, [(true,)]);
    /// # Ok(()) }
    /// ```
    pub fn starts_with(self, start: impl Into<Expr>) -> Expr {
        self.with(start, string::starts_with)
    }

    /// Whether it ends with a text.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT 'Ada' AS t").await?;
    /// let values: Vec<(bool,)> = frame.select(col("t").str().ends_with("A"))?.collect_into().await?;
    /// assert_eq!(values, [(false,)]);
    /// # Ok(()) }
    /// ```
    pub fn ends_with(self, end: impl Into<Expr>) -> Expr {
        self.with(end, string::ends_with)
    }

    /// Where a text first occurs in it, counted from 0; NULL where it does not.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT 'aéb' AS t").await?;
    /// let values: Vec<(Option<i64>,)> = frame.select(col("t").str().find("b"))?.collect_into().await?;
    /// assert_eq!(values, [(Some(2),)]);
    /// # Ok(()) }
    /// ```
    pub fn find(self, part: impl Into<Expr>) -> Expr {
        self.with(part, unicode::strpos).null_if(0) - 1
    }

    /// Every occurrence of a text replaced by another.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT 'banana' AS t").await?;
    /// let values: Vec<(String,)> = frame.select(col("t").str().replace("a", "o"))?.collect_into().await?;
    /// assert_eq!(values[0].0, "bonono");
    /// # Ok(()) }
    /// ```
    pub fn replace(self, part: impl Into<Expr>, by: impl Into<Expr>) -> Expr {
        let by = by.into().0;
        self.with(part, |text, part| string::replace(text, part, by))
    }

    /// Whether a regular expression matches anywhere in it.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT 'a12-3' AS t").await?;
    /// let values: Vec<(bool,)> = frame.select(col("t").str().matches("[0-9]-"))?.collect_into().await?;
    /// assert_eq!(values, [(true,)]);
    /// # Ok(()) }
    /// ```
    pub fn matches(self, pattern: &str) -> Expr {
        self.with(pattern, |text, pattern| binary_expr(text, Operator::RegexMatch, pattern))
    }

    /// What the first group of a regular expression, or all of it, matches; NULL where it does not.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT 'a12-3' AS t").await?;
    /// let values: Vec<(String,)> = frame.select(col("t").str().extract("([0-9]+)-"))?.collect_into().await?;
    /// assert_eq!(values[0].0, "12");
    /// # Ok(()) }
    /// ```
    pub fn extract(self, pattern: &str) -> Expr {
        self.with(pattern, |text, pattern| nested::array_element(regex::regexp_match(text, pattern, None), lit(1).0))
    }

    /// Every match of a regular expression replaced; `\1` stands for its first group.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT 'a12-3' AS t").await?;
    /// let value = col("t").str().replace_regex("([0-9])", r"<\1>");
    /// let values: Vec<(String,)> = frame.select(value)?.collect_into().await?;
    /// assert_eq!(values[0].0, "a<1><2>-<3>");
    /// # Ok(()) }
    /// ```
    pub fn replace_regex(self, pattern: &str, by: &str) -> Expr {
        let (by, everywhere) = (lit(by).0, Some(lit("g").0));
        self.with(pattern, |text, pattern| regex::regexp_replace(text, pattern, by, everywhere))
    }

    /// The list of the parts between the occurrences of a delimiter.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT 'a,b' AS t").await?;
    /// let values: Vec<(Vec<String>,)> = frame.select(col("t").str().split(","))?.collect_into().await?;
    /// assert_eq!(values[0].0, ["a", "b"]);
    /// # Ok(()) }
    /// ```
    pub fn split(self, delimiter: &str) -> Expr {
        self.with(delimiter, |text, delimiter| nested::string_to_array(text, delimiter, lit(None::<&str>).0))
    }

    /// The date it says in a format such as `%d.%m.%Y`.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT '31.01.2013' AS t").await?;
    /// let values: Vec<(String,)> = frame.select(col("t").str().to_date("%d.%m.%Y"))?.collect_into().await?;
    /// assert_eq!(values[0].0, "2013-01-31");
    /// # Ok(()) }
    /// ```
    pub fn to_date(self, format: &str) -> Expr {
        self.with(format, |text, format| datetime::to_date(vec![text, format]))
    }

    /// The instant it says in a format such as `%d.%m.%Y %H:%M`.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT '31.01.2013 12:30' AS t").await?;
    /// let value = col("t").str().to_timestamp("%d.%m.%Y %H:%M").dt().hour();
    /// let values: Vec<(i64,)> = frame.select(value)?.collect_into().await?;
    /// assert_eq!(values, [(12,)]);
    /// # Ok(()) }
    /// ```
    pub fn to_timestamp(self, format: &str) -> Expr {
        self.with(format, |text, format| datetime::to_timestamp(vec![text, format]))
    }

    fn of(self, function: impl FnOnce(Engine) -> Engine) -> Expr {
        Expr(function(self.0.0))
    }

    fn with(self, other: impl Into<Expr>, function: impl FnOnce(Engine, Engine) -> Engine) -> Expr {
        Expr(function(self.0.0, other.into().0))
    }
}
