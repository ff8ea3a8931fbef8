//! Tests of the shared writer.

use std::sync::{Arc, Mutex};

use tokio::sync::Semaphore;

use super::*;

/// Doubles numbers; refuses a statement that contains a 13; waits for a permit before each statement.
struct Double {
    gate: Arc<Semaphore>,
    sizes: Arc<Mutex<Vec<usize>>>,
}

impl Flush for Double {
    type Item = u64;
    type Outcome = u64;

    fn task_id(_: &u64) -> Uuid {
        Uuid::nil()
    }

    async fn flush(&self, items: &[u64]) -> Result<Vec<u64>, StoreError> {
        self.gate.acquire().await.unwrap().forget();
        self.sizes.lock().unwrap().push(items.len());
        if items.contains(&13) {
            return Err(StoreError::Refused("13".to_owned()));
        }
        Ok(items.iter().map(|item| item * 2).collect())
    }
}

fn doubling() -> (Batcher<Double>, Arc<Semaphore>, Arc<Mutex<Vec<usize>>>) {
    let (gate, sizes) = (Arc::new(Semaphore::new(0)), Arc::default());
    (
        Batcher::spawn(Double {
            gate: gate.clone(),
            sizes: Arc::clone(&sizes),
        }),
        gate,
        sizes,
    )
}

#[tokio::test]
async fn items_that_arrive_during_a_flush_share_the_next_one() {
    let (batcher, gate, sizes) = doubling();
    let callers: Vec<_> = (100..200_u64)
        .map(|number| {
            let batcher = batcher.clone();
            tokio::spawn(async move { batcher.run(number).await })
        })
        .collect();
    tokio::task::yield_now().await;
    gate.add_permits(100);
    for (number, caller) in (100..).zip(callers) {
        assert_eq!(caller.await.unwrap().unwrap(), number * 2);
    }
    assert!(
        sizes.lock().unwrap().len() <= 3,
        "{:?}",
        sizes.lock().unwrap()
    );
}

#[tokio::test]
async fn a_statement_stays_within_its_size() {
    struct Heavy(Arc<Mutex<Vec<usize>>>);
    impl Flush for Heavy {
        type Item = usize;
        type Outcome = ();
        fn task_id(_: &usize) -> Uuid {
            Uuid::nil()
        }
        fn weight(item: &usize) -> usize {
            *item
        }
        async fn flush(&self, items: &[usize]) -> Result<Vec<()>, StoreError> {
            self.0.lock().unwrap().push(items.len());
            Ok(vec![(); items.len()])
        }
    }
    let sizes = Arc::default();
    let batcher = Batcher::spawn(Heavy(Arc::clone(&sizes)));
    let third = MAX_BATCH_BYTES / 3;
    let all = (0..7).map(|_| batcher.run(third));
    assert!(
        futures_util::future::join_all(all)
            .await
            .iter()
            .all(Result::is_ok)
    );
    batcher.run(MAX_BATCH_BYTES * 2).await.unwrap();
    assert_eq!(*sizes.lock().unwrap(), [3, 3, 1, 1]);
}

#[tokio::test]
async fn one_bad_item_does_not_fail_the_others() {
    let (batcher, gate, _) = doubling();
    gate.add_permits(100);
    let (good, bad, also_good) = tokio::join!(batcher.run(1), batcher.run(13), batcher.run(2));
    assert_eq!((good.unwrap(), also_good.unwrap()), (2, 4));
    assert!(matches!(bad, Err(StoreError::Refused(_))));
}

#[tokio::test]
async fn a_refusal_of_everything_is_not_tried_item_by_item() {
    let (batcher, gate, sizes) = doubling();
    let first = tokio::spawn({
        let batcher = batcher.clone();
        async move { batcher.run(1).await }
    });
    tokio::task::yield_now().await;
    let refused = futures_util::future::join_all((0..100).map(|_| batcher.run(13)));
    gate.add_permits(100);
    let (refused, first) = tokio::join!(refused, first);
    assert_eq!(first.unwrap().unwrap(), 2);
    let is_told = |answer: &Result<u64, StoreError>| {
        matches!(
            answer,
            Err(StoreError::Refused(_) | StoreError::Unavailable(_))
        )
    };
    assert!(refused.iter().all(is_told));
    assert_eq!(*sizes.lock().unwrap(), [1, 100, 1, 1, 1]);
}

#[tokio::test]
async fn an_item_whose_caller_was_dropped_is_not_executed() {
    let (batcher, gate, sizes) = doubling();
    let first = tokio::spawn({
        let batcher = batcher.clone();
        async move { batcher.run(1).await }
    });
    tokio::task::yield_now().await;
    let gone = tokio::spawn({
        let batcher = batcher.clone();
        async move { batcher.run(2).await }
    });
    tokio::task::yield_now().await;
    gone.abort();
    assert!(gone.await.unwrap_err().is_cancelled());
    gate.add_permits(10);
    assert_eq!(first.await.unwrap().unwrap(), 2);
    assert_eq!(batcher.run(3).await.unwrap(), 6);
    assert_eq!(*sizes.lock().unwrap(), [1, 1]);
}
