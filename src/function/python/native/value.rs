//! Expressions as instructions.

use super::code::Value;
use super::kind::Kind;
use super::lower::Lower;
use super::machine::Instruction::{self, *};
use super::number::exact;
use super::tree::{Binary, Builtin, Comparison, Expression, Logic, Unary};

/// An instruction of two operands, by its registers.
type Two = fn(u8, u8, u8) -> Instruction;

impl Lower {
    /// A register that holds the value of an expression: that of a variable or a constant, or a new one.
    pub(super) fn operand(&mut self, expression: &Expression) -> Option<Value> {
        match expression {
            Expression::Bool(value) => self.code.constant(Kind::Bool, u64::from(*value)),
            Expression::Int(value) => self.code.constant(Kind::Int, *value as u64),
            Expression::Float(bits) => self.code.constant(Kind::Float, *bits),
            Expression::Name(variable) => Some(Value { register: *variable, kind: self.read(*variable)? }),
            _ => {
                let register = self.code.reserve(1)?;
                Some(Value { register, kind: self.store(expression, register)? })
            }
        }
    }

    /// Puts the value of an expression into a register, which may be that of a variable that the expression reads: it is
    /// written when everything was read.
    pub(super) fn store(&mut self, expression: &Expression, to: u8) -> Option<Kind> {
        match expression {
            Expression::Binary(operator, left, right) => {
                let (left, right) = (self.operand(left)?, self.operand(right)?);
                self.binary(*operator, left, right, to)
            }
            Expression::Unary(Unary::Not, _) | Expression::Compare(..) => self.truth(expression, to),
            Expression::Unary(operator, value) => {
                let value = self.operand(value)?;
                self.unary(*operator, value, to)
            }
            Expression::Logic(logic, values) => self.logic(*logic, values, to),
            Expression::Choice(test, then, otherwise) => self.choice(test, then, otherwise, to),
            Expression::Call(Builtin::Min, values) => self.extreme(Comparison::Less, values, to),
            Expression::Call(Builtin::Max, values) => self.extreme(Comparison::Greater, values, to),
            Expression::Call(function, values) => match values.as_slice() {
                [value] => self.call(*function, value, to),
                _ => None,
            },
            Expression::Bool(_) | Expression::Int(_) | Expression::Float(_) | Expression::Name(_) => {
                let value = self.operand(expression)?;
                self.code.push(Move(to, value.register));
                Some(value.kind)
            }
        }
    }

    fn binary(&mut self, operator: Binary, left: Value, right: Value, to: u8) -> Option<Kind> {
        let floats = left.kind == Kind::Float || right.kind == Kind::Float;
        match operator {
            Binary::Add => self.arithmetic(Add, AddFloats, left, right, to),
            Binary::Subtract => self.arithmetic(Subtract, SubtractFloats, left, right, to),
            Binary::Multiply => self.arithmetic(Multiply, MultiplyFloats, left, right, to),
            // Of integers it is the quotient of the numbers themselves, rounded once.
            Binary::Divide if !floats => {
                let (left, right) = (self.exact(left)?, self.exact(right)?);
                self.code.push(DivideFloats(to, left.register, right.register));
                Some(Kind::Float)
            }
            Binary::Divide => self.arithmetic(Add, DivideFloats, left, right, to),
            Binary::FloorDivide | Binary::Modulo if !floats => self.whole_division(operator, left, right, to),
            Binary::FloorDivide => self.arithmetic(FloorDivide, FloorDivideFloats, left, right, to),
            Binary::Modulo => self.arithmetic(Modulo, ModuloFloats, left, right, to),
            _ if floats => None,
            Binary::And => Some(self.bitwise(And, left, right, to)),
            Binary::Or => Some(self.bitwise(Or, left, right, to)),
            Binary::Xor => Some(self.bitwise(Xor, left, right, to)),
            Binary::Left => Some(self.integers(Left, left, right, to)),
            Binary::Right => Some(self.integers(Right, left, right, to)),
        }
    }

    fn arithmetic(&mut self, integers: Two, floats: Two, left: Value, right: Value, to: u8) -> Option<Kind> {
        if left.kind != Kind::Float && right.kind != Kind::Float {
            return Some(self.integers(integers, left, right, to));
        }
        let (left, right) = (self.rounded(left)?, self.rounded(right)?);
        self.code.push(floats(to, left.register, right.register));
        Some(Kind::Float)
    }

    fn integers(&mut self, instruction: Two, left: Value, right: Value, to: u8) -> Kind {
        self.code.push(instruction(to, left.register, right.register));
        Kind::Int
    }

    fn bitwise(&mut self, instruction: Two, left: Value, right: Value, to: u8) -> Kind {
        self.integers(instruction, left, right, to);
        if left.kind == right.kind { left.kind } else { Kind::Int }
    }

    /// By a power of two, rounded down, is by its bits, and takes a tenth of the time.
    fn whole_division(&mut self, operator: Binary, left: Value, right: Value, to: u8) -> Option<Kind> {
        let power = self.code.constant_int(right).filter(|number| *number > 0 && number.count_ones() == 1);
        Some(match (operator, power) {
            (Binary::FloorDivide, Some(power)) => {
                let shift = self.code.constant(Kind::Int, u64::from(power.trailing_zeros()))?;
                self.integers(Right, left, shift, to)
            }
            (Binary::FloorDivide, None) => self.integers(FloorDivide, left, right, to),
            (_, Some(power)) => {
                let mask = self.code.constant(Kind::Int, (power - 1) as u64)?;
                self.integers(And, left, mask, to)
            }
            (_, None) => self.integers(Modulo, left, right, to),
        })
    }

    fn unary(&mut self, operator: Unary, value: Value, to: u8) -> Option<Kind> {
        let (instruction, kind) = match (operator, value.kind) {
            (Unary::Plus, Kind::Float) => (Move(to, value.register), Kind::Float),
            (Unary::Plus, _) => (Move(to, value.register), Kind::Int),
            (Unary::Negate, Kind::Float) => (NegateFloat(to, value.register), Kind::Float),
            (Unary::Negate, _) => (Negate(to, value.register), Kind::Int),
            (Unary::Invert, Kind::Int) => (Invert(to, value.register), Kind::Int),
            _ => return None,
        };
        self.code.push(instruction);
        Some(kind)
    }

    /// `and` and `or` give the value that decides.
    fn logic(&mut self, logic: Logic, values: &[Expression], to: u8) -> Option<Kind> {
        let (last, before) = values.split_last()?;
        // Not yet in `to`: the values behind may read it.
        let register = self.code.reserve(1)?;
        let (mut kinds, mut decided) = (Vec::new(), Vec::new());
        for value in before {
            let value = Value { register, kind: self.store(value, register)? };
            kinds.push(value.kind);
            self.branch_on(value, logic == Logic::Or, &mut decided)?;
        }
        let kind = self.store(last, register)?;
        self.code.land(decided)?;
        self.code.push(Move(to, register));
        kinds.iter().all(|other| *other == kind).then_some(kind)
    }

    fn choice(&mut self, test: &Expression, then: &Expression, otherwise: &Expression, to: u8) -> Option<Kind> {
        let (mut no, mut end) = (Vec::new(), Vec::new());
        self.branch(test, false, &mut no)?;
        let kind = self.store(then, to)?;
        self.code.jump(Jump(0), &mut end);
        self.code.land(no)?;
        let other = self.store(otherwise, to)?;
        self.code.land(end)?;
        (kind == other).then_some(kind)
    }

    /// `min` and `max`: the first value that no other is beyond.
    fn extreme(&mut self, beyond: Comparison, values: &[Expression], to: u8) -> Option<Kind> {
        let (first, others) = values.split_first().filter(|(_, others)| !others.is_empty())?;
        let register = self.code.reserve(1)?;
        let best = Value { register, kind: self.store(first, register)? };
        for other in others {
            let other = self.operand(other)?;
            let mut keep = Vec::new();
            self.branch_on_pair(beyond, other, best, false, &mut keep)?;
            self.code.push(Move(register, other.register));
            self.code.land(keep)?;
            (other.kind == best.kind).then_some(())?;
        }
        self.code.push(Move(to, register));
        Some(best.kind)
    }

    fn call(&mut self, function: Builtin, argument: &Expression, to: u8) -> Option<Kind> {
        if function == Builtin::Bool {
            return self.truth(argument, to);
        }
        let Value { register, kind } = self.operand(argument)?;
        let (instruction, kind) = match (function, kind) {
            (Builtin::Abs, Kind::Float) => (AbsoluteFloat(to, register), Kind::Float),
            (Builtin::Abs, _) => (Absolute(to, register), Kind::Int),
            (Builtin::Int, Kind::Float) => (Truncate(to, register), Kind::Int),
            (Builtin::Int, _) => (Move(to, register), Kind::Int),
            (Builtin::Float, Kind::Float) => (Move(to, register), Kind::Float),
            (Builtin::Float, _) => (Round(to, register), Kind::Float),
            _ => return None,
        };
        self.code.push(instruction);
        Some(kind)
    }

    /// The value as the nearest float, which arithmetic takes an integer for.
    pub(super) fn rounded(&mut self, value: Value) -> Option<Value> {
        let constant = self.code.constant_int(value).map(|number| number as f64);
        self.float(value, constant, Round)
    }

    /// The value as a float that is the same number; the machine stops where there is none.
    pub(super) fn exact(&mut self, value: Value) -> Option<Value> {
        let constant = self.code.constant_int(value).and_then(exact);
        self.float(value, constant, Exact)
    }

    fn float(&mut self, value: Value, constant: Option<f64>, convert: fn(u8, u8) -> Instruction) -> Option<Value> {
        if value.kind == Kind::Float {
            return Some(value);
        }
        if let Some(constant) = constant {
            return self.code.constant(Kind::Float, constant.to_bits());
        }
        let register = self.code.reserve(1)?;
        self.code.push(convert(register, value.register));
        Some(Value { register, kind: Kind::Float })
    }

    /// True or false, of any expression.
    fn truth(&mut self, test: &Expression, to: u8) -> Option<Kind> {
        let (yes, no) = (self.code.constant(Kind::Bool, 1)?, self.code.constant(Kind::Bool, 0)?);
        let (mut otherwise, mut end) = (Vec::new(), Vec::new());
        self.branch(test, false, &mut otherwise)?;
        self.code.push(Move(to, yes.register));
        self.code.jump(Jump(0), &mut end);
        self.code.land(otherwise)?;
        self.code.push(Move(to, no.register));
        self.code.land(end)?;
        Some(Kind::Bool)
    }
}
