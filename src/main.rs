//! The command line: arguments → context → shell or script → exit code.

fn main() {}
