//! A tour for people who know pandas: `cargo run --release --example pandas_tour`, from the project's root.
//!
//! Each step says the pandas call it stands for. All of them plan; rows are read where `show` or `compute` is awaited.

use partita::prelude::*;

#[tokio::main]
pub(crate) async fn main() -> partita::Result<()> {
    let ctx = Context::builder().memory_limit("512MB".parse()?).threads(2).build()?;

    // pd.read_parquet("flights"), pd.read_csv("planes.csv", na_values=["NA"])
    let flights = ctx.read_parquet("queries/data/flights").await?;
    let planes = ctx.read(Source::csv("queries/data/planes.csv").null_words(["NA"])).await?;
    let airlines = ctx.read_csv("queries/data/airlines.csv").await?;

    // df.columns, df.dtypes, df.head(3), df.describe()
    println!("{} columns, first of all {}", flights.columns().len(), flights.schema().field(0));
    flights.head(3)?.show().await?;
    flights.select(["dep_delay", "distance", "carrier"])?.describe()?.show().await?;

    // df[(df.dep_delay > 60) & df.origin.isin(["JFK", "LGA"])][["carrier", "dep_delay"]]
    let late = flights.filter(col("dep_delay").gt(60) & col("origin").is_in(["JFK", "LGA"]))?;
    late.select(["carrier", "dep_delay"])?.head(3)?.show().await?;

    // df.assign(speed=df.distance / df.air_time * 60).rename(columns={"dest": "to"}).drop(columns=["year"])
    let flights = flights
        .with_column("speed", col("distance") / col("air_time") * 60)?
        .rename([("dest", "to")])?
        .drop(["year"])?;

    // df.dropna(subset=["dep_delay"]), df.fillna(0), df["carrier"].str.lower(), df["time_hour"].dt.weekday
    let known = flights.drop_nulls("dep_delay")?;
    let filled = flights
        .fill_null(0)?
        .with_columns([("carrier", col("carrier").str().lower()), ("weekday", col("time_hour").dt().weekday())])?;
    filled.select(["carrier", "weekday", "speed"])?.head(3)?.show().await?;

    // np.where(…), np.select(…)
    let how =
        when(col("dep_delay").lt_eq(0)).then("early").when(col("dep_delay").lt(30)).then("soon").otherwise("late");
    known.with_column("how", how)?.value_counts("how")?.show().await?;

    // df.groupby("carrier").agg(flights=("flight", "size"), delay=("dep_delay", "mean"))
    //   .merge(airlines, on="carrier").sort_values("delay", ascending=False)
    let by_carrier = known
        .group_by("carrier")?
        .agg([count_rows().alias("flights"), mean("dep_delay").round(1).alias("delay")])?
        .join(&airlines, Join::inner("carrier"))?
        .sort(col("delay").descending())?;
    by_carrier.head(5)?.show().await?;
    by_carrier.tail(2)?.show().await?;

    // df.merge(planes, on="tailnum", how="left", suffixes=("", "_plane"))
    let with_planes = known.join(&planes, Join::left("tailnum").suffixes("", "_plane"))?;
    with_planes.group_by("manufacturer")?.count()?.sort(col("count").descending())?.head(3)?.show().await?;

    // df.groupby("origin")["dep_delay"].rank(ascending=False) <= 2
    let worst = rank().over("origin", col("dep_delay").descending());
    known.filter(worst.lt_eq(2))?.select(["origin", "carrier", "dep_delay"])?.show().await?;

    // A series: df.groupby(df.time_hour.dt.date).size().sort_index(), .rolling(7).mean(), .diff(), .cumsum()
    let days = known.group_by([col("time_hour").dt().date().alias("day")])?.count()?;
    let smooth = days.with_columns([
        ("week", col("count").rolling_mean(7).over((), "day")),
        ("change", col("count").diff(1).over((), "day")),
        ("so_far", col("count").cumsum().over((), "day")),
    ])?;
    smooth.sort("day")?.offset(6)?.limit(3)?.show().await?;

    // df.pivot_table(index="month", columns="origin", values="dep_delay", aggfunc="mean"), df.melt(…)
    let wide = known.pivot_all("month", "origin", mean("dep_delay").round(1)).await?;
    wide.sort("month")?.head(3)?.show().await?;
    wide.unpivot(["EWR", "JFK", "LGA"], "origin", "delay")?.sort(["month", "origin"])?.head(3)?.show().await?;

    // pd.merge_asof(…, on="time_hour", by="origin", direction="backward")
    let storms = ctx.read(Source::csv("queries/data/weather.csv").null_words(["NA"])).await?;
    let storms = storms.filter(col("wind_speed").gt(30))?.select(["origin", "time_hour", "wind_speed"])?;
    let after = known.join_asof(&storms, AsOf::backward("time_hour").by(["origin"]).tolerance(interval("3 hours")?))?;
    after.group_by([col("wind_speed").is_not_null().alias("storm")])?.agg([mean("dep_delay")])?.show().await?;

    // df.quantile(0.9), df[["dep_delay", "distance"]].corr(), df.sample(frac=0.01, random_state=7)
    known.quantile(["dep_delay", "distance"], 0.9)?.show().await?;
    known.select(["dep_delay", "distance"])?.corr()?.show().await?;
    known.sample(0.01, 7)?.agg([count_rows().alias("sampled")])?.show().await?;

    // SQL where it is shorter: a frame is the table "self", or one of the catalog.
    by_carrier.sql("SELECT name FROM self WHERE delay > (SELECT avg(delay) FROM self)").await?.show().await?;
    by_carrier.register("by_carrier")?;
    ctx.sql("SELECT count(*) FROM by_carrier").await?.show().await
}
