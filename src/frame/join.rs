//! Two frames side by side.

use datafusion::common::{Column, DFSchema, JoinType, NullEquality, TableReference};
use datafusion::functions::core::expr_fn::coalesce;
use datafusion::logical_expr::{Expr as Engine, Join as JoinPlan, JoinConstraint, LogicalPlan, LogicalPlanBuilder};

use super::Frame;
use super::expression::{Expr, check_condition, resolve, unknown};
use super::join_names::Names;
use crate::error::{Error, Result};

/// How two frames are joined: which rows are kept, and what makes two rows partners.
///
/// | `on` | partners | columns of the result |
/// | --- | --- | --- |
/// | names: `["a", "b"]` | equal values of the columns that both have | such a column once |
/// | pairs of names: `[("a", "x")]` | `a` of the left equals `x` of the right | both |
/// | a condition: `col("a").lt(col("x"))` | it holds | both |
///
/// NULL equals nothing, unless [`nulls_equal`](Join::nulls_equal) says so. Columns of equal names, but for keys by name,
/// get a suffix: by default those of the right side, `_right`. A condition says columns by the names of the result, or as
/// `table.column`.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// use partita::prelude::*;
/// async fn rows(frame: Frame) -> partita::Result<usize> {
///     Ok(frame.compute().await?.iter().map(|batch| batch.num_rows()).sum())
/// }
/// let ctx = Context::builder().build()?;
/// let orders = ctx.sql("SELECT * FROM (VALUES (1, 10, 'x'), (2, 11, 'y'), (3, 12, 'z')) AS o (id, customer, note)").await?;
/// let people = ctx.sql("SELECT * FROM (VALUES (10, 'Ann', 'a'), (11, 'Bob', 'b'), (13, 'Cy', 'c')) AS p (customer, name, note)").await?;
///
/// let joined = orders.join(&people, Join::inner(["customer"]))?;
/// assert_eq!(joined.columns(), ["id", "customer", "note", "name", "note_right"]);
/// assert_eq!(rows(joined).await?, 2);
/// assert_eq!(rows(orders.join(&people, Join::left("customer"))?).await?, 3);
/// assert_eq!(rows(orders.join(&people, Join::right("customer"))?).await?, 3);
/// assert_eq!(rows(orders.join(&people, Join::full("customer"))?).await?, 4);
/// assert_eq!(rows(orders.join(&people, Join::semi("customer"))?).await?, 2);
/// assert_eq!(rows(orders.join(&people, Join::anti("customer").nulls_equal())?).await?, 1);
/// assert_eq!(rows(orders.join(&people, Join::right_semi("customer"))?).await?, 2);
/// assert_eq!(rows(orders.join(&people, Join::right_anti("customer"))?).await?, 1);
/// assert_eq!(rows(orders.join(&people, Join::cross())?).await?, 9);
///
/// let pairs = people.rename([("customer", "id")])?;
/// let by_pairs = orders.join(&pairs, Join::inner([("customer", "id")]).suffixes("", "_of_person"))?;
/// assert_eq!(by_pairs.columns(), ["id", "customer", "note", "id_of_person", "name", "note_of_person"]);
/// let by_condition = orders.join(&people, Join::inner(col("customer").lt(col("customer_right"))))?;
/// assert_eq!(rows(by_condition).await?, 4);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a join is made by frame.join(&other, …)"]
pub struct Join {
    /// None for the cross join.
    kind: Option<JoinType>,
    on: On,
    suffixes: (String, String),
    null_equality: NullEquality,
}

/// What makes two rows partners in a [`Join`]: names, pairs of names, or a condition.
///
/// ```
/// use partita::prelude::*;
/// let joins = [Join::inner("id"), Join::inner(["id", "day"]), Join::inner([("id", "order_id")]),
///     Join::inner(col("low").lt_eq(col("x")) & col("x").lt(col("high")))];
/// ```
#[derive(Clone, Debug)]
pub struct On(Keys);

#[derive(Clone, Debug)]
enum Keys {
    Names(Vec<String>),
    Pairs(Vec<(String, String)>),
    Condition(Expr),
}

impl From<Expr> for On {
    fn from(condition: Expr) -> Self {
        Self(Keys::Condition(condition))
    }
}

macro_rules! names {
    ($($text:ty),*) => {$(
        impl From<$text> for On {
            fn from(name: $text) -> Self {
                Self(Keys::Names(vec![name.into()]))
            }
        }
        impl<const N: usize> From<[$text; N]> for On {
            fn from(names: [$text; N]) -> Self {
                Self(Keys::Names(names.into_iter().map(Into::into).collect()))
            }
        }
        impl From<Vec<$text>> for On {
            fn from(names: Vec<$text>) -> Self {
                Self(Keys::Names(names.into_iter().map(Into::into).collect()))
            }
        }
        impl<const N: usize> From<[($text, $text); N]> for On {
            fn from(pairs: [($text, $text); N]) -> Self {
                Self(Keys::Pairs(pairs.into_iter().map(|(left, right)| (left.into(), right.into())).collect()))
            }
        }
        impl From<Vec<($text, $text)>> for On {
            fn from(pairs: Vec<($text, $text)>) -> Self {
                Self(Keys::Pairs(pairs.into_iter().map(|(left, right)| (left.into(), right.into())).collect()))
            }
        }
    )*};
}
names!(&str, String);

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $kind:ident;)*) => {
        impl Join {$(
            $(#[$doc])*
            pub fn $name(on: impl Into<On>) -> Self {
                Self::new(Some(JoinType::$kind), on.into())
            }
        )*}
    };
}
kinds! {
    /// Every pair of partners.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let (a, b) = (ctx.range(0..4)?, ctx.range(2..6)?);
    /// let joined = a.join(&b, Join::inner("value"))?.sort("value")?;
    /// assert_eq!(joined.collect_into::<(i64,)>().await?, [(2,), (3,)]);
    /// # Ok(()) }
    /// ```
    inner = Inner;
    /// Every pair of partners, and the rows of the left side without one.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let (a, b) = (ctx.range(1..3)?, ctx.range(2..4)?.with_column("tens", col("value") * 10)?);
    /// let joined = a.join(&b, Join::left("value"))?.sort("value")?;
    /// assert_eq!(joined.collect_into::<(i64, Option<i64>)>().await?, [(1, None), (2, Some(20))]);
    /// # Ok(()) }
    /// ```
    left = Left;
    /// Every pair of partners, and the rows of the right side without one.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let (a, b) = (ctx.range(2..4)?.with_column("tens", col("value") * 10)?, ctx.range(1..3)?);
    /// let joined = a.join(&b, Join::right("value"))?.sort("value")?;
    /// assert_eq!(joined.collect_into::<(i64, Option<i64>)>().await?, [(1, None), (2, Some(20))]);
    /// # Ok(()) }
    /// ```
    right = Right;
    /// Every pair of partners, and the rows of both sides without one.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let (a, b) = (ctx.range(1..3)?, ctx.range(2..4)?.with_column("tens", col("value") * 10)?);
    /// let joined = a.join(&b, Join::full("value"))?.sort("value")?;
    /// assert_eq!(joined.collect_into::<(i64, Option<i64>)>().await?, [(1, None), (2, Some(20)), (3, Some(30))]);
    /// # Ok(()) }
    /// ```
    full = Full;
    /// The rows of the left side that have a partner, each once: SQL's EXISTS.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let (a, b) = (ctx.range(0..4)?, ctx.range(2..6)?);
    /// let joined = a.join(&b, Join::semi("value"))?.sort("value")?;
    /// assert_eq!(joined.collect_into::<(i64,)>().await?, [(2,), (3,)]);
    /// # Ok(()) }
    /// ```
    semi = LeftSemi;
    /// The rows of the left side that have no partner: SQL's NOT EXISTS.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let (a, b) = (ctx.range(0..4)?, ctx.range(2..6)?);
    /// let joined = a.join(&b, Join::anti("value"))?.sort("value")?;
    /// assert_eq!(joined.collect_into::<(i64,)>().await?, [(0,), (1,)]);
    /// # Ok(()) }
    /// ```
    anti = LeftAnti;
    /// The rows of the right side that have a partner, each once.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let (a, b) = (ctx.range(0..4)?, ctx.range(2..6)?);
    /// let joined = a.join(&b, Join::right_semi("value"))?.sort("value")?;
    /// assert_eq!(joined.collect_into::<(i64,)>().await?, [(2,), (3,)]);
    /// # Ok(()) }
    /// ```
    right_semi = RightSemi;
    /// The rows of the right side that have no partner.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let (a, b) = (ctx.range(0..4)?, ctx.range(2..6)?);
    /// let joined = a.join(&b, Join::right_anti("value"))?.sort("value")?;
    /// assert_eq!(joined.collect_into::<(i64,)>().await?, [(4,), (5,)]);
    /// # Ok(()) }
    /// ```
    right_anti = RightAnti;
}

impl Join {
    /// Every row with every row.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let pairs = ctx.range(0..3)?.join(&ctx.range(0..2)?, Join::cross())?;
    /// assert_eq!(pairs.columns(), ["value", "value_right"]);
    /// assert_eq!(pairs.count().await?, 6);
    /// # Ok(()) }
    /// ```
    pub fn cross() -> Self {
        Self::new(None, On(Keys::Names(Vec::new())))
    }

    /// What is put behind the names of columns that both sides have, left and right; by default nothing and `_right`.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let numbers = ctx.range(0..3)?;
    /// let pairs = numbers.join(&numbers, Join::cross().suffixes("_a", "_b"))?;
    /// assert_eq!(pairs.columns(), ["value_a", "value_b"]);
    /// # Ok(()) }
    /// ```
    pub fn suffixes(self, left: impl Into<String>, right: impl Into<String>) -> Self {
        Self { suffixes: (left.into(), right.into()), ..self }
    }

    /// NULL equals NULL in keys.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let numbers = ctx.sql("SELECT * FROM (VALUES (1), (NULL)) AS t (n)").await?;
    /// assert_eq!(numbers.join(&numbers, Join::inner("n"))?.count().await?, 1);
    /// assert_eq!(numbers.join(&numbers, Join::inner("n").nulls_equal())?.count().await?, 2);
    /// # Ok(()) }
    /// ```
    pub fn nulls_equal(self) -> Self {
        Self { null_equality: NullEquality::NullEqualsNull, ..self }
    }

    fn new(kind: Option<JoinType>, on: On) -> Self {
        let null_equality = NullEquality::NullEqualsNothing;
        Self { kind, on, suffixes: (String::new(), "_right".to_string()), null_equality }
    }

    /// The names of keys that both sides have and the result has once.
    fn merged(&self) -> &[String] {
        match &self.on.0 {
            Keys::Names(names) => names,
            _ => &[],
        }
    }
}

impl Frame {
    /// This frame, the left side, with another, the right side. See [`Join`].
    ///
    /// Errors: names that a side does not have; keys whose types cannot be compared; a condition that is none; names that
    /// are equal in spite of their suffixes.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let orders = ctx.sql("SELECT * FROM (VALUES (1, 'Ann'), (2, 'Bob')) AS o (id, name)").await?;
    /// let people = ctx.sql("SELECT * FROM (VALUES ('Ann', 31), ('Cy', 40)) AS p (name, age)").await?;
    /// let joined = orders.join(&people, Join::inner("name"))?;
    /// assert_eq!(joined.columns(), ["id", "name", "age"]);
    /// assert_eq!(joined.select(["id", "age"])?.collect_into::<(i64, i64)>().await?, [(1, 31)]);
    /// # Ok(()) }
    /// ```
    pub fn join(&self, other: &Self, join: Join) -> Result<Self> {
        let (left, right) = apart(self.plan.clone(), other.plan.clone())?;
        let names = Names::new(left.schema(), right.schema(), join.merged(), &join.suffixes)?;
        let Some(kind) = join.kind else {
            let plan = LogicalPlanBuilder::from(left).cross_join(right)?.build()?;
            return self.named(plan, &names, JoinType::Inner);
        };
        let plan = match &join.on.0 {
            Keys::Condition(condition) => {
                let both = left.schema().join(right.schema())?;
                let condition = names.resolve(condition.clone(), &both)?;
                check_condition(&condition, &both)?;
                LogicalPlanBuilder::from(left).join_on(right, kind, [condition])?.build()?
            }
            Keys::Names(keys) => {
                let pairs: Vec<_> = keys.iter().map(|key| (key.as_str(), key.as_str())).collect();
                equal(left, right, kind, &pairs, JoinConstraint::Using, join.null_equality)?
            }
            Keys::Pairs(keys) => {
                let pairs: Vec<_> = keys.iter().map(|(left, right)| (left.as_str(), right.as_str())).collect();
                equal(left, right, kind, &pairs, JoinConstraint::On, join.null_equality)?
            }
        };
        self.named(plan, &names, kind)
    }

    /// The frame of a join with the columns that are to be seen.
    fn named(&self, plan: LogicalPlan, names: &Names, kind: JoinType) -> Result<Self> {
        use JoinType::{LeftAnti, LeftSemi, RightAnti, RightSemi};
        if matches!(kind, LeftSemi | LeftAnti | RightSemi | RightAnti) || names.are_plain() {
            return Ok(self.with_plan(plan));
        }
        let merged = |left: Column, right: Column| match kind {
            JoinType::Right => Engine::Column(right),
            JoinType::Full => coalesce(vec![Engine::Column(left), Engine::Column(right)]),
            _ => Engine::Column(left),
        };
        self.with_plan(plan).project(names.columns(merged)?)
    }
}

/// A join on equal columns.
fn equal(
    left: LogicalPlan,
    right: LogicalPlan,
    kind: JoinType,
    pairs: &[(&str, &str)],
    constraint: JoinConstraint,
    nulls: NullEquality,
) -> Result<LogicalPlan> {
    if pairs.is_empty() {
        return Err(Error::user("a join wants keys or a condition").with_hint("Join::cross() joins all with all"));
    }
    let both = left.schema().join(right.schema())?;
    let key = |name: &str, schema: &DFSchema| match resolve(super::expression::col(name).0, schema)? {
        key @ Engine::Column(_) => Ok(key),
        _ => Err(unknown(name, schema)),
    };
    let keys = pairs.iter().map(|(left_name, right_name)| {
        let (left, right) = (key(left_name, left.schema())?, key(right_name, right.schema())?);
        check_condition(&left.clone().eq(right.clone()), &both)?;
        Ok((left, right))
    });
    let keys = keys.collect::<Result<Vec<_>>>()?;
    let join = JoinPlan::try_new(left.into(), right.into(), keys, None, kind, constraint, nulls, false)?;
    Ok(LogicalPlan::Join(join))
}

/// The plans with names for their tables that tell the columns of both apart, where they have not.
fn apart(left: LogicalPlan, right: LogicalPlan) -> Result<(LogicalPlan, LogicalPlan)> {
    let clash = |a: &DFSchema, b: &DFSchema| {
        a.iter().any(|(table, field)| match table {
            Some(table) => b.iter().any(|(other, _)| other == Some(table)),
            None => b.iter().any(|(_, other)| other.name() == field.name()),
        })
    };
    let unqualified = |plan: &LogicalPlan, other: &LogicalPlan| {
        plan.schema()
            .iter()
            .any(|(table, field)| table.is_none() && other.schema().has_column_with_unqualified_name(field.name()))
    };
    let (right_clashes, left_clashes) = (clash(right.schema(), left.schema()), unqualified(&left, &right));
    let named = |plan: LogicalPlan, name: &str, other: &LogicalPlan| {
        let is_taken =
            |name: &str| other.schema().iter().any(|(table, _)| table.is_some_and(|table| table.table() == name));
        let free = (0..).map(|number| if number == 0 { name.to_string() } else { format!("{name}_{number}") });
        let free = free.into_iter().find(|name| !is_taken(name)).unwrap_or_default();
        LogicalPlanBuilder::from(plan).alias(TableReference::bare(free))?.build()
    };
    let right = if right_clashes { named(right, "right", &left)? } else { right };
    let left = if left_clashes { named(left, "left", &right)? } else { left };
    Ok((left, right))
}

/// A resolved column's place.
pub(super) fn column_at(schema: &DFSchema, position: usize) -> Column {
    Column::from(schema.qualified_field(position))
}
