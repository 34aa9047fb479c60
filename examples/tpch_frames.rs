//! The 22 queries of TPC-H by frames: `cargo run --release --example tpch_frames`.
//!
//! `queries/tpch/` has the same ones in SQL; a test compares both with the published answers.

use partita::prelude::*;

/// How many queries there are.
pub(crate) const QUERIES: usize = 22;

#[tokio::main]
#[allow(dead_code)]
pub(crate) async fn main() -> partita::Result<()> {
    let ctx = Context::builder().build()?;
    for table in ["customer", "lineitem", "nation", "orders", "part", "partsupp", "region", "supplier"] {
        ctx.register(table, Source::tpch(table, 0.01)).await?;
    }
    let tables = Tables::of(&ctx).await?;
    for number in 1..=QUERIES {
        println!("query {number}");
        tables.query(number)?.show().await?;
    }
    Ok(())
}

/// The eight tables.
pub(crate) struct Tables {
    customer: Frame,
    lineitem: Frame,
    nation: Frame,
    orders: Frame,
    part: Frame,
    partsupp: Frame,
    region: Frame,
    supplier: Frame,
}

/// What a line of an order brings in.
fn revenue() -> Expr {
    col("l_extendedprice") * (1 - col("l_discount"))
}

/// From a day up to another one, without it.
fn in_time(column: &str, first: &str, length: &str) -> partita::Result<Expr> {
    Ok(col(column).gt_eq(date(first)?) & col(column).lt(date(first)? + interval(length)?))
}

impl Tables {
    pub(crate) async fn of(ctx: &Context) -> partita::Result<Self> {
        Ok(Self {
            customer: ctx.table("customer").await?,
            lineitem: ctx.table("lineitem").await?,
            nation: ctx.table("nation").await?,
            orders: ctx.table("orders").await?,
            part: ctx.table("part").await?,
            partsupp: ctx.table("partsupp").await?,
            region: ctx.table("region").await?,
            supplier: ctx.table("supplier").await?,
        })
    }

    /// Query `number`, counted from 1.
    pub(crate) fn query(&self, number: usize) -> partita::Result<Frame> {
        type Query = fn(&Tables) -> partita::Result<Frame>;
        const ALL: [Query; QUERIES] = [
            Tables::pricing_summary,
            Tables::minimum_cost_supplier,
            Tables::shipping_priority,
            Tables::order_priority,
            Tables::local_supplier_volume,
            Tables::revenue_change,
            Tables::volume_shipping,
            Tables::market_share,
            Tables::product_profit,
            Tables::returned_items,
            Tables::important_stock,
            Tables::shipping_modes,
            Tables::customer_distribution,
            Tables::promotion_effect,
            Tables::top_supplier,
            Tables::parts_and_suppliers,
            Tables::small_quantity_orders,
            Tables::large_volume_customers,
            Tables::discounted_revenue,
            Tables::part_promotion,
            Tables::waiting_suppliers,
            Tables::sales_opportunity,
        ];
        match number.checked_sub(1).and_then(|index| ALL.get(index)) {
            Some(query) => query(self),
            None => Err(partita::Error::user(format!("TPC-H has no query {number}"))),
        }
    }

    fn pricing_summary(&self) -> partita::Result<Frame> {
        self.lineitem
            .filter(col("l_shipdate").lt_eq(date("1998-12-01")? - interval("90 days")?))?
            .group_by(["l_returnflag", "l_linestatus"])?
            .agg([
                sum("l_quantity").alias("sum_qty"),
                sum("l_extendedprice").alias("sum_base_price"),
                sum(revenue()).alias("sum_disc_price"),
                sum(revenue() * (1 + col("l_tax"))).alias("sum_charge"),
                mean("l_quantity").alias("avg_qty"),
                mean("l_extendedprice").alias("avg_price"),
                mean("l_discount").alias("avg_disc"),
                count_rows().alias("count_order"),
            ])?
            .sort(["l_returnflag", "l_linestatus"])
    }

    fn minimum_cost_supplier(&self) -> partita::Result<Frame> {
        let offers = self
            .partsupp
            .join(&self.supplier, Join::inner([("ps_suppkey", "s_suppkey")]))?
            .join(&self.nation, Join::inner([("s_nationkey", "n_nationkey")]))?
            .join(&self.region.filter(col("r_name").eq("EUROPE"))?, Join::inner([("n_regionkey", "r_regionkey")]))?;
        let least = offers
            .group_by([col("ps_partkey").alias("least_partkey")])?
            .agg([min("ps_supplycost").alias("least_cost")])?;
        self.part
            .filter(col("p_size").eq(15) & col("p_type").like("%BRASS"))?
            .join(&offers, Join::inner([("p_partkey", "ps_partkey")]))?
            .join(&least, Join::inner([("p_partkey", "least_partkey"), ("ps_supplycost", "least_cost")]))?
            .select(["s_acctbal", "s_name", "n_name", "p_partkey", "p_mfgr", "s_address", "s_phone", "s_comment"])?
            .sort([
                col("s_acctbal").descending(),
                col("n_name").ascending(),
                col("s_name").ascending(),
                col("p_partkey").ascending(),
            ])?
            .limit(100)
    }

    fn shipping_priority(&self) -> partita::Result<Frame> {
        self.customer
            .filter(col("c_mktsegment").eq("BUILDING"))?
            .join(
                &self.orders.filter(col("o_orderdate").lt(date("1995-03-15")?))?,
                Join::inner([("c_custkey", "o_custkey")]),
            )?
            .join(
                &self.lineitem.filter(col("l_shipdate").gt(date("1995-03-15")?))?,
                Join::inner([("o_orderkey", "l_orderkey")]),
            )?
            .group_by(["l_orderkey", "o_orderdate", "o_shippriority"])?
            .agg([sum(revenue()).alias("revenue")])?
            .select(["l_orderkey", "revenue", "o_orderdate", "o_shippriority"])?
            .sort([col("revenue").descending(), col("o_orderdate").ascending()])?
            .limit(10)
    }

    fn order_priority(&self) -> partita::Result<Frame> {
        let late = self.lineitem.filter(col("l_commitdate").lt(col("l_receiptdate")))?;
        self.orders
            .filter(in_time("o_orderdate", "1993-07-01", "3 months")?)?
            .join(&late, Join::semi([("o_orderkey", "l_orderkey")]))?
            .group_by("o_orderpriority")?
            .agg([count_rows().alias("order_count")])?
            .sort("o_orderpriority")
    }

    fn local_supplier_volume(&self) -> partita::Result<Frame> {
        self.customer
            .join(
                &self.orders.filter(in_time("o_orderdate", "1994-01-01", "1 year")?)?,
                Join::inner([("c_custkey", "o_custkey")]),
            )?
            .join(&self.lineitem, Join::inner([("o_orderkey", "l_orderkey")]))?
            .join(&self.supplier, Join::inner([("l_suppkey", "s_suppkey"), ("c_nationkey", "s_nationkey")]))?
            .join(&self.nation, Join::inner([("s_nationkey", "n_nationkey")]))?
            .join(&self.region.filter(col("r_name").eq("ASIA"))?, Join::inner([("n_regionkey", "r_regionkey")]))?
            .group_by("n_name")?
            .agg([sum(revenue()).alias("revenue")])?
            .sort(col("revenue").descending())
    }

    fn revenue_change(&self) -> partita::Result<Frame> {
        self.lineitem
            .filter(in_time("l_shipdate", "1994-01-01", "1 year")?)?
            .filter(col("l_discount").between(0.05, 0.07) & col("l_quantity").lt(24))?
            .agg([sum(col("l_extendedprice") * col("l_discount")).alias("revenue")])
    }

    fn volume_shipping(&self) -> partita::Result<Frame> {
        let nation = |key: &str, name: &str| {
            let named = self.nation.select([col("n_nationkey").alias(key), col("n_name").alias(name)])?;
            named.filter(col(name).is_in(["FRANCE", "GERMANY"]))
        };
        self.lineitem
            .filter(col("l_shipdate").between(date("1995-01-01")?, date("1996-12-31")?))?
            .join(&self.supplier, Join::inner([("l_suppkey", "s_suppkey")]))?
            .join(&self.orders, Join::inner([("l_orderkey", "o_orderkey")]))?
            .join(&self.customer, Join::inner([("o_custkey", "c_custkey")]))?
            .join(&nation("supp_nationkey", "supp_nation")?, Join::inner([("s_nationkey", "supp_nationkey")]))?
            .join(&nation("cust_nationkey", "cust_nation")?, Join::inner([("c_nationkey", "cust_nationkey")]))?
            .filter(col("supp_nation").not_eq(col("cust_nation")))?
            .group_by([col("supp_nation"), col("cust_nation"), col("l_shipdate").dt().year().alias("l_year")])?
            .agg([sum(revenue()).alias("revenue")])?
            .sort(["supp_nation", "cust_nation", "l_year"])
    }

    fn market_share(&self) -> partita::Result<Frame> {
        let sellers = self.nation.select([col("n_nationkey").alias("seller_key"), col("n_name").alias("seller")])?;
        let american = self
            .nation
            .join(&self.region.filter(col("r_name").eq("AMERICA"))?, Join::semi([("n_regionkey", "r_regionkey")]))?;
        self.part
            .filter(col("p_type").eq("ECONOMY ANODIZED STEEL"))?
            .join(&self.lineitem, Join::inner([("p_partkey", "l_partkey")]))?
            .join(&self.supplier, Join::inner([("l_suppkey", "s_suppkey")]))?
            .join(
                &self.orders.filter(col("o_orderdate").between(date("1995-01-01")?, date("1996-12-31")?))?,
                Join::inner([("l_orderkey", "o_orderkey")]),
            )?
            .join(&self.customer, Join::inner([("o_custkey", "c_custkey")]))?
            .join(&american, Join::semi([("c_nationkey", "n_nationkey")]))?
            .join(&sellers, Join::inner([("s_nationkey", "seller_key")]))?
            .with_column("volume", revenue())?
            .group_by([col("o_orderdate").dt().year().alias("o_year")])?
            .agg([(sum(when(col("seller").eq("BRAZIL")).then(col("volume")).otherwise(0)) / sum("volume"))
                .alias("mkt_share")])?
            .sort("o_year")
    }

    fn product_profit(&self) -> partita::Result<Frame> {
        self.part
            .filter(col("p_name").like("%green%"))?
            .join(&self.lineitem, Join::inner([("p_partkey", "l_partkey")]))?
            .join(&self.supplier, Join::inner([("l_suppkey", "s_suppkey")]))?
            .join(&self.partsupp, Join::inner([("l_suppkey", "ps_suppkey"), ("l_partkey", "ps_partkey")]))?
            .join(&self.orders, Join::inner([("l_orderkey", "o_orderkey")]))?
            .join(&self.nation, Join::inner([("s_nationkey", "n_nationkey")]))?
            .with_column("amount", revenue() - col("ps_supplycost") * col("l_quantity"))?
            .group_by([col("n_name").alias("nation"), col("o_orderdate").dt().year().alias("o_year")])?
            .agg([sum("amount").alias("sum_profit")])?
            .sort([col("nation").ascending(), col("o_year").descending()])
    }

    fn returned_items(&self) -> partita::Result<Frame> {
        let who = ["c_custkey", "c_name", "c_acctbal", "c_phone", "n_name", "c_address", "c_comment"];
        self.customer
            .join(
                &self.orders.filter(in_time("o_orderdate", "1993-10-01", "3 months")?)?,
                Join::inner([("c_custkey", "o_custkey")]),
            )?
            .join(&self.lineitem.filter(col("l_returnflag").eq("R"))?, Join::inner([("o_orderkey", "l_orderkey")]))?
            .join(&self.nation, Join::inner([("c_nationkey", "n_nationkey")]))?
            .group_by(who)?
            .agg([sum(revenue()).alias("revenue")])?
            .select(["c_custkey", "c_name", "revenue", "c_acctbal", "n_name", "c_address", "c_phone", "c_comment"])?
            .sort(col("revenue").descending())?
            .limit(20)
    }

    fn important_stock(&self) -> partita::Result<Frame> {
        let value = || sum(col("ps_supplycost") * col("ps_availqty"));
        let german = self
            .partsupp
            .join(&self.supplier, Join::inner([("ps_suppkey", "s_suppkey")]))?
            .join(&self.nation.filter(col("n_name").eq("GERMANY"))?, Join::inner([("s_nationkey", "n_nationkey")]))?;
        let least = german.agg([(value() * 0.0001).alias("least")])?.scalar()?;
        german
            .group_by("ps_partkey")?
            .agg([value().alias("value")])?
            .filter(col("value").gt(least))?
            .sort(col("value").descending())
    }

    fn shipping_modes(&self) -> partita::Result<Frame> {
        let urgent = || col("o_orderpriority").is_in(["1-URGENT", "2-HIGH"]);
        self.lineitem
            .filter(col("l_shipmode").is_in(["MAIL", "SHIP"]))?
            .filter(col("l_commitdate").lt(col("l_receiptdate")) & col("l_shipdate").lt(col("l_commitdate")))?
            .filter(in_time("l_receiptdate", "1994-01-01", "1 year")?)?
            .join(&self.orders, Join::inner([("l_orderkey", "o_orderkey")]))?
            .group_by("l_shipmode")?
            .agg([
                sum(when(urgent()).then(1).otherwise(0)).alias("high_line_count"),
                sum(when(!urgent()).then(1).otherwise(0)).alias("low_line_count"),
            ])?
            .sort("l_shipmode")
    }

    fn customer_distribution(&self) -> partita::Result<Frame> {
        let orders = self.orders.filter(!col("o_comment").like("%special%requests%"))?;
        self.customer
            .join(&orders, Join::left([("c_custkey", "o_custkey")]))?
            .group_by("c_custkey")?
            .agg([count("o_orderkey").alias("c_count")])?
            .group_by("c_count")?
            .agg([count_rows().alias("custdist")])?
            .sort([col("custdist").descending(), col("c_count").descending()])
    }

    fn promotion_effect(&self) -> partita::Result<Frame> {
        let promoted = sum(when(col("p_type").like("PROMO%")).then(revenue()).otherwise(0));
        self.lineitem
            .filter(in_time("l_shipdate", "1995-09-01", "1 month")?)?
            .join(&self.part, Join::inner([("l_partkey", "p_partkey")]))?
            .agg([(100.0 * promoted / sum(revenue())).alias("promo_revenue")])
    }

    fn top_supplier(&self) -> partita::Result<Frame> {
        let revenues = self
            .lineitem
            .filter(in_time("l_shipdate", "1996-01-01", "3 months")?)?
            .group_by([col("l_suppkey").alias("supplier_no")])?
            .agg([sum(revenue()).alias("total_revenue")])?;
        let most = revenues.agg([max("total_revenue")])?.scalar()?;
        self.supplier
            .join(&revenues.filter(col("total_revenue").eq(most))?, Join::inner([("s_suppkey", "supplier_no")]))?
            .select(["s_suppkey", "s_name", "s_address", "s_phone", "total_revenue"])?
            .sort("s_suppkey")
    }

    fn parts_and_suppliers(&self) -> partita::Result<Frame> {
        let complaints = self.supplier.filter(col("s_comment").like("%Customer%Complaints%"))?.select(["s_suppkey"])?;
        self.partsupp
            .join(&self.part, Join::inner([("ps_partkey", "p_partkey")]))?
            .filter(col("p_brand").not_eq("Brand#45") & !col("p_type").like("MEDIUM POLISHED%"))?
            .filter(col("p_size").is_in([49, 14, 23, 45, 19, 3, 36, 9]))?
            .filter(!col("ps_suppkey").is_in_frame(&complaints))?
            .group_by(["p_brand", "p_type", "p_size"])?
            .agg([count_distinct("ps_suppkey").alias("supplier_cnt")])?
            .sort([
                col("supplier_cnt").descending(),
                col("p_brand").ascending(),
                col("p_type").ascending(),
                col("p_size").ascending(),
            ])
    }

    fn small_quantity_orders(&self) -> partita::Result<Frame> {
        let small = self
            .lineitem
            .group_by([col("l_partkey").alias("small_partkey")])?
            .agg([(0.2 * mean("l_quantity")).alias("small")])?;
        self.part
            .filter(col("p_brand").eq("Brand#23") & col("p_container").eq("MED BOX"))?
            .join(&self.lineitem, Join::inner([("p_partkey", "l_partkey")]))?
            .join(&small, Join::inner([("p_partkey", "small_partkey")]))?
            .filter(col("l_quantity").lt(col("small")))?
            .agg([(sum("l_extendedprice") / 7.0).alias("avg_yearly")])
    }

    fn large_volume_customers(&self) -> partita::Result<Frame> {
        let large = self
            .lineitem
            .group_by("l_orderkey")?
            .agg([sum("l_quantity").alias("pieces")])?
            .filter(col("pieces").gt(300))?;
        self.customer
            .join(&self.orders, Join::inner([("c_custkey", "o_custkey")]))?
            .join(&large, Join::semi([("o_orderkey", "l_orderkey")]))?
            .join(&self.lineitem, Join::inner([("o_orderkey", "l_orderkey")]))?
            .group_by(["c_name", "c_custkey", "o_orderkey", "o_orderdate", "o_totalprice"])?
            .agg([sum("l_quantity").alias("sum_qty")])?
            .sort([col("o_totalprice").descending(), col("o_orderdate").ascending()])?
            .limit(100)
    }

    fn discounted_revenue(&self) -> partita::Result<Frame> {
        let kind = |brand: &str, containers: [&str; 4], quantity: i64, size: i64| {
            col("p_brand").eq(brand)
                & col("p_container").is_in(containers)
                & col("l_quantity").between(quantity, quantity + 10)
                & col("p_size").between(1, size)
        };
        self.lineitem
            .filter(col("l_shipmode").is_in(["AIR", "AIR REG"]) & col("l_shipinstruct").eq("DELIVER IN PERSON"))?
            .join(&self.part, Join::inner([("l_partkey", "p_partkey")]))?
            .filter(
                kind("Brand#12", ["SM CASE", "SM BOX", "SM PACK", "SM PKG"], 1, 5)
                    | kind("Brand#23", ["MED BAG", "MED BOX", "MED PKG", "MED PACK"], 10, 10)
                    | kind("Brand#34", ["LG CASE", "LG BOX", "LG PACK", "LG PKG"], 20, 15),
            )?
            .agg([sum(revenue()).alias("revenue")])
    }

    fn part_promotion(&self) -> partita::Result<Frame> {
        let half = self
            .lineitem
            .filter(in_time("l_shipdate", "1994-01-01", "1 year")?)?
            .group_by(["l_partkey", "l_suppkey"])?
            .agg([(0.5 * sum("l_quantity")).alias("half_of_sold")])?;
        let in_stock = self
            .partsupp
            .join(&self.part.filter(col("p_name").like("forest%"))?, Join::semi([("ps_partkey", "p_partkey")]))?
            .join(&half, Join::inner([("ps_partkey", "l_partkey"), ("ps_suppkey", "l_suppkey")]))?
            .filter(col("ps_availqty").gt(col("half_of_sold")))?;
        self.supplier
            .join(&in_stock, Join::semi([("s_suppkey", "ps_suppkey")]))?
            .join(&self.nation.filter(col("n_name").eq("CANADA"))?, Join::inner([("s_nationkey", "n_nationkey")]))?
            .select(["s_name", "s_address"])?
            .sort("s_name")
    }

    fn waiting_suppliers(&self) -> partita::Result<Frame> {
        let late = self.lineitem.filter(col("l_receiptdate").gt(col("l_commitdate")))?;
        let of_another =
            || col("l_orderkey").eq(col("l_orderkey_right")) & col("l_suppkey").not_eq(col("l_suppkey_right"));
        late.join(&self.supplier, Join::inner([("l_suppkey", "s_suppkey")]))?
            .join(&self.orders.filter(col("o_orderstatus").eq("F"))?, Join::inner([("l_orderkey", "o_orderkey")]))?
            .join(
                &self.nation.filter(col("n_name").eq("SAUDI ARABIA"))?,
                Join::inner([("s_nationkey", "n_nationkey")]),
            )?
            .join(&self.lineitem, Join::semi(of_another()))?
            .join(&late, Join::anti(of_another()))?
            .group_by("s_name")?
            .agg([count_rows().alias("numwait")])?
            .sort([col("numwait").descending(), col("s_name").ascending()])?
            .limit(100)
    }

    fn sales_opportunity(&self) -> partita::Result<Frame> {
        let callers = self
            .customer
            .with_column("cntrycode", col("c_phone").str().slice(0, 2))?
            .filter(col("cntrycode").is_in(["13", "31", "23", "29", "30", "18", "17"]))?;
        let usual = callers.filter(col("c_acctbal").gt(0.0))?.agg([mean("c_acctbal")])?.scalar()?;
        callers
            .filter(col("c_acctbal").gt(usual))?
            .join(&self.orders, Join::anti([("c_custkey", "o_custkey")]))?
            .group_by("cntrycode")?
            .agg([count_rows().alias("numcust"), sum("c_acctbal").alias("totacctbal")])?
            .sort("cntrycode")
    }
}
