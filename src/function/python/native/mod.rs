//! Functions of numbers, run in this process: a subset of Python that has no effect beside its result.
//!
//! ```text
//! CREATE FUNCTION ─► worker ─ tree.py ─► JSON ─► tree ─► lower (kinds, bound variables) ─► instructions
//!                             none where the function is outside of the subset               │
//!                                                                                            ▼
//! batch ─────────────────────────────────────────────────────────────────► machine, row by row ─► column
//!                     worker, real Python ◄── the whole batch again ◄── something irregular ◄──┘
//! ```
//!
//! The subset: one `def` with local variables, `int`, `float` and `bool`, arithmetic, comparisons, `and`, `or`, `not`,
//! `if`, `while`, `for … in range(…)`, `abs`, `min`, `max`, `int`, `float`, `bool`. Each variable is of one type and is
//! bound wherever it is read. Results are Python's to the last bit. Where the machine cannot have them, as with integers
//! beyond 64 bits, or where Python raises an error, the worker does the batch: a function of the subset may be run
//! again, and errors, tracebacks and counts are Python's own.

mod code;
mod condition;
mod kind;
mod lower;
mod machine;
mod number;
#[cfg(test)]
mod tests;
mod tree;
mod value;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array};
use datafusion::arrow::buffer::{BooleanBuffer, ScalarBuffer};
use datafusion::arrow::datatypes::{DataType, Float64Type, Int64Type};
use serde_json::Value;

use self::kind::Kind;
use self::lower::{Program, lower};
use self::machine::{Machine, REGISTERS, Registers, Stop};
use super::columns::cast;
use super::worker::too_late;
use super::workers::blocking;
use crate::error::{Error, Result};
use crate::function::call::Environment;

/// A function that runs in this process.
#[derive(Debug)]
pub(super) struct Native {
    program: Program,
    /// How many batches, one after the other, went to Python in the end.
    misses: AtomicU32,
}

/// So many batches in vain, and nothing is tried any more.
const MOST_MISSES: u32 = 8;

/// A batch that took so long in vain is the last one: Python begins anew, and so does its time.
const LONG_MISS: Duration = Duration::from_millis(500);

/// The arguments of a batch.
enum Arguments {
    Bools(BooleanBuffer),
    Ints(ScalarBuffer<i64>),
    Floats(ScalarBuffer<f64>),
}

impl Native {
    /// A function as the worker's answer tells it; none where it is outside of the subset.
    pub(super) fn of(answer: &Value, parameters: &[DataType], returns: &DataType) -> Option<Self> {
        let function = serde_json::from_str(answer["native"].as_str()?).ok()?;
        let parameters = parameters.iter().map(Kind::of).collect::<Option<Vec<_>>>()?;
        let program = lower(&function, parameters, Kind::of(returns)?)?;
        Some(Self { program, misses: AtomicU32::new(0) })
    }

    /// The results of a batch; none where Python is to do it.
    ///
    /// Errors: the query was cancelled; the batch took longer than `function_timeout`.
    pub(super) fn call(
        &self,
        name: &str,
        columns: &[ArrayRef],
        rows: usize,
        returns: &DataType,
        environment: &Environment,
    ) -> Result<Option<ArrayRef>> {
        if self.misses.load(Ordering::Relaxed) >= MOST_MISSES {
            return Ok(None);
        }
        // A NULL here is one that the function is to be called with, as None.
        if columns.len() != self.program.parameters.len()
            || columns.iter().any(|column| column.logical_null_count() > 0)
        {
            return Ok(None);
        }
        let started = Instant::now();
        match blocking(|| self.run(columns, rows, environment)) {
            Ok(results) => {
                let column = cast(&self.column(&results), returns).ok();
                self.count(column.is_none());
                Ok(column)
            }
            Err(Stop::Irregular) => {
                self.count(true);
                if started.elapsed() > LONG_MISS {
                    self.misses.store(MOST_MISSES, Ordering::Relaxed);
                }
                Ok(None)
            }
            Err(Stop::Cancelled) => Err(Error::cancelled()),
            Err(Stop::Late(timeout)) => Err(too_late(name, timeout)),
        }
    }

    fn count(&self, missed: bool) {
        if missed {
            self.misses.fetch_add(1, Ordering::Relaxed);
        } else {
            self.misses.store(0, Ordering::Relaxed);
        }
    }

    fn run(&self, columns: &[ArrayRef], rows: usize, environment: &Environment) -> Result<Vec<Option<u64>>, Stop> {
        let arguments = columns.iter().zip(&self.program.parameters).map(|(column, kind)| arguments(column, *kind));
        let arguments = arguments.collect::<Option<Vec<_>>>().ok_or(Stop::Irregular)?;
        let started = Instant::now();
        let watch = || match environment.settings.timeout {
            _ if environment.scope.is_cancelled() => Err(Stop::Cancelled),
            Some(timeout) if started.elapsed() > timeout => Err(Stop::Late(timeout)),
            _ => Ok(()),
        };
        let registers = self.registers();
        let mut machine = Machine { code: &self.program.code, registers, left: Machine::SLICE, watch: &watch };
        let mut results = Vec::with_capacity(rows);
        for row in 0..rows {
            for (register, column) in (0..=u8::MAX).zip(&arguments) {
                machine.registers.set(register, column.bits(row).ok_or(Stop::Irregular)?);
            }
            results.push(machine.row()?);
        }
        Ok(results)
    }

    fn registers(&self) -> Registers {
        let mut registers = Registers([0; REGISTERS]);
        for (register, constant) in (0..=u8::MAX).rev().zip(&self.program.constants) {
            registers.set(register, *constant);
        }
        registers
    }

    fn column(&self, results: &[Option<u64>]) -> ArrayRef {
        let results = results.iter().copied();
        match self.program.result {
            Kind::Bool => Arc::new(results.map(|bits| bits.map(|bits| bits != 0)).collect::<BooleanArray>()),
            Kind::Int => Arc::new(results.map(|bits| bits.map(|bits| bits as i64)).collect::<Int64Array>()),
            Kind::Float => Arc::new(results.map(|bits| bits.map(f64::from_bits)).collect::<Float64Array>()),
        }
    }
}

/// The values of a column without NULLs; none where one has no room.
fn arguments(column: &ArrayRef, kind: Kind) -> Option<Arguments> {
    let column = cast(column, &kind.column()).ok()?;
    Some(match kind {
        Kind::Bool => Arguments::Bools(column.as_boolean_opt()?.values().clone()),
        Kind::Int => Arguments::Ints(column.as_primitive_opt::<Int64Type>()?.values().clone()),
        Kind::Float => Arguments::Floats(column.as_primitive_opt::<Float64Type>()?.values().clone()),
    })
}

impl Arguments {
    fn bits(&self, row: usize) -> Option<u64> {
        match self {
            Self::Bools(values) => (row < values.len()).then(|| u64::from(values.value(row))),
            Self::Ints(values) => values.get(row).map(|value| *value as u64),
            Self::Floats(values) => values.get(row).map(|value| value.to_bits()),
        }
    }
}
