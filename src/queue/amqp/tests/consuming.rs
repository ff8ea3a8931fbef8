use std::collections::{BTreeSet, HashSet};

use super::super::LinkState;
use super::support::{Queues, depth_becomes, message, messages, publish_all, take, within};

#[tokio::test]
async fn a_consumer_of_a_deleted_queue_consumes_again() {
    let queues = Queues::new(&["simulator"]);
    let publisher = queues.publisher().await;
    let (consumer, mut deliveries) = queues.consumer(10).await;
    for _ in 0..3 {
        queues.delete("simulator").await;
        let sent = message("simulator");
        publish_all(&publisher, vec![sent.clone()]).await;
        let delivery = take(&mut deliveries, 1).await.remove(0);
        assert_eq!(delivery.task_id, Some(sent.task_id));
        delivery.ack();
    }
    within("consuming", consumer.wait_up()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settling_in_any_order_never_closes_the_channel() {
    let queues = Queues::new(&["simulator"]);
    let publisher = queues.publisher().await;
    publish_all(&publisher, messages("simulator", 3_000)).await;
    let (consumer, mut deliveries) = queues.consumer(64).await;
    let (mut done, mut requeued) = (HashSet::new(), HashSet::new());
    let mut held = Vec::new();
    while done.len() < 3_000 {
        if held.len() < 64 && done.len() + held.len() < 3_000 {
            held.extend(take(&mut deliveries, 1).await);
        }
        if held.len() >= 48 || done.len() + held.len() >= 3_000 {
            let delivery = held.swap_remove(rand::random_range(0..held.len()));
            let id = delivery.task_id.unwrap();
            if rand::random_range(0..10) == 0 && requeued.insert(id) {
                delivery.requeue();
            } else {
                assert!(done.insert(id), "{id} was delivered after its ack");
                delivery.ack();
            }
        }
    }
    assert_eq!(consumer.state(), LinkState::Up);
    queues.shutdown.cancel();
    within("closed", consumer.wait_closed()).await;
    let again = Queues::new(&[]);
    let mut config = again.config.clone();
    config.queue.clone_from(&queues.config.queue);
    let observer = super::super::Publisher::start(config, &again.shutdown);
    depth_becomes(&observer, "simulator", 0).await;
}

#[tokio::test]
async fn no_more_than_the_prefetch_is_delivered_unsettled() {
    let queues = Queues::new(&["simulator", "aer"]);
    let publisher = queues.publisher().await;
    publish_all(&publisher, messages("simulator", 50)).await;
    publish_all(&publisher, messages("aer", 50)).await;
    let (_consumer, mut deliveries) = queues.consumer(5).await;
    let mut held = take(&mut deliveries, 10).await;
    depth_becomes(&publisher, "simulator", 45).await;
    depth_becomes(&publisher, "aer", 45).await;
    let done = held.remove(0);
    let backend = done.backend.clone();
    done.ack();
    let next = take(&mut deliveries, 1).await.remove(0);
    assert_eq!(next.backend, backend);
    depth_becomes(&publisher, &backend, 44).await;
}

#[tokio::test]
async fn a_pause_returns_what_no_worker_has_taken() {
    let queues = Queues::new(&["simulator"]);
    let publisher = queues.publisher().await;
    publish_all(&publisher, messages("simulator", 20)).await;
    let (consumer, mut deliveries) = queues.consumer(10).await;
    let held = take(&mut deliveries, 3).await;
    depth_becomes(&publisher, "simulator", 10).await;
    within("pause", consumer.pause()).await;
    assert_eq!(consumer.state(), LinkState::Paused);
    depth_becomes(&publisher, "simulator", 17).await;
    for delivery in held {
        delivery.ack();
    }
    consumer.resume();
    within("resume", consumer.wait_up()).await;
    for _ in 0..17 {
        take(&mut deliveries, 1).await.remove(0).ack();
    }
    depth_becomes(&publisher, "simulator", 0).await;
    within("pause", consumer.pause()).await;
    depth_becomes(&publisher, "simulator", 0).await;
}

#[tokio::test]
async fn a_backend_that_is_paused_alone_keeps_its_messages_and_others_are_consumed() {
    let queues = Queues::new(&["simulator", "aer"]);
    let publisher = queues.publisher().await;
    let (consumer, mut deliveries) = queues.consumer(5).await;
    let only_aer = || BTreeSet::from(["aer".to_owned()]);
    consumer.pause_backends(only_aer());
    within(
        "the pause",
        consumer.wait_for(|state| state == LinkState::Up),
    )
    .await;
    // The pause may follow the first messages: those return to the queue.
    publish_all(&publisher, messages("aer", 20)).await;
    depth_becomes(&publisher, "aer", 20).await;
    publish_all(&publisher, messages("simulator", 3)).await;
    for delivery in take(&mut deliveries, 3).await {
        assert_eq!(delivery.backend, "simulator");
        delivery.ack();
    }
    assert_eq!(consumer.state(), LinkState::Up);
    // A pause of all ends, and that of one stays.
    within("pause", consumer.pause()).await;
    consumer.resume();
    within("resume", consumer.wait_up()).await;
    depth_becomes(&publisher, "aer", 20).await;
    consumer.pause_backends(BTreeSet::new());
    for _ in 0..20 {
        take(&mut deliveries, 1).await.remove(0).ack();
    }
    depth_becomes(&publisher, "aer", 0).await;
}

#[tokio::test]
async fn a_consumer_paused_while_it_starts_takes_nothing() {
    let queues = Queues::new(&["simulator"]);
    let publisher = queues.publisher().await;
    publish_all(&publisher, messages("simulator", 5)).await;
    let backends = vec!["simulator".to_owned()];
    let (consumer, mut deliveries) =
        super::super::Consumer::start(queues.config.clone(), backends, 5, &queues.shutdown);
    within("pause", consumer.pause()).await;
    let paused = |state| state == LinkState::Paused;
    within("paused", consumer.wait_for(paused)).await;
    depth_becomes(&publisher, "simulator", 5).await;
    consumer.resume();
    take(&mut deliveries, 5).await;
}

#[tokio::test]
async fn a_delivery_dropped_without_a_word_is_delivered_again() {
    let queues = Queues::new(&["simulator"]);
    let publisher = queues.publisher().await;
    let (_consumer, mut deliveries) = queues.consumer(1).await;
    let sent = message("simulator");
    publish_all(&publisher, vec![sent.clone()]).await;
    let first = take(&mut deliveries, 1).await.remove(0);
    assert!(!first.redelivered);
    drop(first);
    let second = take(&mut deliveries, 1).await.remove(0);
    assert!(second.redelivered);
    assert_eq!(second.task_id, Some(sent.task_id));
    assert_eq!(second.correlation_id.as_deref(), Some("test"));
    assert_eq!(second.backend, "simulator");
    second.ack();
}

#[tokio::test]
async fn a_cancelled_consumer_gives_everything_back_and_ends() {
    let queues = Queues::new(&["simulator"]);
    let publisher = queues.publisher().await;
    publish_all(&publisher, messages("simulator", 10)).await;
    let shutdown = queues.shutdown.child_token();
    let backends = vec!["simulator".to_owned()];
    let (consumer, mut deliveries) =
        super::super::Consumer::start(queues.config.clone(), backends, 5, &shutdown);
    let mut held = take(&mut deliveries, 2).await;
    held.remove(0).ack();
    shutdown.cancel();
    within("closed", consumer.wait_closed()).await;
    assert!(within("end", deliveries.recv()).await.is_none());
    depth_becomes(&publisher, "simulator", 9).await;
    held.remove(0).ack();
    depth_becomes(&publisher, "simulator", 9).await;
}

#[tokio::test]
async fn a_refused_queue_keeps_the_consumer_down_and_its_neighbours_running() {
    let queues = Queues::new(&["simulator", "odd"]);
    queues.declare_otherwise("odd", false).await;
    let publisher = queues.publisher().await;
    let backends = vec!["simulator".to_owned(), "odd".to_owned()];
    let (consumer, mut deliveries) =
        super::super::Consumer::start(queues.config.clone(), backends, 5, &queues.shutdown);
    publish_all(&publisher, vec![message("simulator")]).await;
    take(&mut deliveries, 1).await.remove(0).ack();
    within(
        "down",
        consumer.wait_for(|state| matches!(state, LinkState::Down { .. })),
    )
    .await;
    let state = consumer.state().to_string();
    assert!(state.contains("delete_queue"), "{state}");
    queues.delete("odd").await;
    within("up", consumer.wait_up()).await;
    assert_eq!(publisher.queue_depth("odd").await, Ok(Some(0)));
}
