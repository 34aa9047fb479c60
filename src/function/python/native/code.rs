//! The program of a function, while it is written.

use super::kind::Kind;
use super::machine::{Instruction, REGISTERS};

/// A value in its register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) register: u8,
    pub(super) kind: Kind,
}

/// Jumps that do not know yet where they lead to.
pub(super) type Jumps = Vec<usize>;

/// Instructions and the registers that they use. None everywhere: the function is too large for the machine.
#[derive(Debug, Default)]
pub(super) struct Code {
    pub(super) instructions: Vec<Instruction>,
    /// What the last registers hold, from the last down.
    pub(super) constants: Vec<(Kind, u64)>,
    /// The first register that nothing lives in, and the highest that it has been.
    free: usize,
    peak: usize,
}

impl Code {
    /// One with room for variables.
    pub(super) fn new(variables: usize) -> Option<Self> {
        let mut code = Self::default();
        code.reserve(variables)?;
        Some(code)
    }

    /// Takes so many registers side by side; the first of them.
    pub(super) fn reserve(&mut self, registers: usize) -> Option<u8> {
        let first = self.free;
        self.free += registers;
        self.peak = self.peak.max(self.free);
        (self.peak + self.constants.len() <= REGISTERS).then(|| u8::try_from(first).ok())?
    }

    /// What is given back to `release`: the registers taken from here on.
    pub(super) fn mark(&self) -> usize {
        self.free
    }

    pub(super) fn release(&mut self, mark: usize) {
        self.free = mark;
    }

    /// The register of a constant.
    pub(super) fn constant(&mut self, kind: Kind, bits: u64) -> Option<Value> {
        let known = self.constants.iter().position(|constant| *constant == (kind, bits));
        let at = known.unwrap_or_else(|| {
            self.constants.push((kind, bits));
            self.constants.len() - 1
        });
        let fits = self.peak + self.constants.len() <= REGISTERS;
        let register = u8::try_from(REGISTERS - 1 - at).ok().filter(|_| fits)?;
        Some(Value { register, kind })
    }

    /// The integer that a register holds always.
    pub(super) fn constant_int(&self, value: Value) -> Option<i64> {
        let at = REGISTERS - 1 - usize::from(value.register);
        let (kind, bits) = self.constants.get(at)?;
        (*kind != Kind::Float).then_some(*bits as i64)
    }

    pub(super) fn push(&mut self, instruction: Instruction) {
        self.instructions.push(instruction);
    }

    /// Writes a jump; `jumps` are to land later.
    pub(super) fn jump(&mut self, jump: Instruction, jumps: &mut Jumps) {
        jumps.push(self.instructions.len());
        self.push(jump);
    }

    /// The place of the next instruction.
    pub(super) fn here(&self) -> Option<u16> {
        u16::try_from(self.instructions.len()).ok()
    }

    /// Lets jumps lead to the next instruction.
    pub(super) fn land(&mut self, jumps: Jumps) -> Option<()> {
        let here = self.here()?;
        self.aim(jumps, here);
        Some(())
    }

    pub(super) fn aim(&mut self, jumps: Jumps, place: u16) {
        for at in jumps {
            if let Some(jump) = self.instructions.get_mut(at) {
                jump.aim(place);
            }
        }
    }
}
