//! Statements as instructions, and what is known of the variables between them.
//!
//! ```text
//! def f(n):                              0  Move k, #0
//!     k = 0                              1  Jump 4              to the test, which stands behind the body
//!     while n > 1 and k < 20:            2  Right n, n, #1      n // 2
//!         n = n // 2                     3  Add k, k, #1
//!         k += 1                         4  LessEqual n, #1, 6  no more
//!     return n + k                       5  Less k, #20, 2      once more
//!                                        6  Add t, n, k
//!                                        7  Return t
//! ```
//!
//! None everywhere: the function is outside of the subset, and Python's alone.

use std::mem;

use super::code::{Code, Jumps};
use super::kind::Kind;
use super::machine::Instruction::{self, *};
use super::tree::{Expression, Function, Statement};

/// The variables that are bound wherever the program comes here from; none where it never comes here.
type Bound = Option<Vec<bool>>;

/// The instructions of a function, and the constants of the last registers, from the last down.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) code: Vec<Instruction>,
    pub(super) constants: Vec<u64>,
    pub(super) parameters: Vec<Kind>,
    pub(super) result: Kind,
}

/// A function on its way to instructions.
pub(super) struct Lower {
    pub(super) code: Code,
    /// The type of each variable, from where it is bound first.
    kinds: Vec<Option<Kind>>,
    bound: Bound,
    loops: Vec<Loop>,
    result: Kind,
}

/// A loop whose body is being written.
#[derive(Default)]
struct Loop {
    breaks: Jumps,
    continues: Jumps,
    /// What is bound at every `break`.
    left_with: Bound,
}

/// The program of a function that takes and gives values of these types.
pub(super) fn lower(function: &Function, parameters: Vec<Kind>, result: Kind) -> Option<Program> {
    let variables = function.variables;
    if parameters.len() != function.parameters || variables < parameters.len() {
        return None;
    }
    let mut kinds: Vec<Option<Kind>> = parameters.iter().copied().map(Some).collect();
    let code = Code::new(variables)?;
    kinds.resize(variables, None);
    let bound = Some(kinds.iter().map(Option::is_some).collect());
    let mut lower = Lower { code, kinds, bound, loops: Vec::new(), result };
    lower.block(&function.body)?;
    lower.code.push(ReturnNone);
    let Code { instructions: code, constants, .. } = lower.code;
    let constants = constants.into_iter().map(|(_, bits)| bits).collect();
    Some(Program { code, constants, parameters, result })
}

/// What is bound where two ways meet.
fn meet(one: Bound, other: Bound) -> Bound {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.into_iter().zip(other).map(|(one, other)| one && other).collect()),
        (one, other) => one.or(other),
    }
}

impl Lower {
    /// The type of a variable that is bound here on every way.
    pub(super) fn read(&self, variable: u8) -> Option<Kind> {
        let at = usize::from(variable);
        self.bound.as_ref()?.get(at).filter(|bound| **bound)?;
        *self.kinds.get(at)?
    }

    /// A variable is bound from here on. It keeps the type that it had first.
    fn bind(&mut self, variable: u8, kind: Kind) -> Option<()> {
        let at = usize::from(variable);
        let known = self.kinds.get_mut(at)?.get_or_insert(kind);
        *self.bound.as_mut()?.get_mut(at)? = true;
        (*known == kind).then_some(())
    }

    fn block(&mut self, statements: &[Statement]) -> Option<()> {
        for statement in statements {
            // What stands behind `return` or `break` never runs.
            if self.bound.is_none() {
                break;
            }
            let mark = self.code.mark();
            self.statement(statement)?;
            self.code.release(mark);
        }
        Some(())
    }

    fn statement(&mut self, statement: &Statement) -> Option<()> {
        match statement {
            Statement::Assign(variables, value) => self.assign(variables, value),
            Statement::Unpack(variables, values) => self.unpack(variables, values),
            Statement::If(test, then, otherwise) => self.choose(test, then, otherwise),
            Statement::While(test, body) => self.repeat(test, body),
            Statement::For(variable, range, body) => self.count(*variable, range, body),
            Statement::Break => {
                let (inner, bound) = (self.loops.last_mut()?, self.bound.take());
                inner.left_with = meet(inner.left_with.take(), bound);
                self.code.jump(Jump(0), &mut inner.breaks);
                Some(())
            }
            Statement::Continue => {
                self.bound = None;
                self.code.jump(Jump(0), &mut self.loops.last_mut()?.continues);
                Some(())
            }
            Statement::Return(value) => self.give(value.as_ref()),
        }
    }

    fn assign(&mut self, variables: &[u8], value: &Expression) -> Option<()> {
        let (first, others) = variables.split_first()?;
        let kind = self.store(value, *first)?;
        self.bind(*first, kind)?;
        others.iter().try_for_each(|variable| {
            self.code.push(Move(*variable, *first));
            self.bind(*variable, kind)
        })
    }

    /// All values are computed before the first variable is bound.
    fn unpack(&mut self, variables: &[u8], values: &[Expression]) -> Option<()> {
        let mut computed = Vec::new();
        for value in values {
            let register = self.code.reserve(1)?;
            computed.push((register, self.store(value, register)?));
        }
        variables.iter().zip(computed).try_for_each(|(variable, (register, kind))| {
            self.code.push(Move(*variable, register));
            self.bind(*variable, kind)
        })
    }

    fn choose(&mut self, test: &Expression, then: &[Statement], otherwise: &[Statement]) -> Option<()> {
        let (mut no, mut end) = (Jumps::new(), Jumps::new());
        self.branch(test, false, &mut no)?;
        let before = self.bound.clone();
        self.block(then)?;
        let after = mem::replace(&mut self.bound, before);
        if after.is_some() && !otherwise.is_empty() {
            self.code.jump(Jump(0), &mut end);
        }
        self.code.land(no)?;
        self.block(otherwise)?;
        self.code.land(end)?;
        self.bound = meet(after, self.bound.take());
        Some(())
    }

    /// A loop's test stands behind its body: one jump a turn.
    fn repeat(&mut self, test: &Expression, body: &[Statement]) -> Option<()> {
        let (mut enter, mut again) = (Jumps::new(), Jumps::new());
        let (endless, before) = (test.is_always_true(), self.bound.clone());
        if !endless {
            self.code.jump(Jump(0), &mut enter);
        }
        let top = self.code.here()?;
        let turned = self.turn(body)?;
        self.code.land(enter)?;
        self.code.land(turned.continues)?;
        self.bound = before;
        if endless {
            self.code.push(Jump(top));
            self.bound = turned.left_with;
        } else {
            self.branch(test, true, &mut again)?;
            self.code.aim(again, top);
        }
        self.code.land(turned.breaks)
    }

    /// `for … in range(…)`: three registers stay taken while it runs.
    fn count(&mut self, variable: u8, range: &[Expression; 3], body: &[Statement]) -> Option<()> {
        let first = self.code.reserve(range.len())?;
        for (register, bound) in (first..=u8::MAX).zip(range) {
            (self.store(bound, register)? == Kind::Int).then_some(())?;
        }
        self.code.push(NotZero(first.checked_add(2)?));
        let (mut enter, before) = (Jumps::new(), self.bound.clone());
        self.code.jump(Jump(0), &mut enter);
        let top = self.code.here()?;
        self.bind(variable, Kind::Int)?;
        let turned = self.turn(body)?;
        self.code.land(enter)?;
        self.code.land(turned.continues)?;
        self.code.push(Range(first, variable, top));
        self.bound = before;
        self.code.land(turned.breaks)
    }

    /// The body of a loop.
    fn turn(&mut self, body: &[Statement]) -> Option<Loop> {
        self.loops.push(Loop::default());
        self.block(body)?;
        self.loops.pop()
    }

    /// `return`, with what the worker makes of a value where the result's type is declared.
    fn give(&mut self, value: Option<&Expression>) -> Option<()> {
        let Some(value) = value else {
            self.code.push(ReturnNone);
            self.bound = None;
            return Some(());
        };
        let value = self.operand(value)?;
        let value = match (value.kind, self.result) {
            (given, declared) if given == declared => value,
            (Kind::Bool, Kind::Int) => value,
            (_, Kind::Float) => self.rounded(value)?,
            _ => return None,
        };
        self.code.push(Return(value.register));
        self.bound = None;
        Some(())
    }
}
