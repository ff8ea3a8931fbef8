use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::super::{
    AmqpConfig, LinkState, PublishError, Publisher, QueueError, QueueType, queue_name,
};
use super::support::{Queues, depth_becomes, message, messages, publish_all, take, within};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_messages_of_sixteen_callers_are_all_confirmed_and_all_there() {
    let queues = Queues::new(&["simulator"]);
    let publisher = queues.publisher().await;
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let publisher = publisher.clone();
        callers.spawn(async move {
            let mut sent = HashSet::new();
            for _ in 0..25 {
                let batch = messages("simulator", 25);
                sent.extend(batch.iter().map(|message| message.task_id));
                publish_all(&publisher, batch).await;
            }
            sent
        });
    }
    let mut sent = HashSet::new();
    while let Some(of_one) = callers.join_next().await {
        sent.extend(of_one.unwrap());
    }
    depth_becomes(&publisher, "simulator", 10_000).await;
    let (_consumer, mut deliveries) = queues.consumer(500).await;
    let mut received = HashSet::new();
    while received.len() < 10_000 {
        for delivery in take(&mut deliveries, 100).await {
            assert!(received.insert(delivery.task_id.unwrap()));
            delivery.ack();
        }
    }
    assert_eq!(received, sent);
}

#[tokio::test]
async fn one_call_may_be_larger_than_the_window_of_unconfirmed_messages() {
    let queues = Queues::new(&["simulator"]);
    let publisher = queues.publisher().await;
    publish_all(&publisher, messages("simulator", 9_000)).await;
    depth_becomes(&publisher, "simulator", 9_000).await;
    assert!(publisher.publish(Vec::new()).await.is_empty());
}

#[tokio::test]
async fn a_message_that_no_queue_takes_is_published_again_after_declaring_it() {
    let queues = Queues::new(&["simulator", "aer"]);
    let publisher = queues.publisher().await;
    publish_all(&publisher, vec![message("simulator"), message("aer")]).await;
    queues.delete("aer").await;
    assert_eq!(publisher.queue_depth("aer").await, Ok(None));
    publish_all(
        &publisher,
        vec![message("aer"), message("simulator"), message("aer")],
    )
    .await;
    depth_becomes(&publisher, "aer", 2).await;
    depth_becomes(&publisher, "simulator", 2).await;
}

#[tokio::test]
async fn a_queue_with_other_arguments_is_used_as_it_is_and_named() {
    let queues = Queues::new(&["simulator", "odd"]);
    queues.declare_otherwise("odd", true).await;
    let publisher = queues.publisher().await;
    publish_all(&publisher, vec![message("simulator"), message("odd")]).await;
    depth_becomes(&publisher, "odd", 1).await;
    let odd = queue_name(&queues.config.queue, "odd");
    let remarks = publisher.remarks();
    assert!(
        remarks.len() == 1 && remarks[0].contains(&odd),
        "{remarks:?}"
    );
    assert_eq!(publisher.unusable_queues(), []);
}

#[tokio::test]
async fn a_queue_that_is_not_durable_is_named_and_its_neighbours_are_published() {
    let queues = Queues::new(&["simulator", "odd"]);
    queues.declare_otherwise("odd", false).await;
    let publisher = queues.publisher().await;
    let batch = vec![message("simulator"), message("odd"), message("simulator")];
    let outcomes = publisher.publish(batch).await;
    assert_eq!(outcomes[0], Ok(()));
    assert_eq!(outcomes[2], Ok(()));
    let odd = queue_name(&queues.config.queue, "odd");
    match &outcomes[1] {
        Err(PublishError::Queue(QueueError::Unusable { queue, .. })) => assert_eq!(*queue, odd),
        other => panic!("{other:?}"),
    }
    let error = outcomes[1].clone().unwrap_err();
    assert!(error.to_string().contains("delete_queue"), "{error}");
    depth_becomes(&publisher, "simulator", 2).await;
}

#[tokio::test]
async fn a_name_that_does_not_fit_the_protocol_is_an_error() {
    let queues = Queues::new(&[]);
    let publisher = queues.publisher().await;
    let outcomes = publisher.publish(vec![message(&"x".repeat(300))]).await;
    let refused = PublishError::Queue(QueueError::NameTooLong {
        queue: queue_name(&queues.config.queue, &"x".repeat(300)),
    });
    assert_eq!(outcomes, [Err(refused)]);
}

#[tokio::test]
async fn asking_for_missing_queues_can_go_on_for_ever() {
    let queues = Queues::new(&["simulator"]);
    let publisher = queues.publisher().await;
    publisher.ensure_queue("simulator").await.unwrap();
    // More than the number of channels that one connection may lose.
    for _ in 0..600 {
        assert_eq!(publisher.queue_depth("missing").await, Ok(None));
    }
    assert_eq!(publisher.queue_depth("simulator").await, Ok(Some(0)));
    assert_eq!(publisher.state(), LinkState::Up);
}

#[tokio::test]
async fn a_purged_queue_goes_on_taking_messages() {
    let queues = Queues::new(&["simulator"]);
    let publisher = queues.publisher().await;
    publish_all(&publisher, messages("simulator", 10)).await;
    queues.purge("simulator").await;
    depth_becomes(&publisher, "simulator", 0).await;
    let (_consumer, mut deliveries) = queues.consumer(10).await;
    let sent = message("simulator");
    publish_all(&publisher, vec![sent.clone()]).await;
    let delivery = take(&mut deliveries, 1).await.remove(0);
    assert_eq!(delivery.task_id, Some(sent.task_id));
    delivery.ack();
}

#[tokio::test]
async fn the_most_urgent_message_is_delivered_first() {
    let queues = Queues::new(&["simulator"]);
    let publisher = queues.publisher().await;
    for priority in [0, 5, 10, 3, 255] {
        let urgent = super::super::OutgoingMessage {
            priority,
            ..message("simulator")
        };
        publish_all(&publisher, vec![urgent.clone()]).await;
    }
    let mut late = message("simulator");
    late.priority = 7;
    publish_all(&publisher, vec![late.clone()]).await;
    let (_consumer, mut deliveries) = queues.consumer(1).await;
    let mut order = Vec::new();
    for _ in 0..6 {
        let delivery = take(&mut deliveries, 1).await.remove(0);
        order.push(delivery.task_id);
        delivery.ack();
    }
    assert_eq!(
        order.iter().position(|id| *id == Some(late.task_id)),
        Some(2)
    );
}

#[tokio::test]
async fn quorum_queues_carry_messages_as_well() {
    let mut queues = Queues::new(&["simulator"]);
    queues.config.queue_type = QueueType::Quorum;
    let publisher = queues.publisher().await;
    publish_all(&publisher, messages("simulator", 100)).await;
    let (consumer, mut deliveries) = queues.consumer(10).await;
    for delivery in take(&mut deliveries, 10).await {
        delivery.ack();
    }
    within("pause", consumer.pause()).await;
    depth_becomes(&publisher, "simulator", 90).await;
}

#[tokio::test]
async fn without_a_broker_publishing_fails_at_once() {
    // A port that was free when it was chosen, without a listener.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let config = AmqpConfig::parse(&format!("amqp://u:sesame@127.0.0.1:{port}"), None).unwrap();
    let shutdown = tokio_util::sync::CancellationToken::new();
    let publisher = Publisher::start(config, &shutdown);
    let down = |state: &LinkState| matches!(state, LinkState::Down { .. });
    within("down", publisher.wait_for(down)).await;
    let asked = Instant::now();
    let outcomes = publisher.publish(messages("simulator", 3)).await;
    assert!(asked.elapsed() < Duration::from_millis(500));
    for outcome in outcomes {
        let error = outcome.unwrap_err();
        assert!(matches!(error, PublishError::Down(_)));
        assert!(!error.to_string().contains("sesame"));
    }
    assert!(publisher.queue_depth("simulator").await.is_err());
    shutdown.cancel();
    within("closed", publisher.wait_closed()).await;
}

#[tokio::test]
async fn a_wrong_password_is_reported_as_a_likely_reason() {
    let mut url = url::Url::parse(&super::support::broker_url()).unwrap();
    url.set_password(Some("sesame")).unwrap();
    let config = AmqpConfig::parse(url.as_str(), None);
    let shutdown = tokio_util::sync::CancellationToken::new();
    let publisher = Publisher::start(config.unwrap(), &shutdown);
    let down = |state: &LinkState| matches!(state, LinkState::Down { .. });
    within("down", publisher.wait_for(down)).await;
    let state = publisher.state().to_string();
    assert!(state.contains("wrong user name or password"), "{state}");
    assert!(!state.contains("sesame"), "{state}");
}

#[tokio::test]
async fn a_cancelled_publisher_closes_and_refuses() {
    let queues = Queues::new(&["simulator"]);
    let publisher = queues.publisher().await;
    publish_all(&publisher, messages("simulator", 5)).await;
    queues.shutdown.cancel();
    within("closed", publisher.wait_closed()).await;
    let outcomes = publisher.publish(messages("simulator", 1)).await;
    assert!(matches!(outcomes[0], Err(PublishError::Down(_))));
}
