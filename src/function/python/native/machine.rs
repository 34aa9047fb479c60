//! The machine: runs instructions over registers, row by row.
//!
//! ```text
//! registers   0 …            variables, those of the parameters first
//!             …              what is between: values on their way
//!             … 255          constants, from the last down
//! ```
//!
//! A register is named by a byte and there is one for each, so that none is looked for in vain.

use std::time::Duration;

use super::number::{
    divide_floats, exact, floor_divide, floor_divide_floats, left, modulo, modulo_floats, right, truncate,
};

/// Why the machine ended without results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// Something that only Python can do or tell: a larger integer, an error.
    Irregular,
    /// The query was cancelled.
    Cancelled,
    /// The batch took longer than it may.
    Late(Duration),
}

const IRREGULAR: Stop = Stop::Irregular;

/// One step: where its result goes, and the registers that it reads; of jumps, where they lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Instruction {
    Move(u8, u8),
    Add(u8, u8, u8),
    Subtract(u8, u8, u8),
    Multiply(u8, u8, u8),
    FloorDivide(u8, u8, u8),
    Modulo(u8, u8, u8),
    And(u8, u8, u8),
    Or(u8, u8, u8),
    Xor(u8, u8, u8),
    Left(u8, u8, u8),
    Right(u8, u8, u8),
    Negate(u8, u8),
    Invert(u8, u8),
    Absolute(u8, u8),
    AddFloats(u8, u8, u8),
    SubtractFloats(u8, u8, u8),
    MultiplyFloats(u8, u8, u8),
    DivideFloats(u8, u8, u8),
    FloorDivideFloats(u8, u8, u8),
    ModuloFloats(u8, u8, u8),
    NegateFloat(u8, u8),
    AbsoluteFloat(u8, u8),
    /// An integer as the nearest float.
    Round(u8, u8),
    /// An integer as a float; only one that is a float without rounding.
    Exact(u8, u8),
    Truncate(u8, u8),
    Jump(u16),
    Equal(u8, u8, u16),
    NotEqual(u8, u8, u16),
    Less(u8, u8, u16),
    LessEqual(u8, u8, u16),
    EqualFloats(u8, u8, u16),
    NotEqualFloats(u8, u8, u16),
    LessFloats(u8, u8, u16),
    LessEqualFloats(u8, u8, u16),
    /// Also where one of the two is NaN, as the next.
    NotLessFloats(u8, u8, u16),
    NotLessEqualFloats(u8, u8, u16),
    /// The step of a range, which must not be zero.
    NotZero(u8),
    /// Jumps with the next number of a range, if there is one. From the first register on: that number, the end, the
    /// step. The second is the variable.
    Range(u8, u8, u16),
    Return(u8),
    ReturnNone,
}

impl Instruction {
    /// Sets where a jump leads to.
    pub(super) fn aim(&mut self, place: u16) {
        use Instruction::*;
        match self {
            Jump(to)
            | Equal(_, _, to)
            | NotEqual(_, _, to)
            | Less(_, _, to)
            | LessEqual(_, _, to)
            | EqualFloats(_, _, to)
            | NotEqualFloats(_, _, to)
            | LessFloats(_, _, to)
            | LessEqualFloats(_, _, to)
            | NotLessFloats(_, _, to)
            | NotLessEqualFloats(_, _, to)
            | Range(_, _, to) => *to = place,
            _ => {}
        }
    }
}

/// As many as a byte can name.
pub(super) const REGISTERS: usize = 256;

/// The values that instructions work on, as bits.
#[derive(Debug, Clone)]
pub(super) struct Registers(pub(super) [u64; REGISTERS]);

impl Registers {
    fn bits(&self, at: u8) -> u64 {
        self.0[usize::from(at)]
    }

    fn int(&self, at: u8) -> i64 {
        self.bits(at) as i64
    }

    fn float(&self, at: u8) -> f64 {
        f64::from_bits(self.bits(at))
    }

    pub(super) fn set(&mut self, at: u8, bits: u64) {
        self.0[usize::from(at)] = bits;
    }

    fn set_int(&mut self, at: u8, value: Option<i64>) -> Result<(), Stop> {
        self.set(at, value.ok_or(IRREGULAR)? as u64);
        Ok(())
    }

    fn set_float(&mut self, at: u8, value: f64) {
        self.set(at, value.to_bits());
    }

    /// The next number of a range, which goes into the variable; whether there was one.
    fn next(&mut self, range: u8, variable: u8) -> bool {
        let (next, end, step) = (self.int(range), self.int(range.wrapping_add(1)), self.int(range.wrapping_add(2)));
        let there = if step > 0 { next < end } else { next > end };
        if there {
            self.set(variable, next as u64);
            // What is beyond all integers is beyond the end.
            self.set(range, next.checked_add(step).unwrap_or(end) as u64);
        }
        there
    }
}

/// Runs the instructions of one function.
pub(super) struct Machine<'a> {
    pub(super) code: &'a [Instruction],
    pub(super) registers: Registers,
    /// Instructions until somebody looks whether to go on.
    pub(super) left: u32,
    pub(super) watch: &'a dyn Fn() -> Result<(), Stop>,
}

impl Machine<'_> {
    /// How many instructions run between two looks: a tenth of a millisecond.
    pub(super) const SLICE: u32 = 1 << 16;

    /// The result of one row, whose arguments are in their registers: its bits, or none for None.
    pub(super) fn row(&mut self) -> Result<Option<u64>, Stop> {
        use Instruction::*;
        let (mut at, mut left_over, r) = (0, self.left, &mut self.registers);
        let result = loop {
            let instruction = *self.code.get(at).ok_or(IRREGULAR)?;
            at += 1;
            left_over = left_over.wrapping_sub(1);
            if left_over == 0 {
                left_over = Self::SLICE;
                (self.watch)()?;
            }
            match instruction {
                Move(to, a) => r.set(to, r.bits(a)),
                Add(to, a, b) => r.set_int(to, r.int(a).checked_add(r.int(b)))?,
                Subtract(to, a, b) => r.set_int(to, r.int(a).checked_sub(r.int(b)))?,
                Multiply(to, a, b) => r.set_int(to, r.int(a).checked_mul(r.int(b)))?,
                FloorDivide(to, a, b) => r.set_int(to, floor_divide(r.int(a), r.int(b)))?,
                Modulo(to, a, b) => r.set_int(to, modulo(r.int(a), r.int(b)))?,
                And(to, a, b) => r.set(to, r.bits(a) & r.bits(b)),
                Or(to, a, b) => r.set(to, r.bits(a) | r.bits(b)),
                Xor(to, a, b) => r.set(to, r.bits(a) ^ r.bits(b)),
                Left(to, a, b) => r.set_int(to, left(r.int(a), r.int(b)))?,
                Right(to, a, b) => r.set_int(to, right(r.int(a), r.int(b)))?,
                Negate(to, a) => r.set_int(to, r.int(a).checked_neg())?,
                Invert(to, a) => r.set(to, !r.bits(a)),
                Absolute(to, a) => r.set_int(to, r.int(a).checked_abs())?,
                AddFloats(to, a, b) => r.set_float(to, r.float(a) + r.float(b)),
                SubtractFloats(to, a, b) => r.set_float(to, r.float(a) - r.float(b)),
                MultiplyFloats(to, a, b) => r.set_float(to, r.float(a) * r.float(b)),
                DivideFloats(to, a, b) => r.set_float(to, divide_floats(r.float(a), r.float(b)).ok_or(IRREGULAR)?),
                FloorDivideFloats(to, a, b) => {
                    r.set_float(to, floor_divide_floats(r.float(a), r.float(b)).ok_or(IRREGULAR)?);
                }
                ModuloFloats(to, a, b) => r.set_float(to, modulo_floats(r.float(a), r.float(b)).ok_or(IRREGULAR)?),
                NegateFloat(to, a) => r.set_float(to, -r.float(a)),
                AbsoluteFloat(to, a) => r.set_float(to, r.float(a).abs()),
                Round(to, a) => r.set_float(to, r.int(a) as f64),
                Exact(to, a) => r.set_float(to, exact(r.int(a)).ok_or(IRREGULAR)?),
                Truncate(to, a) => r.set_int(to, truncate(r.float(a)))?,
                Jump(to) => at = usize::from(to),
                Equal(a, b, to) => jump(&mut at, to, r.int(a) == r.int(b)),
                NotEqual(a, b, to) => jump(&mut at, to, r.int(a) != r.int(b)),
                Less(a, b, to) => jump(&mut at, to, r.int(a) < r.int(b)),
                LessEqual(a, b, to) => jump(&mut at, to, r.int(a) <= r.int(b)),
                EqualFloats(a, b, to) => jump(&mut at, to, r.float(a) == r.float(b)),
                NotEqualFloats(a, b, to) => jump(&mut at, to, r.float(a) != r.float(b)),
                LessFloats(a, b, to) => jump(&mut at, to, r.float(a) < r.float(b)),
                LessEqualFloats(a, b, to) => jump(&mut at, to, r.float(a) <= r.float(b)),
                NotLessFloats(a, b, to) => {
                    let less = r.float(a) < r.float(b);
                    jump(&mut at, to, !less);
                }
                NotLessEqualFloats(a, b, to) => {
                    let less = r.float(a) <= r.float(b);
                    jump(&mut at, to, !less);
                }
                NotZero(a) if r.int(a) == 0 => return Err(IRREGULAR),
                NotZero(_) => {}
                Range(range, variable, to) => jump(&mut at, to, r.next(range, variable)),
                Return(a) => break Some(r.bits(a)),
                ReturnNone => break None,
            }
        };
        self.left = left_over;
        Ok(result)
    }
}

fn jump(at: &mut usize, to: u16, taken: bool) {
    if taken {
        *at = usize::from(to);
    }
}

#[cfg(test)]
mod tests {
    use super::Instruction::*;
    use super::*;

    /// What a row gives whose first registers hold these numbers.
    fn run(code: &[Instruction], numbers: &[i64], watch: &dyn Fn() -> Result<(), Stop>) -> Result<Option<i64>, Stop> {
        let mut registers = Registers([0; REGISTERS]);
        (0..).zip(numbers).for_each(|(at, number)| registers.set(at, *number as u64));
        let mut machine = Machine { code, registers, left: Machine::SLICE, watch };
        Ok(machine.row()?.map(|bits| bits as i64))
    }

    #[test]
    fn what_has_no_room_stops_the_machine() {
        for (instruction, regular, irregular) in [
            (Add(0, 0, 1), [i64::MAX, -1], [i64::MAX, 1]),
            (Subtract(0, 0, 1), [i64::MIN, -1], [i64::MIN, 1]),
            (Multiply(0, 0, 1), [1 << 40, 4], [1 << 40, 1 << 40]),
            (FloorDivide(0, 0, 1), [i64::MIN, 1], [i64::MIN, -1]),
            (Modulo(0, 0, 1), [i64::MIN, -1], [i64::MIN, 0]),
            (Negate(0, 0), [i64::MAX, 0], [i64::MIN, 0]),
            (Absolute(0, 0), [-i64::MAX, 0], [i64::MIN, 0]),
            (Left(0, 0, 1), [1, 62], [1, 63]),
            (Exact(0, 0), [1 << 53, 0], [(1 << 53) + 1, 0]),
            (NotZero(0), [1, 0], [0, 0]),
        ] {
            let code = [instruction, Return(0)];
            assert!(run(&code, &regular, &|| Ok(())).is_ok(), "{instruction:?}");
            assert_eq!(run(&code, &irregular, &|| Ok(())), Err(Stop::Irregular), "{instruction:?}");
        }
        assert_eq!(run(&[Jump(7)], &[], &|| Ok(())), Err(Stop::Irregular));
    }

    #[test]
    fn an_endless_loop_is_watched() {
        assert_eq!(run(&[Jump(0)], &[], &|| Err(Stop::Cancelled)), Err(Stop::Cancelled));
    }

    /// `for r4 in range(r0, r1, r2): r3 += 1`
    #[test]
    fn a_range_ends_where_integers_do() {
        let code = [Jump(2), Add(3, 3, 5), Range(0, 4, 1), Return(3)];
        for (start, end, step, turns) in [
            (0, 5, 2, 3),
            (5, 0, -2, 3),
            (5, 5, 1, 0),
            (i64::MAX - 1, i64::MAX, i64::MAX, 1),
            (i64::MIN + 1, i64::MIN, i64::MIN, 1),
            (i64::MIN, i64::MAX, i64::MAX, 3),
        ] {
            assert_eq!(run(&code, &[start, end, step, 0, 0, 1], &|| Ok(())), Ok(Some(turns)), "{start} {end} {step}");
        }
    }
}
