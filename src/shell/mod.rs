//! The interactive shell: lines in, statements and commands out to whoever runs them.
//!
//! ```text
//! keys ─ editor ─► line ─┬─ commands ─► Action ─┐
//!         │  ▲           └─ SQL, up to its `;` ─┴─► session ─► interrupt (runs it, Ctrl-C) ─► Runner ─► pager, file
//!         ▼  │ history, complete, highlight                          │
//!       lexemes of sql::tokens                                       └─► progress on stderr
//! ```
//!
//! Only [`run`] needs a terminal. Commands, completion, highlighting and the progress line are functions of their
//! arguments. Nothing here plans or runs a query itself: that is the [`Runner`]'s.

mod commands;
mod complete;
mod editor;
mod folders;
mod highlight;
mod history;
mod interrupt;
mod lexeme;
mod pager;
mod progress;
mod runner;
mod script_runner;
mod session;
mod terminal;

pub use folders::init_file;
pub use interrupt::{Ended, Workers};
pub use runner::{Output, Runner, Setting};
pub use session::{ShellOptions, run};
