//! The syntax tree of a function, as `tree.py` sends it.

use serde::Deserialize;

/// A function. Variables are told by number, those of the parameters first.
#[derive(Debug, Deserialize)]
pub(super) struct Function {
    pub(super) parameters: usize,
    pub(super) variables: usize,
    pub(super) body: Vec<Statement>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Statement {
    /// `a = b = value`
    Assign(Vec<u8>, Expression),
    /// `a, b = value, value`
    Unpack(Vec<u8>, Vec<Expression>),
    If(Expression, Vec<Statement>, Vec<Statement>),
    While(Expression, Vec<Statement>),
    /// `for variable in range(start, stop, step)`
    For(u8, [Expression; 3], Vec<Statement>),
    Break,
    Continue,
    /// Of nothing for None.
    Return(Option<Expression>),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Expression {
    Bool(bool),
    Int(i64),
    /// Its bits.
    Float(u64),
    Name(u8),
    Binary(Binary, Box<Expression>, Box<Expression>),
    Unary(Unary, Box<Expression>),
    Logic(Logic, Vec<Expression>),
    /// `first < second < third`
    Compare(Box<Expression>, Vec<(Comparison, Expression)>),
    /// The condition, what it chooses, what it chooses otherwise.
    Choice(Box<Expression>, Box<Expression>, Box<Expression>),
    Call(Builtin, Vec<Expression>),
}

impl Expression {
    /// Whether it is the test of a loop that only `break` and `return` end.
    pub(super) fn is_always_true(&self) -> bool {
        matches!(self, Self::Bool(true)) || matches!(self, Self::Int(number) if *number != 0)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    FloorDivide,
    Modulo,
    And,
    Or,
    Xor,
    Left,
    Right,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Unary {
    Negate,
    Plus,
    Invert,
    Not,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Logic {
    And,
    Or,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Builtin {
    Abs,
    Min,
    Max,
    Int,
    Float,
    Bool,
}
