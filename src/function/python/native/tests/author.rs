//! Functions written by dice.

use std::fmt::Write;

use super::super::kind::Kind;

/// Random numbers that are the same every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % end
    }

    fn one_of<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

/// Writes a function of three arguments: `i` and `j` are integers, `x` and `y` floats, `p` and `q` truths. Arguments are
/// `i`, `x` and `p`; the others are variables.
pub(super) struct Author {
    dice: Dice,
    text: String,
    /// Loops around what is written: there products are kept small, or Python's integers would fill the memory.
    loops: usize,
    counters: usize,
}

impl Author {
    /// The function of a number, and the type of its results.
    pub(super) fn function(seed: u64) -> (String, Kind) {
        let dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let mut author = Self { dice, text: String::new(), loops: 0, counters: 0 };
        author.text.push_str("def f(i, x, p):\n");
        for variable in ["j", "y", "q"] {
            let value = author.value(variable, 2);
            author.line(1, &format!("{variable} = {value}"));
        }
        author.block(1, 2);
        let (kind, variable) =
            [(Kind::Int, "j"), (Kind::Float, "y"), (Kind::Bool, "q"), (Kind::Int, "q"), (Kind::Float, "j")]
                [author.dice.below(5)];
        let value = author.value(variable, 3);
        match author.dice.below(4) {
            0 => author.line(1, &format!("return {value} if i != 3 else None")),
            _ => author.line(1, &format!("return {value}")),
        }
        (author.text, kind)
    }

    fn line(&mut self, depth: usize, text: &str) {
        writeln!(self.text, "{}{text}", "    ".repeat(depth)).unwrap();
    }

    fn block(&mut self, depth: usize, nested: usize) {
        for _ in 0..1 + self.dice.below(3) {
            self.statement(depth, nested);
        }
    }

    fn statement(&mut self, depth: usize, nested: usize) {
        let simple = if self.loops > 0 { 5 } else { 4 };
        match self.dice.below(if nested > 0 { 9 } else { simple }) {
            4 if self.loops > 0 => {
                let (test, leave) = (self.truth(1), self.dice.one_of(&["break", "continue"]));
                self.line(depth, &format!("if {test}: {leave}"));
            }
            5 | 6 => self.choose(depth, nested),
            7 => {
                self.counters += 1;
                let (bound, step) = (self.int(1), self.dice.one_of(&["", ", 1", ", 3"]));
                let from = if step.is_empty() { "" } else { "-2, " };
                let head = format!("for k{} in range({from}({bound}) & 3{step}):", self.counters);
                self.repeat(depth, nested, &head, &[]);
            }
            8 => {
                self.counters += 1;
                let (counter, test) = (format!("k{}", self.counters), self.truth(1));
                let (turn, most) = (format!("{counter} += 1"), format!("if {counter} > 3 or ({test}): break"));
                self.line(depth, &format!("{counter} = 0"));
                match self.dice.below(3) {
                    0 => self.repeat(depth, nested, "while True:", &[&turn, &most]),
                    _ => self.repeat(depth, nested, &format!("while {counter} < 4 and ({test}):"), &[&turn]),
                }
            }
            _ => self.assign(depth),
        }
    }

    fn repeat(&mut self, depth: usize, nested: usize, head: &str, first: &[&str]) {
        self.line(depth, head);
        first.iter().for_each(|line| self.line(depth + 1, line));
        self.loops += 1;
        self.block(depth + 1, nested - 1);
        self.loops -= 1;
    }

    fn choose(&mut self, depth: usize, nested: usize) {
        let test = self.truth(2);
        self.line(depth, &format!("if {test}:"));
        self.block(depth + 1, nested - 1);
        if self.dice.below(2) == 0 {
            let test = self.truth(2);
            let other = if self.dice.below(2) == 0 { "else:".to_string() } else { format!("elif {test}:") };
            self.line(depth, &other);
            self.block(depth + 1, nested - 1);
        }
    }

    fn assign(&mut self, depth: usize) {
        let variable = self.dice.one_of(&["j", "y", "q", "i", "x"]);
        let value = self.value(variable, 3);
        match self.dice.below(4) {
            0 if variable == "j" => self.line(depth, &format!("j += {value}")),
            1 if variable == "y" => self.line(depth, &format!("y -= {value}")),
            2 => {
                let other = self.value("q", 2);
                self.line(depth, &format!("{variable}, q = {value}, {other}"));
            }
            _ => self.line(depth, &format!("{variable} = {value}")),
        }
    }

    fn value(&mut self, variable: &str, depth: usize) -> String {
        match variable {
            "i" | "j" => self.int(depth),
            "x" | "y" => self.float(depth),
            _ => self.bool(depth),
        }
    }

    /// Only arguments before the variables are bound.
    fn variable(&mut self, argument: &'static str, variable: &'static str) -> String {
        let bound = self.text.contains(&format!("    {variable} = "));
        (if bound && self.dice.below(2) == 0 { variable } else { argument }).to_string()
    }

    fn int(&mut self, depth: usize) -> String {
        if depth == 0 || self.dice.below(5) == 0 {
            return match self.dice.below(3) {
                0 => self.dice.one_of(&["0", "1", "2", "3", "-1", "8", "10", "-7", "9007199254740993"]).to_string(),
                _ => self.variable("i", "j"),
            };
        }
        let (a, b) = (self.int(depth - 1), self.int(depth - 1));
        match self.dice.below(14) {
            0 => format!("({a} + {b})"),
            1 => format!("({a} - {b})"),
            2 if self.loops > 0 || depth > 1 => format!("(({a} * {b}) % 1000003)"),
            2 => format!("({a} * {b})"),
            3 => format!("({a} // {})", self.dice.one_of(&["2", "8", "3", "-5", "j", "i"]).replace('j', &b)),
            4 => format!("({a} % {})", self.dice.one_of(&["2", "8", "3", "-5", "j", "i"]).replace('j', &b)),
            5 => format!("({a} {} {b})", self.dice.one_of(&["&", "|", "^"])),
            6 => format!("((({a}) & 65535) << (({b}) & 63))"),
            7 => format!("({a} >> (({b}) & 127))"),
            8 => format!("(-{a} if {} else ~{b})", self.truth(depth - 1)),
            9 => format!("{}({a}, {b}, 5)", self.dice.one_of(&["min", "max"])),
            10 => format!("abs({a})"),
            11 => format!("int({})", self.float(depth - 1)),
            12 => format!("({a} {} {b})", self.dice.one_of(&["and", "or"])),
            _ => format!("({} + {a})", self.bool(depth - 1)),
        }
    }

    fn float(&mut self, depth: usize) -> String {
        if depth == 0 || self.dice.below(5) == 0 {
            return match self.dice.below(3) {
                0 => self.dice.one_of(&["0.0", "1.5", "-2.0", "1e400", "0.1", "-0.0", "3e-310"]).to_string(),
                _ => self.variable("x", "y"),
            };
        }
        let (a, b) = (self.float(depth - 1), self.float(depth - 1));
        match self.dice.below(11) {
            0 | 1 => format!("({a} {} {b})", self.dice.one_of(&["+", "-", "*"])),
            2 => format!("({a} / {b})"),
            3 => format!("({a} {} {b})", self.dice.one_of(&["//", "%"])),
            4 => format!("({a} {} {})", self.dice.one_of(&["+", "-", "*", "/", "//", "%"]), self.int(depth - 1)),
            5 => format!("({} {} {a})", self.int(depth - 1), self.dice.one_of(&["+", "-", "*", "/", "//", "%"])),
            6 => format!("({} / {})", self.int(depth - 1), self.int(depth - 1)),
            7 => format!("({a} if {} else -{b})", self.truth(depth - 1)),
            8 => format!("{}({a}, {b})", self.dice.one_of(&["min", "max"])),
            9 => format!("({a} {} abs({b}))", self.dice.one_of(&["and", "or"])),
            _ => format!("float({})", self.int(depth - 1)),
        }
    }

    fn bool(&mut self, depth: usize) -> String {
        if depth == 0 || self.dice.below(5) == 0 {
            return match self.dice.below(4) {
                0 => self.dice.one_of(&["True", "False"]).to_string(),
                _ => self.variable("p", "q"),
            };
        }
        match self.dice.below(5) {
            0 => format!(
                "({} {} {})",
                self.bool(depth - 1),
                self.dice.one_of(&["&", "|", "^", "and", "or"]),
                self.bool(depth - 1)
            ),
            1 => format!("bool({})", self.truth(depth - 1)),
            2 => format!("(not {})", self.truth(depth - 1)),
            _ => self.comparison(depth - 1),
        }
    }

    fn comparison(&mut self, depth: usize) -> String {
        let operators = ["<", "<=", ">", ">=", "==", "!="];
        let mut text = self.number(depth);
        for _ in 0..1 + self.dice.below(2) {
            write!(text, " {} {}", self.dice.one_of(&operators), self.number(depth)).unwrap();
        }
        format!("({text})")
    }

    fn number(&mut self, depth: usize) -> String {
        match self.dice.below(5) {
            0 | 1 => self.int(depth),
            2 | 3 => self.float(depth),
            _ => self.bool(depth),
        }
    }

    /// What stands where only its truth counts.
    fn truth(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self.number(0);
        }
        match self.dice.below(5) {
            0 => self.number(depth),
            1 => format!("({} and {})", self.truth(depth - 1), self.truth(depth - 1)),
            2 => format!("({} or not {})", self.truth(depth - 1), self.truth(depth - 1)),
            _ => self.comparison(depth - 1),
        }
    }
}
