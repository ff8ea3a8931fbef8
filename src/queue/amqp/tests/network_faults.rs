use std::time::{Duration, Instant};

use super::super::{LinkState, PublishError};
use super::proxy::Proxy;
use super::support::{Queues, depth_becomes, message, messages, publish_all, take, within};

fn is_down(state: &LinkState) -> bool {
    matches!(state, LinkState::Down { .. })
}

#[tokio::test]
async fn a_confirm_lost_with_its_connection_is_an_error_and_the_next_publish_works() {
    let proxy = Proxy::start().await;
    let queues = Queues::new(&["simulator"]).through(proxy.port);
    let publisher = queues.publisher().await;
    publish_all(&publisher, messages("simulator", 3)).await;
    proxy.freeze();
    let sending = publisher.publish(messages("simulator", 2));
    let cutting = async {
        within("a message on its way", proxy.has_kept_something()).await;
        proxy.cut();
    };
    let (outcomes, ()) = tokio::join!(sending, cutting);
    assert_eq!(outcomes, vec![Err(PublishError::ConnectionLost); 2]);
    proxy.thaw();
    within("up", publisher.wait_up()).await;
    publish_all(&publisher, messages("simulator", 4)).await;
}

#[tokio::test]
async fn a_frozen_network_is_an_error_within_the_confirm_timeout() {
    let proxy = Proxy::start().await;
    let mut queues = Queues::new(&["simulator"]).through(proxy.port);
    queues.config.confirm_timeout = Duration::from_secs(1);
    let publisher = queues.publisher().await;
    publish_all(&publisher, messages("simulator", 1)).await;
    proxy.freeze();
    let asked = Instant::now();
    let outcomes = publisher.publish(messages("simulator", 2)).await;
    assert!(
        asked.elapsed() < Duration::from_millis(1_500),
        "{:?}",
        asked.elapsed()
    );
    for outcome in outcomes {
        let unknown = [PublishError::ConfirmTimeout, PublishError::ConnectionLost];
        assert!(unknown.contains(&outcome.unwrap_err()));
    }
    let asked = Instant::now();
    let outcomes = publisher.publish(messages("simulator", 1)).await;
    assert!(asked.elapsed() < Duration::from_millis(500));
    let unsent =
        |error: &PublishError| matches!(error, PublishError::Down(_) | PublishError::Blocked(_));
    assert!(outcomes[0].as_ref().is_err_and(unsent), "{outcomes:?}");
    within("down", publisher.wait_for(is_down)).await;
    proxy.thaw();
    within("up", publisher.wait_up()).await;
    publish_all(&publisher, messages("simulator", 1)).await;
}

#[tokio::test]
async fn a_broker_that_refuses_connections_is_tried_until_it_takes_one() {
    let proxy = Proxy::start().await;
    let queues = Queues::new(&["simulator"]).through(proxy.port);
    let publisher = queues.publisher().await;
    proxy.refuse(true);
    proxy.cut();
    within("down", publisher.wait_for(is_down)).await;
    let LinkState::Down { since, .. } = publisher.state() else {
        panic!("{}", publisher.state());
    };
    let outcome = publisher.publish(messages("simulator", 1)).await.remove(0);
    assert!(matches!(outcome, Err(PublishError::Down(_))));
    let later = |state: &LinkState| match state {
        LinkState::Down {
            reason,
            since: same,
        } => reason.contains("cannot connect") && *same == since,
        _ => false,
    };
    within("a failed attempt", publisher.wait_for(later)).await;
    proxy.refuse(false);
    within("up", publisher.wait_up()).await;
    publish_all(&publisher, messages("simulator", 1)).await;
}

#[tokio::test]
async fn an_ack_from_before_a_lost_connection_is_a_quiet_no_op() {
    let proxy = Proxy::start().await;
    let queues = Queues::new(&["simulator"]).through(proxy.port);
    let publisher = queues.publisher().await;
    let (consumer, mut deliveries) = queues.consumer(10).await;
    let sent = messages("simulator", 3);
    publish_all(&publisher, sent.clone()).await;
    let mut stale = take(&mut deliveries, 2).await;
    proxy.refuse(true);
    proxy.cut();
    within("down", consumer.wait_for(|state| is_down(&state))).await;
    proxy.refuse(false);
    within("up", consumer.wait_up()).await;
    let fresh = take(&mut deliveries, 3).await;
    assert!(fresh.iter().filter(|delivery| delivery.redelivered).count() >= 2);
    stale.remove(0).ack();
    stale.remove(0).requeue();
    for delivery in fresh {
        delivery.ack();
    }
    within("publisher up", publisher.wait_up()).await;
    let last = message("simulator");
    publish_all(&publisher, vec![last.clone()]).await;
    let delivery = take(&mut deliveries, 1).await.remove(0);
    assert_eq!(delivery.task_id, Some(last.task_id));
    delivery.ack();
    assert_eq!(consumer.state(), LinkState::Up);
    within("pause", consumer.pause()).await;
    depth_becomes(&publisher, "simulator", 0).await;
}

#[tokio::test]
async fn a_consumer_notices_a_frozen_network_by_its_heartbeat() {
    let proxy = Proxy::start().await;
    let mut queues = Queues::new(&["simulator"]).through(proxy.port);
    queues.config.heartbeat_seconds = 2;
    let (consumer, mut deliveries) = queues.consumer(10).await;
    proxy.freeze();
    let frozen = Instant::now();
    within("down", consumer.wait_for(|state| is_down(&state))).await;
    assert!(
        frozen.elapsed() < Duration::from_secs(10),
        "{:?}",
        frozen.elapsed()
    );
    proxy.cut();
    proxy.thaw();
    within("up", consumer.wait_up()).await;
    let publisher = queues.publisher().await;
    publish_all(&publisher, messages("simulator", 1)).await;
    take(&mut deliveries, 1).await.remove(0).ack();
}

#[tokio::test]
async fn a_pause_outlives_a_lost_connection() {
    let proxy = Proxy::start().await;
    let queues = Queues::new(&["simulator"]).through(proxy.port);
    let publisher = queues.publisher().await;
    let (consumer, mut deliveries) = queues.consumer(10).await;
    within("pause", consumer.pause()).await;
    proxy.refuse(true);
    proxy.cut();
    within("down", consumer.wait_for(|state| is_down(&state))).await;
    proxy.refuse(false);
    within(
        "paused",
        consumer.wait_for(|state| state == LinkState::Paused),
    )
    .await;
    within("publisher up", publisher.wait_up()).await;
    publish_all(&publisher, messages("simulator", 1)).await;
    depth_becomes(&publisher, "simulator", 1).await;
    consumer.resume();
    take(&mut deliveries, 1).await.remove(0).ack();
}

#[tokio::test]
async fn a_pause_ends_although_the_network_is_frozen() {
    let proxy = Proxy::start().await;
    let mut queues = Queues::new(&["simulator"]).through(proxy.port);
    queues.config.connect_timeout = Duration::from_millis(500);
    let (consumer, _deliveries) = queues.consumer(10).await;
    proxy.freeze();
    let asked = Instant::now();
    consumer.pause().await;
    assert!(
        asked.elapsed() < Duration::from_millis(2_500),
        "{:?}",
        asked.elapsed()
    );
    assert_ne!(consumer.state(), LinkState::Up);
}

#[tokio::test]
async fn a_connection_opened_for_a_caller_outlives_the_callers_runtime() {
    let proxy = Proxy::start().await;
    let queues = Queues::new(&["simulator"]).through(proxy.port);
    let publisher = queues.publisher().await;
    let asking = publisher.clone();
    let elsewhere = move || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().unwrap();
        runtime.block_on(asking.ensure_queue("simulator")).unwrap();
    };
    let asked = tokio::task::spawn_blocking(elsewhere);
    within("an answer elsewhere", asked).await.unwrap();
    // Only the existing connection can answer now.
    proxy.refuse(true);
    assert_eq!(publisher.queue_depth("simulator").await, Ok(Some(0)));
}
