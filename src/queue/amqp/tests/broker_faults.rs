use std::time::{Duration, Instant};

use super::super::{LinkState, PublishError, Publisher};
use super::node::Node;
use super::support::{Queues, depth_becomes, messages, publish_all, take, within};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_without_memory_blocks_publishing_until_it_has_some() {
    let node = Node::start();
    let mut queues = Queues::at(&node.url(), &["simulator"]);
    queues.config.confirm_timeout = Duration::from_secs(2);
    let publisher = queues.publisher().await;
    publish_all(&publisher, messages("simulator", 1)).await;
    node.ctl(&["set_vm_memory_high_watermark", "0.0001"]).await;
    let asked = Instant::now();
    let outcome = publisher.publish(messages("simulator", 1)).await.remove(0);
    let unknown = [PublishError::ConfirmTimeout, PublishError::ConnectionLost];
    assert!(unknown.contains(&outcome.unwrap_err()));
    assert!(
        asked.elapsed() < Duration::from_millis(2_500),
        "{:?}",
        asked.elapsed()
    );
    // A publisher that connects only now detects the block by its probe, before it sends any message.
    let late = Publisher::start(queues.config.clone(), &queues.shutdown);
    let blocked = |state: &LinkState| matches!(state, LinkState::Blocked { .. });
    within("blocked", late.wait_for(blocked)).await;
    let asked = Instant::now();
    let outcome = late.publish(messages("simulator", 1)).await.remove(0);
    assert!(
        matches!(outcome, Err(PublishError::Blocked(_))),
        "{outcome:?}"
    );
    assert!(asked.elapsed() < Duration::from_millis(500));
    assert!(late.queue_depth("simulator").await.unwrap().is_some());
    node.ctl(&["set_vm_memory_high_watermark", "0.4"]).await;
    for publisher in [publisher, late] {
        within("up", publisher.wait_up()).await;
        publish_all(&publisher, messages("simulator", 1)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restarted_broker_gets_its_publisher_and_consumer_back() {
    let node = Node::start();
    let queues = Queues::at(&node.url(), &["simulator"]);
    let publisher = queues.publisher().await;
    let (consumer, mut deliveries) = queues.consumer(10).await;
    publish_all(&publisher, messages("simulator", 3)).await;
    let stale = take(&mut deliveries, 3).await;
    node.ctl(&["stop_app"]).await;
    let down = |state: &LinkState| matches!(state, LinkState::Down { .. });
    within("down", publisher.wait_for(down)).await;
    let outcome = publisher.publish(messages("simulator", 1)).await.remove(0);
    assert!(matches!(outcome, Err(PublishError::Down(_))), "{outcome:?}");
    node.ctl(&["start_app"]).await;
    within("publisher up", publisher.wait_up()).await;
    within("consumer up", consumer.wait_up()).await;
    drop(stale);
    for delivery in take(&mut deliveries, 3).await {
        assert!(delivery.redelivered);
        delivery.ack();
    }
    publish_all(&publisher, messages("simulator", 1)).await;
    take(&mut deliveries, 1).await.remove(0).ack();
    depth_becomes(&publisher, "simulator", 0).await;
    // A broker that lost its disk has none of the declared queues.
    node.ctl(&["stop_app"]).await;
    node.ctl(&["reset"]).await;
    node.ctl(&["start_app"]).await;
    within("publisher up", publisher.wait_up()).await;
    publish_all(&publisher, messages("simulator", 1)).await;
    take(&mut deliveries, 1).await.remove(0).ack();
}
