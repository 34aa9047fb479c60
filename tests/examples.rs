//! Every program in `examples/` runs to its end.

#[path = "../examples/pandas_tour.rs"]
mod pandas_tour;
#[path = "../examples/quickstart.rs"]
mod quickstart;

#[test]
fn the_tour_for_pandas_users_runs() -> partita::Result<()> {
    pandas_tour::main()
}

#[test]
fn quickstart_runs() -> partita::Result<()> {
    quickstart::main()
}
