//! The condition that takes a sample.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::hash_utils::{RandomState, create_hashes};
use datafusion::common::{Result as EngineResult, internal_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr as Engine, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::error::{Error, Result};

/// Errors: a fraction that is no share.
pub(super) fn check_fraction(fraction: f64) -> Result<()> {
    if (0.0..=1.0).contains(&fraction) {
        return Ok(());
    }
    Err(Error::user(format!("a sample of {fraction} is none")).with_hint("a fraction is between 0.0 and 1.0"))
}

/// True for the share `fraction` of all rows with different values.
pub(super) fn is_sampled(columns: Vec<Engine>, fraction: f64, seed: u64) -> Engine {
    // Of the 2^64 hashes those below the limit are taken: all of them for 1.
    let limit = (fraction < 1.0).then(|| (fraction * 2f64.powi(64)) as u64);
    ScalarUDF::from(IsSampled { limit, seed, signature: Signature::variadic_any(Volatility::Immutable) }).call(columns)
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct IsSampled {
    limit: Option<u64>,
    seed: u64,
    signature: Signature,
}

impl ScalarUDFImpl for IsSampled {
    fn name(&self) -> &str {
        "is_sampled"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> EngineResult<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> EngineResult<ColumnarValue> {
        let rows = args.number_rows;
        let arrays: Vec<ArrayRef> =
            args.args.into_iter().map(|arg| arg.into_array(rows)).collect::<EngineResult<_>>()?;
        if arrays.iter().any(|array| array.len() != rows) {
            return internal_err!("a sample is taken of columns that differ in length");
        }
        let mut hashes = vec![0; rows];
        create_hashes(&arrays, &RandomState::with_seed(self.seed), &mut hashes)?;
        let taken = |hash: &u64| self.limit.is_none_or(|limit| mixed(*hash ^ self.seed) < limit);
        Ok(ColumnarValue::Array(Arc::new(hashes.iter().map(taken).map(Some).collect::<BooleanArray>())))
    }
}

/// All bits of a hash in all bits of the result (the finalizer of SplitMix64): its high bits alone are compared.
fn mixed(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}
