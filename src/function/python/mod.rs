//! Functions in Python.
use super::definition::FunctionDefinition;
use super::overload::{Overload, Parameter};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::memory::Memory;
use datafusion::arrow::datatypes::DataType;
use std::sync::Arc;
/// W
pub(crate) struct Workers;
impl Workers {
    pub(crate) fn new(_: usize, _: &Arc<Memory>) -> Arc<Self> {
        Arc::new(Self)
    }
}
pub(super) async fn compile(_: FunctionDefinition, _: Vec<Parameter>, _: DataType, _: &Context) -> Result<Overload> {
    Err(Error::user("no"))
}
