//! The join with the nearest row before or behind.

use datafusion::scalar::ScalarValue;

use super::Frame;
use super::columns::repeated;
use super::expression::{Expr, IntoOrders, Order, col, lit, when};
use crate::error::{Error, Result};

/// Which row is the partner in [`Frame::join_asof`]: of those with equal keys, the one whose time is nearest.
///
/// Times are values of any type with an order; for [`nearest`](AsOf::nearest) and a tolerance their difference has to be
/// one too. NULL has no partner. Of several rows with the same time any one is taken.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// use partita::prelude::*;
/// let ctx = Context::builder().build()?;
/// let trades = ctx.sql("SELECT * FROM (VALUES ('x', 10), ('x', 15), ('y', 3)) AS t (symbol, time)").await?;
/// let quotes = ctx.sql("SELECT * FROM (VALUES ('x', 9, 1.0), ('x', 14, 1.5), ('y', 4, 7.0)) AS q (symbol, time, bid)").await?;
/// let joined = trades.join_asof(&quotes, AsOf::backward("time").by(["symbol"]).tolerance(5))?;
/// datafusion::assert_batches_eq!(
///     ["+--------+------+------------+-----+",
///      "| symbol | time | time_right | bid |",
///      "+--------+------+------------+-----+",
///      "| x      | 10   | 9          | 1.0 |",
///      "| x      | 15   | 14         | 1.5 |",
///      "| y      | 3    |            |     |",
///      "+--------+------+------------+-----+"],
///     &joined.sort(["symbol", "time"])?.compute().await?
/// );
/// let renamed = quotes.rename([("time", "at")])?;
/// let nearest = trades.join_asof(&renamed, AsOf::nearest(("time", "at")).by(["symbol"]).suffix("_of_quote"))?;
/// assert_eq!(nearest.columns(), ["symbol", "time", "at", "bid"]);
/// let known = trades.join_asof(&quotes, AsOf::forward("time").by(["symbol"]).inner())?;
/// assert_eq!(known.compute().await?.iter().map(|batch| batch.num_rows()).sum::<usize>(), 2);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use = "an as-of join is made by frame.join_asof(&other, …)"]
pub struct AsOf {
    direction: Direction,
    times: Times,
    keys: Vec<String>,
    tolerance: Option<Expr>,
    suffix: String,
    inner: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Backward,
    Forward,
    Nearest,
}

/// The columns of times of both frames of an [`AsOf`]: one name, or a pair of names.
///
/// ```
/// # use partita::prelude::*;
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// # let ctx = Context::builder().build()?;
/// let trades = ctx.sql("SELECT 10 AS time").await?;
/// let quotes = ctx.sql("SELECT 9 AS time, 1.5 AS bid").await?;
/// assert_eq!(trades.join_asof(&quotes, AsOf::backward("time"))?.columns(), ["time", "time_right", "bid"]);
/// let quotes = quotes.rename([("time", "at")])?;
/// assert_eq!(trades.join_asof(&quotes, AsOf::backward(("time", "at")))?.columns(), ["time", "at", "bid"]);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Times {
    left: String,
    right: String,
}

impl From<&str> for Times {
    fn from(name: &str) -> Self {
        Self { left: name.into(), right: name.into() }
    }
}

impl From<(&str, &str)> for Times {
    fn from((left, right): (&str, &str)) -> Self {
        Self { left: left.into(), right: right.into() }
    }
}

impl AsOf {
    /// The last row at this row's time or before.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let trades = ctx.sql("SELECT * FROM (VALUES (10)) AS t (time)").await?;
    /// let quotes = ctx.sql("SELECT * FROM (VALUES (8, 1), (9, 2), (11, 3)) AS q (time, bid)").await?;
    /// let joined = trades.join_asof(&quotes, AsOf::backward("time"))?.select(["bid"])?;
    /// assert_eq!(joined.collect_into::<(i64,)>().await?, [(2,)]);
    /// # Ok(()) }
    /// ```
    pub fn backward(times: impl Into<Times>) -> Self {
        Self::new(Direction::Backward, times.into())
    }

    /// The first row at this row's time or later.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let trades = ctx.sql("SELECT * FROM (VALUES (10)) AS t (time)").await?;
    /// let quotes = ctx.sql("SELECT * FROM (VALUES (8, 1), (11, 2), (12, 3)) AS q (time, bid)").await?;
    /// let joined = trades.join_asof(&quotes, AsOf::forward("time"))?.select(["bid"])?;
    /// assert_eq!(joined.collect_into::<(i64,)>().await?, [(2,)]);
    /// # Ok(()) }
    /// ```
    pub fn forward(times: impl Into<Times>) -> Self {
        Self::new(Direction::Forward, times.into())
    }

    /// The nearer one of both; the earlier one of two equally near.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let trades = ctx.sql("SELECT * FROM (VALUES (10)) AS t (time)").await?;
    /// let quotes = ctx.sql("SELECT * FROM (VALUES (7, 1), (9, 2), (11, 3)) AS q (time, bid)").await?;
    /// let joined = trades.join_asof(&quotes, AsOf::nearest("time"))?.select(["bid"])?;
    /// assert_eq!(joined.collect_into::<(i64,)>().await?, [(2,)]);
    /// # Ok(()) }
    /// ```
    pub fn nearest(times: impl Into<Times>) -> Self {
        Self::new(Direction::Nearest, times.into())
    }

    /// Only rows with equal values in these columns, which both have and the result has once.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let trades = ctx.sql("SELECT * FROM (VALUES ('x', 10)) AS t (symbol, time)").await?;
    /// let quotes = ctx.sql("SELECT * FROM (VALUES ('x', 8, 1), ('y', 9, 2)) AS q (symbol, time, bid)").await?;
    /// let joined = trades.join_asof(&quotes, AsOf::backward("time").by(["symbol"]))?;
    /// assert_eq!(joined.columns(), ["symbol", "time", "time_right", "bid"]);
    /// assert_eq!(joined.select(["bid"])?.collect_into::<(i64,)>().await?, [(1,)]);
    /// # Ok(()) }
    /// ```
    pub fn by<N: Into<String>>(self, keys: impl IntoIterator<Item = N>) -> Self {
        Self { keys: keys.into_iter().map(Into::into).collect(), ..self }
    }

    /// Only rows so near or nearer: a number, or an [`interval`](crate::prelude::interval).
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let trades = ctx.sql("SELECT * FROM (VALUES (10)) AS t (time)").await?;
    /// let quotes = ctx.sql("SELECT * FROM (VALUES (7, 1)) AS q (time, bid)").await?;
    /// let near = trades.join_asof(&quotes, AsOf::backward("time").tolerance(3))?.select(["bid"])?;
    /// assert_eq!(near.collect_into::<(Option<i64>,)>().await?, [(Some(1),)]);
    /// let nearer = trades.join_asof(&quotes, AsOf::backward("time").tolerance(2))?.select(["bid"])?;
    /// assert_eq!(nearer.collect_into::<(Option<i64>,)>().await?, [(None,)]);
    /// # Ok(()) }
    /// ```
    pub fn tolerance(self, tolerance: impl Into<Expr>) -> Self {
        Self { tolerance: Some(tolerance.into()), ..self }
    }

    /// What is put behind the names of columns of the other frame that this one has too; by default `_right`.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let trades = ctx.sql("SELECT * FROM (VALUES (10)) AS t (time)").await?;
    /// let quotes = ctx.sql("SELECT * FROM (VALUES (9, 1)) AS q (time, bid)").await?;
    /// let joined = trades.join_asof(&quotes, AsOf::backward("time").suffix("_of_quote"))?;
    /// assert_eq!(joined.columns(), ["time", "time_of_quote", "bid"]);
    /// # Ok(()) }
    /// ```
    pub fn suffix(self, suffix: impl Into<String>) -> Self {
        Self { suffix: suffix.into(), ..self }
    }

    /// Without the rows that have no partner.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let trades = ctx.sql("SELECT * FROM (VALUES (5), (10)) AS t (time)").await?;
    /// let quotes = ctx.sql("SELECT * FROM (VALUES (8, 1)) AS q (time, bid)").await?;
    /// assert_eq!(trades.join_asof(&quotes, AsOf::backward("time"))?.count().await?, 2);
    /// assert_eq!(trades.join_asof(&quotes, AsOf::backward("time").inner())?.count().await?, 1);
    /// # Ok(()) }
    /// ```
    pub fn inner(self) -> Self {
        Self { inner: true, ..self }
    }

    fn new(direction: Direction, times: Times) -> Self {
        Self { direction, times, keys: Vec::new(), tolerance: None, suffix: "_right".to_string(), inner: false }
    }
}

impl Frame {
    /// Every row with the values of the one row of another frame that is nearest in time, NULLs where there is none: the
    /// price that held when a trade was made. See [`AsOf`].
    ///
    /// ```text
    /// Filter: is_left
    ///   Window: last_value(bid) FILTER (NOT is_left) OVER (PARTITION BY keys ORDER BY time, is_left)     streams
    ///     Sort: keys, time, is_left                                                                    spills
    ///       Union: rows of both, with NULLs for the columns of the other
    /// ```
    ///
    /// Errors: names that a frame does not have; times that cannot be compared.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let trades = ctx.sql("SELECT * FROM (VALUES (10), (15)) AS t (time)").await?;
    /// let quotes = ctx.sql("SELECT * FROM (VALUES (9, 1.0), (14, 1.5)) AS q (time, bid)").await?;
    /// let joined = trades.join_asof(&quotes, AsOf::backward("time"))?.select(["time", "bid"])?.sort("time")?;
    /// assert_eq!(joined.collect_into::<(i64, f64)>().await?, [(10, 1.0), (15, 1.5)]);
    /// # Ok(()) }
    /// ```
    pub fn join_asof(&self, other: &Self, asof: AsOf) -> Result<Self> {
        let columns = Columns::new(self, other, &asof)?;
        let rows = columns.left_rows(self, &asof)?.union(&columns.right_rows(other, &asof)?)?;
        let ways: &[&str] = match asof.direction {
            Direction::Backward => &[BEFORE],
            Direction::Forward => &[BEHIND],
            Direction::Nearest => &[BEFORE, BEHIND],
        };
        let mut found = Vec::new();
        for way in ways {
            // Nulls first: a row without a time finds nobody before it.
            let time = if *way == BEFORE { col(TIME).ascending() } else { col(TIME).descending() };
            let order: Vec<Order> = vec![time.nulls_first(), col(IS_LEFT).ascending()].into_orders();
            found.extend(columns.right.iter().map(|column| {
                let last = Expr::last_so_far(col(right(&column.name)), !col(IS_LEFT));
                (format!("{way} {}", column.name), last.over(columns.keys(), order.clone()))
            }));
        }
        let found = rows.with_columns(found)?.filter(col(IS_LEFT))?;
        let found = if asof.inner { found.filter(asof.partner_time().is_not_null())? } else { found };
        let ours = columns.left.iter().map(|column| col(left(&column.name)).alias(&column.shown));
        let theirs = columns.right.iter().map(|column| asof.value(&column.name).alias(&column.shown));
        found.select(ours.chain(theirs).collect::<Vec<_>>())
    }
}

const TIME: &str = "time";
const IS_LEFT: &str = "is_left";
const BEFORE: &str = "before";
const BEHIND: &str = "behind";

fn left(name: &str) -> String {
    format!("left {name}")
}

fn right(name: &str) -> String {
    format!("right {name}")
}

impl AsOf {
    /// The value of the partner in one of its columns; NULL where it is too far.
    fn value(&self, name: &str) -> Expr {
        let (before, behind) = (col(format!("{BEFORE} {name}")), col(format!("{BEHIND} {name}")));
        let value = match self.direction {
            Direction::Backward => before,
            Direction::Forward => behind,
            Direction::Nearest => when(self.is_before_nearer()).then(before).otherwise(behind),
        };
        match &self.tolerance {
            Some(tolerance) => when(self.is_near(tolerance)).then(value).end(),
            None => value,
        }
    }

    fn partner_time(&self) -> Expr {
        self.value(&self.times.right)
    }

    fn time_of(&self, way: &str) -> Expr {
        col(format!("{way} {}", self.times.right))
    }

    fn is_before_nearer(&self) -> Expr {
        let (before, behind) = (self.time_of(BEFORE), self.time_of(BEHIND));
        let nearer = (col(TIME) - before.clone()).lt_eq(behind.clone() - col(TIME));
        before.is_not_null() & (behind.is_null() | nearer)
    }

    /// Said with sums: a difference of unsigned numbers may not exist.
    fn is_near(&self, tolerance: &Expr) -> Expr {
        let before = (self.time_of(BEFORE) + tolerance.clone()).gt_eq(col(TIME));
        let behind = (col(TIME) + tolerance.clone()).gt_eq(self.time_of(BEHIND));
        match self.direction {
            Direction::Backward => before,
            Direction::Forward => behind,
            Direction::Nearest => when(self.is_before_nearer()).then(before).otherwise(behind),
        }
    }
}

/// The columns of both frames, but for the keys of the right one.
struct Columns {
    keys: usize,
    left: Vec<Shown>,
    right: Vec<Shown>,
}

struct Shown {
    name: String,
    shown: String,
    nothing: ScalarValue,
}

impl Columns {
    fn new(left: &Frame, right: &Frame, asof: &AsOf) -> Result<Self> {
        let shown = |frame: &Frame, skip: &[String], shown: &dyn Fn(&str) -> String| -> Result<Vec<Shown>> {
            let schema = frame.schema();
            let fields = schema.fields().iter().filter(|field| !skip.contains(field.name()));
            let column = |field: &std::sync::Arc<datafusion::arrow::datatypes::Field>| {
                let nothing = ScalarValue::try_from(field.data_type())?;
                Ok(Shown { name: field.name().clone(), shown: shown(field.name()), nothing })
            };
            fields.map(column).collect()
        };
        let ours = left.columns();
        let suffixed = |name: &str| match ours.iter().any(|own| own == name) {
            true => format!("{name}{}", asof.suffix),
            false => name.to_string(),
        };
        let left = shown(left, &[], &str::to_string)?;
        let right = shown(right, &asof.keys, &suffixed)?;
        if let Some(twice) = repeated(left.iter().chain(&right).map(|column| column.shown.as_str())) {
            let error = Error::user(format!("both sides would have a column '{twice}'"));
            return Err(error.with_hint("give another suffix: .suffix(\"_other\")"));
        }
        Ok(Self { keys: asof.keys.len(), left, right })
    }

    fn keys(&self) -> Vec<String> {
        (0..self.keys).map(|number| format!("key {number}")).collect()
    }

    fn left_rows(&self, frame: &Frame, asof: &AsOf) -> Result<Frame> {
        let ours = self.left.iter().map(|column| col(&column.name).alias(left(&column.name)));
        let nothing = self.right.iter().map(|column| Expr::from(column.nothing.clone()).alias(right(&column.name)));
        self.rows(frame, asof, &asof.times.left, true, ours.chain(nothing))
    }

    /// Rows that can be partners: with a time and all keys.
    fn right_rows(&self, frame: &Frame, asof: &AsOf) -> Result<Frame> {
        let nothing = self.left.iter().map(|column| Expr::from(column.nothing.clone()).alias(left(&column.name)));
        let theirs = self.right.iter().map(|column| col(&column.name).alias(right(&column.name)));
        let complete: Vec<_> = asof.keys.iter().chain([&asof.times.right]).collect();
        let frame = frame.drop_nulls(complete.into_iter().map(String::as_str).collect::<Vec<_>>())?;
        self.rows(&frame, asof, &asof.times.right, false, nothing.chain(theirs))
    }

    fn rows(
        &self,
        frame: &Frame,
        asof: &AsOf,
        time: &str,
        is_left: bool,
        columns: impl Iterator<Item = Expr>,
    ) -> Result<Frame> {
        let keys = asof.keys.iter().zip(self.keys()).map(|(key, name)| col(key).alias(name));
        let common = [col(time).alias(TIME), lit(is_left).alias(IS_LEFT)];
        frame.select(keys.chain(common).chain(columns).collect::<Vec<_>>())
    }
}
