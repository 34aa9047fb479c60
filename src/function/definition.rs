//! What of a function is plain data.

use std::fmt;

use datafusion::logical_expr::Volatility;
use serde::{Deserialize, Serialize};

/// A function as plain data: it can be listed, written to a file, and handed to another program that makes the same
/// function of it.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// let ctx = partita::Context::builder().build()?;
/// ctx.sql("CREATE FUNCTION area(width DOUBLE, height DOUBLE DEFAULT 1) RETURNS DOUBLE RETURN width * height").await?;
/// let area = &ctx.functions()[0];
/// assert_eq!(area.signature(), "area(width double, height double DEFAULT 1) RETURNS double");
/// assert_eq!(area.body.as_deref(), Some("width * height"));
/// let file = serde_json::to_string(area).unwrap();
/// assert_eq!(serde_json::from_str::<partita::FunctionDefinition>(&file).unwrap().hash(), area.hash());
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FunctionDefinition {
    /// The name it is called by.
    pub name: String,
    /// The parameters in their order.
    pub parameters: Vec<ParameterDefinition>,
    /// The type of its result, in SQL's words.
    pub returns: String,
    /// What the body is written in.
    pub language: Language,
    /// The text of the body; none of a function written in Rust.
    pub body: Option<String>,
    /// `IMMUTABLE`, `STABLE` or `VOLATILE`.
    pub volatility: String,
    /// What a NULL among the arguments does.
    pub null_input: NullInput,
    /// Whether it takes the rows of a group and not those of one row.
    pub aggregate: bool,
    /// What a worker may take for it.
    #[serde(default)]
    pub limits: FunctionLimits,
}

/// What a worker may take for a function, where its definition says so (`SET function_timeout = '1s'` behind its
/// signature); none for what the session says.
///
/// ```
/// use partita::{FunctionLimits, row_function};
/// let twice = row_function("twice", |n: i64| 2 * n);
/// assert_eq!(twice.definitions()[0].limits, FunctionLimits { timeout_ms: None, memory: None });
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FunctionLimits {
    /// The longest for a batch, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// The most bytes beyond those of its interpreter.
    pub memory: Option<u64>,
}

/// One parameter of a function, as plain data.
///
/// ```
/// use partita::ParameterDefinition;
/// let height = ParameterDefinition {
///     name: "height".into(), data_type: "double".into(), default: Some("1".into()),
/// };
/// assert_eq!(height.to_string(), "height double DEFAULT 1");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ParameterDefinition {
    /// The name; empty where the function was made without names.
    pub name: String,
    /// The type in SQL's words.
    pub data_type: String,
    /// The expression that stands for an argument left out.
    pub default: Option<String>,
}

/// What a function is written in.
///
/// ```
/// use partita::{Language, row_function};
/// let twice = row_function("twice", |n: i64| 2 * n);
/// assert_eq!(twice.definitions()[0].language, Language::Rust);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// A closure of the program.
    Rust,
    /// An expression, or a query of one value.
    Sql,
    /// Python that is called once a row.
    Python,
    /// Python that is called once a batch, with whole columns.
    PythonColumns,
}

/// What a NULL among the arguments does.
///
/// ```
/// use partita::{NullInput, row_function};
/// let twice = row_function("twice", |n: i64| 2 * n);
/// assert_eq!(twice.definitions()[0].null_input, NullInput::Called);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NullInput {
    /// The function is called with it (`CALLED ON NULL INPUT`).
    Called,
    /// The result is NULL and the function is not called (`STRICT`).
    Strict,
}

impl FunctionDefinition {
    /// Name, parameters and result, as CREATE FUNCTION says them.
    ///
    /// ```
    /// # use partita::row_function;
    /// let twice = row_function("twice", |n: i64| 2 * n);
    /// assert_eq!(twice.definitions()[0].signature(), "twice(bigint) RETURNS bigint");
    /// ```
    pub fn signature(&self) -> String {
        format!("{}({}) RETURNS {}", self.name, self.parameter_list(), self.returns)
    }

    /// The parameters, as CREATE FUNCTION says them.
    pub(crate) fn parameter_list(&self) -> String {
        self.parameters.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }

    /// A number that is the same for equal definitions, in every program on every machine.
    ///
    /// ```
    /// # use partita::row_function;
    /// let twice = row_function("twice", |n: i64| 2 * n).definitions().remove(0);
    /// assert_eq!(twice.hash(), twice.clone().hash());
    /// ```
    pub fn hash(&self) -> u64 {
        fnv(&serde_json::to_vec(self).unwrap_or_default())
    }

    pub(super) fn volatility(&self) -> Volatility {
        match self.volatility.as_str() {
            "VOLATILE" => Volatility::Volatile,
            "STABLE" => Volatility::Stable,
            _ => Volatility::Immutable,
        }
    }
}

/// The FNV-1a hash: defined byte by byte, so that it outlives versions and machines.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

impl fmt::Display for ParameterDefinition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gap = if self.name.is_empty() { "" } else { " " };
        write!(f, "{}{gap}{}", self.name, self.data_type)?;
        match &self.default {
            Some(default) => write!(f, " DEFAULT {default}"),
            None => Ok(()),
        }
    }
}

impl Language {
    /// The word after LANGUAGE.
    ///
    /// ```
    /// # use partita::Language;
    /// assert_eq!(Language::PythonColumns.name(), "PYTHON_COLUMNS");
    /// ```
    pub fn name(self) -> &'static str {
        match self {
            Self::Rust => "RUST",
            Self::Sql => "SQL",
            Self::Python => "PYTHON",
            Self::PythonColumns => "PYTHON_COLUMNS",
        }
    }
}
