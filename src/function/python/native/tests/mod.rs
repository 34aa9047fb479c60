//! Functions run both ways: the machine's results are Python's. And what is no function of the subset.

mod author;

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array};
use datafusion::arrow::datatypes::{DataType, Float64Type};
use serde_json::json;

use self::author::Author;
use super::Native;
use crate::context::Context;
use crate::function::call::Environment;
use crate::function::python::decode::Reply;
use crate::function::python::function::write_plain;
use crate::function::python::kind::told;
use crate::function::python::workers::Load;

const INTS: [i64; 16] =
    [0, 1, -1, 2, 3, 7, -12, 100, 63, 64, i64::MAX, i64::MIN, (1 << 53) - 1, 1 << 53, (1 << 53) + 1, -(1 << 53) - 1];
const FLOATS: [f64; 16] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    -2.5,
    3.0,
    0.1,
    1e300,
    -1e-300,
    9_007_199_254_740_993.0,
    9.3e18,
    -9.2e18,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
];

/// Rows of arguments: special numbers, and others.
fn arguments() -> Vec<ArrayRef> {
    let rows = 96;
    let int = |row: usize| if row.is_multiple_of(2) { INTS[row / 2 % 16] } else { row as i64 - 30 };
    let float =
        |row: usize| if row.is_multiple_of(3) { FLOATS[(row * 5 + row / 16) % 16] } else { row as f64 / 4.0 - 9.0 };
    vec![
        Arc::new((0..rows).map(int).map(Some).collect::<Int64Array>()),
        Arc::new((0..rows).map(float).map(Some).collect::<Float64Array>()),
        Arc::new((0..rows).map(|row| row % 3 == 0).map(Some).collect::<BooleanArray>()),
    ]
}

/// The values with all NaN alike: their bits are the processor's choice.
fn texts(column: &ArrayRef) -> Vec<String> {
    let value = |row: usize| match column.data_type() {
        _ if column.is_null(row) => "NULL".to_string(),
        DataType::Float64 => format!("{:?}", column.as_primitive::<Float64Type>().value(row)),
        _ => datafusion::arrow::util::display::array_value_to_string(column, row).unwrap(),
    };
    (0..column.len()).map(value).collect()
}

/// A function in a worker and, where it is inside of the subset, here.
fn made(ctx: &Context, id: &str, body: &str, returns: &DataType) -> (Load, Option<Native>) {
    let types = [DataType::Int64, DataType::Float64, DataType::Boolean];
    let header = json!({
        "operation": "load", "id": id, "name": "f", "language": "python", "body": body,
        "parameters": types.iter().map(told).collect::<Vec<_>>(), "returns": told(returns),
    });
    let load = Load { id: id.to_string(), name: "f".to_string(), header };
    let (answer, _) = ctx.workers().ask(&load, &load.header, &[], &Environment::default()).unwrap();
    assert!(answer.get("error").is_none(), "{answer}\n{body}");
    let native = Native::of(&answer, &types, returns);
    (load, native)
}

/// What both ways make of a body, row by row: the machine's, where it has one, and Python's, NULL where it fails.
fn both(ctx: &Context, id: &str, body: &str, returns: &DataType) -> Option<(Vec<Option<String>>, Vec<String>)> {
    let (columns, environment) = (arguments(), Environment::default());
    let (load, native) = made(ctx, id, body, returns);
    let native = native?;
    let rows = columns[0].len();
    let alone = |row: usize| {
        let columns: Vec<ArrayRef> = columns.iter().map(|column| column.slice(row, 1)).collect();
        native.misses.store(0, std::sync::atomic::Ordering::Relaxed);
        native.call("f", &columns, 1, returns, &environment).unwrap().map(|column| texts(&column).remove(0))
    };
    let ours = (0..rows).map(alone).collect();
    let header = json!({ "operation": "rows", "id": id, "rows": rows, "lenient": true });
    let (answer, data) = ctx.workers().ask(&load, &header, &write_plain(&columns).unwrap(), &environment).unwrap();
    assert!(answer.get("error").is_none(), "{answer}\n{body}");
    Some((ours, texts(&Reply(&data).column(returns, rows).unwrap())))
}

#[test]
fn what_dice_write_gives_what_python_gives() {
    let ctx = Context::builder().threads(1).build().unwrap();
    let (mut inside, mut rows, mut regular) = (0, 0, 0);
    for seed in 1..=1500 {
        let (body, kind) = Author::function(seed);
        let Some((ours, theirs)) = both(&ctx, &format!("{seed}"), &body, &kind.column()) else {
            panic!("outside of the subset: {seed}\n{body}");
        };
        inside += 1;
        for (row, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
            rows += 1;
            if let Some(ours) = ours {
                regular += 1;
                assert_eq!(ours, theirs, "row {row}, seed {seed}\n{body}");
            }
        }
    }
    println!("{inside} functions, {regular} of {rows} rows natively");
    assert!(regular * 3 > rows, "{regular} of {rows}");
}

#[test]
fn what_is_outside_of_the_subset() {
    let ctx = Context::builder().threads(1).build().unwrap();
    let inside = |body: &str| made(&ctx, body, body, &DataType::Int64).1.is_some();
    let body = |lines: &str| format!("def f(i, x, p):\n    {lines}");
    for lines in [
        "return i ** 2",
        "return x",
        "i = x\n    return i",
        "k = 1 if p else 1.5\n    return i",
        "if p: k = 1\n    return k",
        "for k in range(3): pass\n    return k",
        "while p: k = 1; break\n    return k",
        "while True:\n        if p: break\n        k = 1\n    return k",
        "del i\n    return i",
        "abs = i\n    return abs(i)",
        "return abs",
        "return min(i, x)",
        "return min(i)",
        "return max(i, 2, key=abs)",
        "return int()",
        "return i and x",
        "return i & x",
        "return len(str(i))",
        "return 9223372036854775808",
        "while p: i = 1\n    else: i = 2\n    return i",
        "i = yield i",
        "if i < 0:\n        k: (yield) = 1\n    return i",
        "return (lambda: i)()",
        "return [k for k in range(i)]",
        "global k\n    k = i\n    return k",
        "import math\n    return i",
        "a, *b = i, i\n    return a",
        "return (k := i)",
        "for k in (1, 2): i += k\n    return i",
        "for k in range(x): pass\n    return i",
        &format!("return {}i{}", "(-".repeat(80), ")".repeat(80)),
        &format!("return i{}", (0..300).map(|number| format!(" + {number}")).collect::<String>()),
    ] {
        assert!(!inside(&body(lines)), "{lines}");
    }
    for whole in [
        "K = 1\ndef f(i, x, p): return i",
        "def f(i, x, p=True): return i",
        "def f(i, *x): return i",
        "def f(i: exec('abs = len', globals()), x, p): return abs(i)",
        "def f(i, x, p) -> globals().update(abs=len): return abs(i)",
        "def g(f): return f\n@g\ndef f(i, x, p): return i",
        "f = lambda i, x, p: i",
        "async def f(i, x, p): return i",
    ] {
        assert!(!inside(whole), "{whole}");
    }
    for lines in
        ["return i", "'text'\n    return", "k: int = i\n    return p if k else i > 3", "i = j = 2\n    return j"]
    {
        assert!(inside(&body(lines)), "{lines}");
    }
    let sum = (0..200).map(|number| format!("\n    i = i * {number} + i // {number}")).collect::<String>();
    assert!(inside(&body(&format!("k = 1{sum}\n    return i"))), "temporary values are given back");
}
