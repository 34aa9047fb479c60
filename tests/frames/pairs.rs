//! The same question in SQL and by calls has the same optimized plan.

use super::*;

type Call = fn(&Tables) -> partita::Result<Frame>;

struct Tables {
    flights: Frame,
    airlines: Frame,
    planes: Frame,
}

const PAIRS: [(&str, Call); 24] = [
    ("SELECT carrier, dep_delay FROM flights", |t| t.flights.select(["carrier", "dep_delay"])),
    ("SELECT carrier AS airline, dep_delay + 1 AS later FROM flights WHERE dep_delay > 15 AND origin = 'JFK'", |t| {
        t.flights
            .filter(col("dep_delay").gt(15) & col("origin").eq("JFK"))?
            .select([col("carrier").alias("airline"), (col("dep_delay") + 1).alias("later")])
    }),
    ("SELECT carrier FROM flights WHERE dep_delay IS NOT NULL AND arr_delay IS NULL ORDER BY carrier LIMIT 10", |t| {
        t.flights
            .drop_nulls("dep_delay")?
            .filter(col("arr_delay").is_null())?
            .select(["carrier"])?
            .sort("carrier")?
            .limit(10)
    }),
    ("SELECT * FROM airlines ORDER BY name DESC OFFSET 3", |t| t.airlines.sort(col("name").descending())?.offset(3)),
    ("SELECT DISTINCT origin, dest FROM flights", |t| t.flights.select(["origin", "dest"])?.distinct()),
    ("SELECT carrier, count(*) AS count FROM flights GROUP BY carrier", |t| t.flights.group_by("carrier")?.count()),
    (
        "SELECT carrier, avg(dep_delay) AS delay, max(distance) AS furthest FROM flights GROUP BY carrier HAVING count(*) > 100",
        |t| {
            t.flights
                .group_by("carrier")?
                .agg([mean("dep_delay").alias("delay"), max("distance").alias("furthest"), count_rows().alias("n")])?
                .filter(col("n").gt(100))?
                .drop(["n"])
        },
    ),
    ("SELECT sum(distance) / count(*) AS miles, count(DISTINCT tailnum) AS planes FROM flights", |t| {
        t.flights.agg([(sum("distance") / count_rows()).alias("miles"), count_distinct("tailnum").alias("planes")])
    }),
    (
        "SELECT origin, sum(distance) FILTER (WHERE month < 7) AS early FROM flights GROUP BY origin ORDER BY early DESC",
        |t| {
            t.flights
                .group_by("origin")?
                .agg([sum("distance").filter(col("month").lt(7)).alias("early")])?
                .sort(col("early").descending())
        },
    ),
    ("SELECT flights.*, name FROM flights JOIN airlines USING (carrier)", |t| {
        t.flights.join(&t.airlines, Join::inner("carrier"))
    }),
    ("SELECT name, dep_delay FROM flights LEFT JOIN airlines ON flights.carrier = airlines.carrier", |t| {
        t.flights.join(&t.airlines, Join::left([("carrier", "carrier")]))?.select(["name", "dep_delay"])
    }),
    (
        "SELECT name, origin FROM flights RIGHT JOIN airlines ON flights.carrier = airlines.carrier AND distance > 2000",
        |t| {
            let on = col("carrier").eq(col("carrier_right")) & col("distance").gt(2000);
            t.flights.join(&t.airlines, Join::right(on))?.select(["name", "origin"])
        },
    ),
    ("SELECT * FROM airlines LEFT SEMI JOIN flights ON flights.carrier = airlines.carrier AND distance > 4000", |t| {
        t.airlines.join(&t.flights, Join::semi(col("carrier").eq(col("carrier_right")) & col("distance").gt(4000)))
    }),
    ("SELECT tailnum FROM planes LEFT ANTI JOIN flights ON planes.tailnum = flights.tailnum", |t| {
        t.planes.join(&t.flights, Join::anti([("tailnum", "tailnum")]))?.select(["tailnum"])
    }),
    ("SELECT name FROM airlines WHERE carrier NOT IN (SELECT carrier FROM flights WHERE month = 2)", |t| {
        let flown = t.flights.filter(col("month").eq(2))?.select(["carrier"])?;
        t.airlines.filter(!col("carrier").is_in_frame(&flown))?.select(["name"])
    }),
    ("SELECT tailnum FROM flights WHERE distance = (SELECT max(distance) FROM flights)", |t| {
        t.flights.filter(col("distance").eq(t.flights.agg([max("distance")])?.scalar()?))?.select(["tailnum"])
    }),
    ("SELECT carrier FROM flights UNION ALL SELECT carrier FROM airlines", |t| {
        t.flights.select(["carrier"])?.union(&t.airlines.select(["carrier"])?)
    }),
    ("SELECT tailnum FROM planes INTERSECT SELECT tailnum FROM flights", |t| {
        t.planes.select(["tailnum"])?.intersect(&t.flights.select(["tailnum"])?)
    }),
    ("SELECT tailnum FROM planes EXCEPT SELECT tailnum FROM flights", |t| {
        t.planes.select(["tailnum"])?.except(&t.flights.select(["tailnum"])?)
    }),
    (
        "SELECT upper(substr(dest, 1, 2)) AS d, CASE WHEN distance < 500 THEN 'near' WHEN distance < 1500 THEN 'far' ELSE 'away' END AS how FROM flights",
        |t| {
            let how =
                when(col("distance").lt(500)).then("near").when(col("distance").lt(1500)).then("far").otherwise("away");
            t.flights.select([col("dest").str().slice(0, 2).str().upper().alias("d"), how.alias("how")])
        },
    ),
    (
        "SELECT extract(YEAR FROM time_hour) AS y, date_trunc('month', time_hour) AS m FROM flights WHERE dest LIKE 'L%' AND distance BETWEEN 1 AND 99 AND carrier IN ('AA', 'UA')",
        |t| {
            t.flights
                .filter(col("dest").like("L%") & col("distance").between(1, 99) & col("carrier").is_in(["AA", "UA"]))?
                .select([col("time_hour").dt().year().alias("y"), col("time_hour").dt().truncate("month").alias("m")])
        },
    ),
    (
        "SELECT carrier, rank() OVER (PARTITION BY origin ORDER BY distance DESC) AS r, sum(distance) OVER (PARTITION BY carrier) AS total, lag(distance, 1) OVER (ORDER BY time_hour, flight) AS before FROM flights",
        |t| {
            t.flights.select([
                col("carrier"),
                rank().over("origin", col("distance").descending()).alias("r"),
                sum("distance").over("carrier", ()).alias("total"),
                col("distance").shift(1).over((), ["time_hour", "flight"]).alias("before"),
            ])
        },
    ),
    (
        "SELECT carrier, flight FROM flights QUALIFY row_number() OVER (PARTITION BY carrier ORDER BY distance) = 1",
        |t| t.flights.filter(row_number().over("carrier", "distance").eq(1))?.select(["carrier", "flight"]),
    ),
    ("SUMMARIZE airlines", |t| t.airlines.describe()),
];

#[tokio::test]
async fn sql_and_calls_have_the_same_plan() {
    let ctx = context();
    ctx.register("flights", Source::parquet("queries/data/flights")).await.unwrap();
    ctx.register("airlines", Source::csv("queries/data/airlines.csv")).await.unwrap();
    ctx.register("planes", Source::csv("queries/data/planes.csv")).await.unwrap();
    let (flights, airlines) = (ctx.table("flights").await.unwrap(), ctx.table("airlines").await.unwrap());
    let tables = Tables { flights, airlines, planes: ctx.table("planes").await.unwrap() };
    let mut differences = Vec::new();
    for (sql, call) in PAIRS {
        let by_sql = ctx.sql(sql).await.unwrap().optimized_plan().unwrap();
        let by_calls = match call(&tables) {
            Ok(frame) => frame.optimized_plan().unwrap(),
            Err(error) => panic!("{sql}\n{}", error.report()),
        };
        let plans = [by_sql, by_calls].map(|plan| plan.display_indent_schema().to_string());
        if plans[0] != plans[1] {
            differences.push(format!("{sql}\n{}\nby calls:\n{}", plans[0], plans[1]));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
}
