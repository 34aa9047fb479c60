//! The columns of the tables, from the generator's rows to arrays. Only columns that are asked for are made.

use std::fmt::{Display, Write};
use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{
    ArrayRef, Date32Array, Decimal128Array, Int32Array, Int64Array, RecordBatch, RecordBatchOptions, StringViewArray,
    StringViewBuilder,
};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;
use datafusion::error::Result;
use tpchgen::distribution::Distributions;
use tpchgen::generators::{
    Customer, CustomerGenerator, LineItem, LineItemGenerator, Nation, NationGenerator, Order, OrderGenerator,
    Part as PartRow, PartGenerator, PartSupp, PartSuppGenerator, Region, RegionGenerator, Supplier, SupplierGenerator,
};
use tpchgen::text::TextPool;

use super::table::Name;

/// One part of a table; `part` counts from 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    pub(super) scale: f64,
    pub(super) part: i32,
    pub(super) parts: i32,
}

/// A column of rows of type `R`.
struct Column<R> {
    name: &'static str,
    value: Value<R>,
}

/// How a column's value is taken from a row.
enum Value<R> {
    Int64(fn(&R) -> i64),
    Int32(fn(&R) -> i32),
    /// Hundredths.
    Decimal(fn(&R) -> i64),
    /// Days since 1970.
    Date(fn(&R) -> i32),
    Text(for<'r> fn(&'r R) -> &'r str),
    /// Text that the generator writes rather than holds.
    Written(for<'r> fn(&'r R) -> &'r dyn Display),
}

const DECIMAL: (u8, i8) = (15, 2);

impl<R> Column<R> {
    fn field(&self) -> Field {
        let data_type = match self.value {
            Value::Int64(_) => DataType::Int64,
            Value::Int32(_) => DataType::Int32,
            Value::Decimal(_) => DataType::Decimal128(DECIMAL.0, DECIMAL.1),
            Value::Date(_) => DataType::Date32,
            Value::Text(_) | Value::Written(_) => DataType::Utf8View,
        };
        Field::new(self.name, data_type, false)
    }

    fn array(&self, rows: &[R]) -> Result<ArrayRef, ArrowError> {
        let rows = rows.iter();
        Ok(match self.value {
            Value::Int64(value) => Arc::new(Int64Array::from_iter_values(rows.map(value))),
            Value::Int32(value) => Arc::new(Int32Array::from_iter_values(rows.map(value))),
            Value::Date(value) => Arc::new(Date32Array::from_iter_values(rows.map(value))),
            Value::Text(value) => Arc::new(StringViewArray::from_iter_values(rows.map(value))),
            Value::Decimal(value) => {
                let hundredths = rows.map(|row| i128::from(value(row)));
                Arc::new(Decimal128Array::from_iter_values(hundredths).with_precision_and_scale(DECIMAL.0, DECIMAL.1)?)
            }
            Value::Written(value) => {
                let (mut text, mut array) = (String::new(), StringViewBuilder::with_capacity(rows.len()));
                for row in rows {
                    text.clear();
                    write!(text, "{}", value(row)).map_err(|error| ArrowError::ExternalError(Box::new(error)))?;
                    array.append_value(&text);
                }
                Arc::new(array.finish())
            }
        })
    }
}

fn int64<R>(name: &'static str, value: fn(&R) -> i64) -> Column<R> {
    Column { name, value: Value::Int64(value) }
}

fn int32<R>(name: &'static str, value: fn(&R) -> i32) -> Column<R> {
    Column { name, value: Value::Int32(value) }
}

fn decimal<R>(name: &'static str, value: fn(&R) -> i64) -> Column<R> {
    Column { name, value: Value::Decimal(value) }
}

fn date<R>(name: &'static str, value: fn(&R) -> i32) -> Column<R> {
    Column { name, value: Value::Date(value) }
}

fn text<R>(name: &'static str, value: for<'r> fn(&'r R) -> &'r str) -> Column<R> {
    Column { name, value: Value::Text(value) }
}

fn written<R>(name: &'static str, value: for<'r> fn(&'r R) -> &'r dyn Display) -> Column<R> {
    Column { name, value: Value::Written(value) }
}

fn customer() -> Vec<Column<Customer<'static>>> {
    vec![
        int64("c_custkey", |row| row.c_custkey),
        written("c_name", |row| &row.c_name),
        written("c_address", |row| &row.c_address),
        int64("c_nationkey", |row| row.c_nationkey),
        written("c_phone", |row| &row.c_phone),
        decimal("c_acctbal", |row| row.c_acctbal.into_inner()),
        text("c_mktsegment", |row| row.c_mktsegment),
        text("c_comment", |row| row.c_comment),
    ]
}

fn lineitem() -> Vec<Column<LineItem<'static>>> {
    vec![
        int64("l_orderkey", |row| row.l_orderkey),
        int64("l_partkey", |row| row.l_partkey),
        int64("l_suppkey", |row| row.l_suppkey),
        int32("l_linenumber", |row| row.l_linenumber),
        decimal("l_quantity", |row| row.l_quantity * 100),
        decimal("l_extendedprice", |row| row.l_extendedprice.into_inner()),
        decimal("l_discount", |row| row.l_discount.into_inner()),
        decimal("l_tax", |row| row.l_tax.into_inner()),
        text("l_returnflag", |row| row.l_returnflag),
        text("l_linestatus", |row| row.l_linestatus),
        date("l_shipdate", |row| row.l_shipdate.to_unix_epoch()),
        date("l_commitdate", |row| row.l_commitdate.to_unix_epoch()),
        date("l_receiptdate", |row| row.l_receiptdate.to_unix_epoch()),
        text("l_shipinstruct", |row| row.l_shipinstruct),
        text("l_shipmode", |row| row.l_shipmode),
        text("l_comment", |row| row.l_comment),
    ]
}

fn nation() -> Vec<Column<Nation<'static>>> {
    vec![
        int64("n_nationkey", |row| row.n_nationkey),
        text("n_name", |row| row.n_name),
        int64("n_regionkey", |row| row.n_regionkey),
        text("n_comment", |row| row.n_comment),
    ]
}

fn orders() -> Vec<Column<Order<'static>>> {
    vec![
        int64("o_orderkey", |row| row.o_orderkey),
        int64("o_custkey", |row| row.o_custkey),
        text("o_orderstatus", |row| row.o_orderstatus.as_str()),
        decimal("o_totalprice", |row| row.o_totalprice.into_inner()),
        date("o_orderdate", |row| row.o_orderdate.to_unix_epoch()),
        text("o_orderpriority", |row| row.o_orderpriority),
        written("o_clerk", |row| &row.o_clerk),
        int32("o_shippriority", |row| row.o_shippriority),
        text("o_comment", |row| row.o_comment),
    ]
}

fn part() -> Vec<Column<PartRow<'static>>> {
    vec![
        int64("p_partkey", |row| row.p_partkey),
        written("p_name", |row| &row.p_name),
        written("p_mfgr", |row| &row.p_mfgr),
        written("p_brand", |row| &row.p_brand),
        text("p_type", |row| row.p_type),
        int32("p_size", |row| row.p_size),
        text("p_container", |row| row.p_container),
        decimal("p_retailprice", |row| row.p_retailprice.into_inner()),
        text("p_comment", |row| row.p_comment),
    ]
}

fn partsupp() -> Vec<Column<PartSupp<'static>>> {
    vec![
        int64("ps_partkey", |row| row.ps_partkey),
        int64("ps_suppkey", |row| row.ps_suppkey),
        int32("ps_availqty", |row| row.ps_availqty),
        decimal("ps_supplycost", |row| row.ps_supplycost.into_inner()),
        text("ps_comment", |row| row.ps_comment),
    ]
}

fn region() -> Vec<Column<Region<'static>>> {
    vec![
        int64("r_regionkey", |row| row.r_regionkey),
        text("r_name", |row| row.r_name),
        text("r_comment", |row| row.r_comment),
    ]
}

fn supplier() -> Vec<Column<Supplier>> {
    vec![
        int64("s_suppkey", |row| row.s_suppkey),
        written("s_name", |row| &row.s_name),
        written("s_address", |row| &row.s_address),
        int64("s_nationkey", |row| row.s_nationkey),
        written("s_phone", |row| &row.s_phone),
        decimal("s_acctbal", |row| row.s_acctbal.into_inner()),
        text("s_comment", |row| &row.s_comment),
    ]
}

/// The columns of a table.
pub(super) fn schema(name: Name) -> SchemaRef {
    fn of<R>(columns: Vec<Column<R>>) -> SchemaRef {
        Arc::new(Schema::new(columns.iter().map(Column::field).collect::<Vec<_>>()))
    }
    match name {
        Name::Customer => of(customer()),
        Name::Lineitem => of(lineitem()),
        Name::Nation => of(nation()),
        Name::Orders => of(orders()),
        Name::Part => of(part()),
        Name::Partsupp => of(partsupp()),
        Name::Region => of(region()),
        Name::Supplier => of(supplier()),
    }
}

type Batches = Box<dyn Iterator<Item = Result<RecordBatch>> + Send>;

/// The columns of `projection`, whose schema is `schema`, of one part of a table.
pub(super) fn batches(name: Name, part: Part, projection: &[usize], schema: SchemaRef, batch_size: usize) -> Batches {
    let Part { scale, part: number, parts } = part;
    let words = Distributions::static_default();
    let pool = text_pool(&schema);
    macro_rules! generated {
        ($generator:ident, $columns:expr) => {{
            let rows = $generator::new_with_distributions_and_text_pool(scale, number, parts, words, pool).iter();
            batched(rows, projected($columns, projection), schema, batch_size)
        }};
    }
    match name {
        Name::Customer => generated!(CustomerGenerator, customer()),
        Name::Lineitem => generated!(LineItemGenerator, lineitem()),
        Name::Orders => generated!(OrderGenerator, orders()),
        Name::Part => generated!(PartGenerator, self::part()),
        Name::Supplier => generated!(SupplierGenerator, supplier()),
        Name::Partsupp => {
            let rows = PartSuppGenerator::new_with_text_pool(scale, number, parts, pool).iter();
            batched(rows, projected(partsupp(), projection), schema, batch_size)
        }
        Name::Nation => {
            batched(NationGenerator::new(scale, 1, 1).iter(), projected(nation(), projection), schema, batch_size)
        }
        Name::Region => {
            batched(RegionGenerator::new(scale, 1, 1).iter(), projected(region(), projection), schema, batch_size)
        }
    }
}

/// The text that comments are cut from: 300 MB for the standard's own, which is made only where a comment is asked
/// for. Other columns do not depend on it.
fn text_pool(schema: &Schema) -> &'static TextPool {
    static UNREAD: LazyLock<TextPool> = LazyLock::new(|| TextPool::new(1 << 16, Distributions::static_default()));
    match schema.fields().iter().any(|field| field.name().ends_with("_comment")) {
        true => TextPool::get_or_init_default(),
        false => &UNREAD,
    }
}

fn projected<R>(columns: Vec<Column<R>>, projection: &[usize]) -> Vec<Column<R>> {
    let mut columns: Vec<Option<Column<R>>> = columns.into_iter().map(Some).collect();
    projection.iter().filter_map(|at| columns.get_mut(*at)?.take()).collect()
}

fn batched<R: Send + 'static>(
    mut rows: impl Iterator<Item = R> + Send + 'static,
    columns: Vec<Column<R>>,
    schema: SchemaRef,
    batch_size: usize,
) -> Batches {
    let mut held = Vec::with_capacity(batch_size);
    Box::new(std::iter::from_fn(move || {
        held.clear();
        held.extend(rows.by_ref().take(batch_size));
        (!held.is_empty()).then(|| {
            let arrays = columns.iter().map(|column| column.array(&held)).collect::<Result<Vec<_>, _>>()?;
            let options = RecordBatchOptions::new().with_row_count(Some(held.len()));
            Ok(RecordBatch::try_new_with_options(Arc::clone(&schema), arrays, &options)?)
        })
    }))
}
