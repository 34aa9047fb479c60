//! Every program in `examples/` runs to its end.

#[path = "../examples/pandas_tour.rs"]
mod pandas_tour;
#[path = "../examples/partitioned_output.rs"]
mod partitioned_output;
#[path = "../examples/partitions.rs"]
mod partitions;
#[path = "../examples/persist.rs"]
mod persist;
#[path = "../examples/quickstart.rs"]
mod quickstart;

#[test]
fn the_tour_for_pandas_users_runs() -> partita::Result<()> {
    pandas_tour::main()
}

#[test]
fn partitioned_output_runs() -> partita::Result<()> {
    partitioned_output::main()
}

#[test]
fn partitions_runs() -> partita::Result<()> {
    partitions::main()
}

#[test]
fn persist_runs() -> partita::Result<()> {
    persist::main()
}

#[test]
fn quickstart_runs() -> partita::Result<()> {
    quickstart::main()
}
