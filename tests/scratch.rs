#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scratch() {
    let ctx = partita::Context::builder().threads(2).build().unwrap();
    if let Ok(dir) = std::env::var("LOAD") {
        let t = std::time::Instant::now();
        println!("loaded {:?}", partita::load_dir(&ctx, dir).await);
        println!("in {:?}", t.elapsed());
    }
    let sql = std::fs::read_to_string(std::env::var("SQL").unwrap()).unwrap();
    for piece in partita::sql::split(&sql).unwrap() {
        println!("> {}", piece.text);
        let t = std::time::Instant::now();
        let r = async { ctx.sql(piece.text).await?.compute().await }.await;
        match r {
            Ok(b) => println!("{}", datafusion::arrow::util::pretty::pretty_format_batches(&b).unwrap()),
            Err(e) => println!("ERROR {}", e.report()),
        }
        println!("{:?}", t.elapsed());
    }
}
