//! Every program in `examples/` runs to its end.

#[path = "../examples/quickstart.rs"]
mod quickstart;

#[test]
fn quickstart_runs() -> partita::Result<()> {
    quickstart::main()
}
