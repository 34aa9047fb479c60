//! Work on all columns of a row group at once.

use std::sync::Arc;

use datafusion::common::runtime::SpawnedTask;
use datafusion::common::{DataFusionError, Result};
use datafusion::parquet::errors::Result as ParquetResult;
use parking_lot::Mutex;

/// Items with their places, those that take the longest last.
type Queue<T> = Arc<Mutex<Vec<(usize, T)>>>;

/// What `work` makes of each item, in their order, with so many tasks at once. Each takes the next item when it has done
/// one: a long column is worked on beside several short ones.
pub(super) async fn on_all<T, R>(
    items: Vec<T>,
    tasks: usize,
    weight: impl Fn(&T) -> usize,
    work: fn(T) -> ParquetResult<R>,
) -> Result<Vec<R>>
where
    T: Send + 'static,
    R: Send + 'static,
{
    let mut items: Vec<_> = items.into_iter().enumerate().collect();
    items.sort_by_cached_key(|(_, item)| weight(item));
    let tasks = tasks.min(items.len());
    let queue = Arc::new(Mutex::new(items));
    let mut all = Vec::new();
    if tasks <= 1 {
        all = done(&queue, work)?;
    } else {
        // All of them are tasks, and none is worked on here: the last that was spawned waits for this one to wait.
        let spawn = |_| {
            let queue = Arc::clone(&queue);
            SpawnedTask::spawn(async move { done(&queue, work) })
        };
        for task in (0..tasks).map(spawn).collect::<Vec<_>>() {
            all.extend(task.join_unwind().await.map_err(|error| DataFusionError::ExecutionJoin(Box::new(error)))??);
        }
    }
    all.sort_unstable_by_key(|(place, _)| *place);
    Ok(all.into_iter().map(|(_, made)| made).collect())
}

fn done<T, R>(queue: &Queue<T>, work: fn(T) -> ParquetResult<R>) -> Result<Vec<(usize, R)>> {
    let mut all = Vec::new();
    loop {
        // Not in the condition of a loop, where the lock would be held while the item is worked on.
        let Some((place, item)) = queue.lock().pop() else { return Ok(all) };
        all.push((place, work(item)?));
    }
}

#[cfg(test)]
mod tests {
    use datafusion::parquet::errors::ParquetError;

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_is_made_is_in_the_order_of_the_items() {
        let items: Vec<usize> = (0..100).map(|n| n * 37 % 100).collect();
        for tasks in [1, 2, 200] {
            let made = on_all(items.clone(), tasks, |item| *item, |item| Ok(item + 1)).await.unwrap();
            assert!(made.iter().zip(&items).all(|(made, item)| *made == item + 1));
        }
        let none: Vec<usize> = on_all(Vec::new(), 2, |item| *item, Ok).await.unwrap();
        assert!(none.is_empty());
    }

    #[tokio::test]
    async fn an_error_of_one_is_the_error_of_all() {
        let work = |item| if item == 7 { Err(ParquetError::General("seven".into())) } else { Ok(item) };
        let error = on_all((0..10).collect(), 2, |item: &i32| *item as usize, work).await.unwrap_err();
        assert!(error.to_string().contains("seven"), "{error}");
    }
}
