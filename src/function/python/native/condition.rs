//! Conditions as jumps: what decides is not made a value first.

use super::code::{Jumps, Value};
use super::kind::Kind;
use super::lower::Lower;
use super::machine::Instruction::*;
use super::tree::{Comparison, Expression, Logic, Unary};

impl Lower {
    /// Jumps where the truth of an expression is `wanted`, and goes on otherwise.
    pub(super) fn branch(&mut self, test: &Expression, wanted: bool, jumps: &mut Jumps) -> Option<()> {
        match test {
            Expression::Unary(Unary::Not, test) => self.branch(test, !wanted, jumps),
            Expression::Logic(logic, tests) => self.branch_on_each(*logic, tests, wanted, jumps),
            Expression::Compare(first, others) => self.branch_on_chain(first, others, wanted, jumps),
            _ => {
                let value = self.operand(test)?;
                self.branch_on(value, wanted, jumps)
            }
        }
    }

    /// `a and b and c`: the first that is false decides; of `or` the first that is true.
    fn branch_on_each(&mut self, logic: Logic, tests: &[Expression], wanted: bool, jumps: &mut Jumps) -> Option<()> {
        let decisive = logic == Logic::Or;
        if decisive == wanted {
            return tests.iter().try_for_each(|test| self.branch(test, wanted, jumps));
        }
        let (last, before) = tests.split_last()?;
        let mut decided = Jumps::new();
        before.iter().try_for_each(|test| self.branch(test, decisive, &mut decided))?;
        self.branch(last, wanted, jumps)?;
        self.code.land(decided)
    }

    /// `a < b < c`: as `a < b and b < c`, each of them computed once, and none behind the first pair that fails.
    fn branch_on_chain(
        &mut self,
        first: &Expression,
        others: &[(Comparison, Expression)],
        wanted: bool,
        jumps: &mut Jumps,
    ) -> Option<()> {
        let (last, before) = others.split_last()?;
        let (mut left, mut failed) = (self.operand(first)?, Jumps::new());
        for (comparison, right) in before {
            let right = self.operand(right)?;
            self.branch_on_pair(*comparison, left, right, false, if wanted { &mut failed } else { &mut *jumps })?;
            left = right;
        }
        let right = self.operand(&last.1)?;
        self.branch_on_pair(last.0, left, right, wanted, jumps)?;
        self.code.land(failed)
    }

    /// Jumps by the truth of a value: a number is true unless it is zero, NaN included.
    pub(super) fn branch_on(&mut self, value: Value, wanted: bool, jumps: &mut Jumps) -> Option<()> {
        let bits = if value.kind == Kind::Float { 0.0_f64.to_bits() } else { 0 };
        let zero = self.code.constant(value.kind, bits)?;
        self.branch_on_pair(Comparison::NotEqual, value, zero, wanted, jumps)
    }

    pub(super) fn branch_on_pair(
        &mut self,
        comparison: Comparison,
        left: Value,
        right: Value,
        wanted: bool,
        jumps: &mut Jumps,
    ) -> Option<()> {
        let floats = left.kind == Kind::Float || right.kind == Kind::Float;
        let (left, right) = if floats { (self.exact(left)?, self.exact(right)?) } else { (left, right) };
        let (a, b) = (left.register, right.register);
        use Comparison as C;
        let jump = match (floats, comparison, wanted) {
            (false, C::Equal, true) | (false, C::NotEqual, false) => Equal(a, b, 0),
            (false, C::NotEqual, true) | (false, C::Equal, false) => NotEqual(a, b, 0),
            (false, C::Less, true) | (false, C::GreaterEqual, false) => Less(a, b, 0),
            (false, C::LessEqual, true) | (false, C::Greater, false) => LessEqual(a, b, 0),
            (false, C::Greater, true) | (false, C::LessEqual, false) => Less(b, a, 0),
            (false, C::GreaterEqual, true) | (false, C::Less, false) => LessEqual(b, a, 0),
            (true, C::Equal, true) | (true, C::NotEqual, false) => EqualFloats(a, b, 0),
            (true, C::NotEqual, true) | (true, C::Equal, false) => NotEqualFloats(a, b, 0),
            (true, C::Less, true) => LessFloats(a, b, 0),
            (true, C::LessEqual, true) => LessEqualFloats(a, b, 0),
            (true, C::Greater, true) => LessFloats(b, a, 0),
            (true, C::GreaterEqual, true) => LessEqualFloats(b, a, 0),
            // Not the opposite: of NaN both are false.
            (true, C::Less, false) => NotLessFloats(a, b, 0),
            (true, C::LessEqual, false) => NotLessEqualFloats(a, b, 0),
            (true, C::Greater, false) => NotLessFloats(b, a, 0),
            (true, C::GreaterEqual, false) => NotLessEqualFloats(b, a, 0),
        };
        self.code.jump(jump, jumps);
        Some(())
    }
}
