//! One name of the catalog with its overloads, as the engine's function.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::DataType;
use datafusion::error::Result as EngineResult;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast;

use super::body::BodyFunction;
use super::call::{Call, Environment};
use super::definition::{FunctionDefinition, Language};
use super::origin::site;
use super::signature::{Accepts, choose};
use crate::error::{Error, Result};

/// One function: a signature with a way to compute.
#[derive(Debug)]
pub(crate) struct Overload {
    pub(crate) definition: FunctionDefinition,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) returns: DataType,
    pub(crate) compute: Compute,
}

/// One parameter of an overload.
#[derive(Debug, Clone)]
pub(crate) struct Parameter {
    /// Empty for a closure's.
    pub(crate) name: String,
    pub(crate) accepts: Accepts,
    pub(crate) default: Option<ast::Expr>,
}

/// How an overload computes.
#[derive(Debug, Clone)]
pub(crate) enum Compute {
    /// By whole columns.
    Columns(Arc<dyn Columns>),
    /// By an expression of the engine.
    Body(Arc<BodyFunction>),
    /// From the rows of a group.
    Groups(Arc<dyn super::aggregate::Groups>),
}

/// A function over columns of the parameters' types, of one length.
pub(crate) trait Columns: fmt::Debug + Send + Sync {
    /// The result of every row, of the declared type.
    fn call(&self, call: &Call<'_>) -> Result<ArrayRef>;

    /// Whether its batches are computed in this process.
    fn is_here(&self) -> bool {
        true
    }
}

impl AsRef<Overload> for Overload {
    fn as_ref(&self) -> &Overload {
        self
    }
}

impl Overload {
    /// Whether another could not stand beside it: the same types of parameters.
    pub(super) fn clashes(&self, other: &Self) -> bool {
        let accepts = |overload: &Self| overload.parameters.iter().map(|p| p.accepts.clone()).collect::<Vec<_>>();
        accepts(self) == accepts(other)
    }

    /// Where it runs: in this process, or in processes of Python.
    pub(super) fn runs_in(&self) -> &'static str {
        let python = matches!(self.definition.language, Language::Python | Language::PythonColumns);
        match &self.compute {
            Compute::Columns(function) if !function.is_here() => "Python",
            Compute::Groups(_) if python => "Python",
            _ => "this process",
        }
    }

    pub(super) fn is_aggregate(&self) -> bool {
        matches!(self.compute, Compute::Groups(_))
    }
}

/// All overloads of one name as one function of the engine: a call's types say which is meant.
#[derive(Debug)]
pub(crate) struct Overloads {
    name: String,
    overloads: Vec<Arc<Overload>>,
    signature: Signature,
}

impl Overloads {
    pub(super) fn function(name: &str, overloads: Vec<Arc<Overload>>) -> ScalarUDF {
        let all = overloads.iter().map(|overload| overload.definition.volatility());
        let volatility = all.fold(Volatility::Immutable, |worst, one| if one > worst { one } else { worst });
        let signature = Signature::user_defined(volatility);
        ScalarUDF::new_from_impl(Self { name: name.to_string(), overloads, signature })
    }

    /// The overload for arguments of these types.
    pub(crate) fn choose(&self, types: &[DataType]) -> Result<(&Arc<Overload>, Vec<DataType>)> {
        choose(&self.name, &self.overloads, types)
    }

    fn invoke(&self, args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
        let types: Vec<DataType> = args.arg_fields.iter().map(|field| field.data_type().clone()).collect();
        let (overload, _) = self.choose(&types)?;
        // One call for one set of constants, unless every call is another.
        let constant = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)))
            && overload.definition.volatility() != Volatility::Volatile;
        let rows = if constant { 1 } else { args.number_rows };
        let columns = args.args.iter().map(|arg| arg.to_array(rows)).collect::<EngineResult<Vec<_>>>()?;
        let site = site(&args.return_field);
        let environment = &Environment::of(&args.config_options).within(&overload.definition.limits);
        let call = Call { overload, columns: &columns, rows, site, environment };
        let result = match &overload.compute {
            Compute::Columns(function) => function.call(&call)?,
            Compute::Body(body) => body.call(&call)?,
            Compute::Groups(_) => return Err(Error::internal(format!("{} is an aggregate", self.name))),
        };
        if result.len() != rows || result.data_type() != &overload.returns {
            return Err(Error::internal(format!("{} gave {} of {}", self.name, result.len(), result.data_type())));
        }
        Ok(if constant { ScalarValue::try_from_array(&result, 0)?.into() } else { result.into() })
    }
}

/// Whether `function` is one that a user has made.
pub(crate) fn is_user_function(function: &ScalarUDF) -> bool {
    function.inner().is::<Overloads>()
}

/// Functions are the same when their overloads are: those of a closure are told apart by their place in memory.
impl PartialEq for Overloads {
    fn eq(&self, other: &Self) -> bool {
        let mut pairs = self.overloads.iter().zip(&other.overloads);
        self.overloads.len() == other.overloads.len() && pairs.all(|(a, b)| Arc::ptr_eq(a, b))
    }
}

impl Eq for Overloads {}

impl Hash for Overloads {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.overloads.iter().for_each(|overload| Arc::as_ptr(overload).hash(state));
    }
}

impl ScalarUDFImpl for Overloads {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> EngineResult<DataType> {
        Ok(self.choose(types)?.0.returns.clone())
    }

    fn coerce_types(&self, types: &[DataType]) -> EngineResult<Vec<DataType>> {
        Ok(self.choose(types)?.1)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> EngineResult<ColumnarValue> {
        Ok(self.invoke(&args)?)
    }
}
