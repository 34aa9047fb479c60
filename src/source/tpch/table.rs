//! One table of TPC-H at one scale.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::error::Result as EngineResult;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use tpchgen::generators::{CustomerGenerator, OrderGenerator, PartGenerator, PartSuppGenerator, SupplierGenerator};

use super::columns;
use super::scan::TpchScan;
use crate::error::{Error, Result};

/// The scales that make sense: below, tables are empty and keys point nowhere.
const SCALES: std::ops::RangeInclusive<f64> = 0.001..=100_000.0;

/// Rows of lineitem at scale 1; its orders have from one to seven lines at random.
const LINES: f64 = 6_001_215.0;

/// The eight tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    Customer,
    Lineitem,
    Nation,
    Orders,
    Part,
    Partsupp,
    Region,
    Supplier,
}

impl Name {
    const ALL: [(&'static str, Name); 8] = [
        ("customer", Name::Customer),
        ("lineitem", Name::Lineitem),
        ("nation", Name::Nation),
        ("orders", Name::Orders),
        ("part", Name::Part),
        ("partsupp", Name::Partsupp),
        ("region", Name::Region),
        ("supplier", Name::Supplier),
    ];

    fn parse(name: &str) -> Result<Self> {
        let lower = name.to_ascii_lowercase();
        if let Some((_, table)) = Self::ALL.into_iter().find(|(known, _)| *known == lower) {
            return Ok(table);
        }
        let names = Self::ALL.map(|(known, _)| known);
        let error = Error::user(format!("TPC-H has no table '{name}'"));
        Err(error.did_you_mean(&lower, names, format!("its tables are {}", names.join(", "))))
    }
}

/// A table of TPC-H, in as many parts as are asked for.
#[derive(Debug)]
pub(crate) struct Tpch {
    name: Name,
    scale: f64,
    schema: SchemaRef,
}

impl Tpch {
    /// Errors: an unknown table, a scale that is not between 0.001 and 100,000.
    pub(crate) fn new(table: &str, scale: f64) -> Result<Self> {
        let name = Name::parse(table)?;
        if !SCALES.contains(&scale) {
            return Err(Error::user(format!("TPC-H is generated at scales from 0.001 to 100000, not at {scale}")));
        }
        Ok(Self { name, scale, schema: columns::schema(name) })
    }
}

/// How many rows a part of the table has; `part` counts from 1.
pub(super) fn rows(name: Name, scale: f64, part: usize, parts: usize) -> Precision<usize> {
    let (part_number, parts_number) = (part as i32, parts as i32);
    let rows = match name {
        Name::Nation => 25,
        Name::Region => 5,
        Name::Customer => CustomerGenerator::calculate_row_count(scale, part_number, parts_number),
        Name::Orders => OrderGenerator::calculate_row_count(scale, part_number, parts_number),
        Name::Part => PartGenerator::calculate_row_count(scale, part_number, parts_number),
        // The generator counts parts, each of which has four suppliers.
        Name::Partsupp => 4 * PartSuppGenerator::calculate_row_count(scale, part_number, parts_number),
        Name::Supplier => SupplierGenerator::calculate_row_count(scale, part_number, parts_number),
        Name::Lineitem => return Precision::Inexact((LINES * scale / parts as f64) as usize),
    };
    Precision::Exact(rows as usize)
}

#[async_trait]
impl TableProvider for Tpch {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> EngineResult<Arc<dyn ExecutionPlan>> {
        let parts = match self.name {
            Name::Nation | Name::Region => 1,
            _ => state.config().target_partitions(),
        };
        let all = || (0..self.schema.fields().len()).collect();
        let projection = projection.cloned().unwrap_or_else(all);
        Ok(Arc::new(TpchScan::new(self.name, self.scale, parts, &self.schema, projection, limit)?))
    }
}
