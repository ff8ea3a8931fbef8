use super::*;

fn slots(count: u16) -> Arc<WorkerSlots> {
    Arc::new(WorkerSlots::new(count))
}

/// Slots whose last attempts took 1 ms each.
fn quick(count: u16) -> Arc<WorkerSlots> {
    let slots = slots(count);
    slots
        .lock()
        .ahead
        .note(Duration::from_millis(1), Instant::now());
    slots
}

async fn slot(place: SlotRequest) -> Slot {
    let slot = place.slot(std::future::pending()).await;
    slot.expect("a slot")
}

fn room(slots: &WorkerSlots) -> (usize, usize) {
    let room = slots.room_now();
    room.map_or((0, 0), |room| (room.tasks, room.free_slots))
}

#[tokio::test]
async fn a_worker_that_knows_no_durations_claims_for_its_free_slots_only() {
    let slots = slots(2);
    assert_eq!(room(&slots), (2, 2));
    let first = slots.request(0);
    assert!(first.has_slot());
    assert_eq!(room(&slots), (1, 1));
    let _second = slots.request(0);
    assert_eq!(room(&slots), (0, 0));
    drop(first);
    assert_eq!(room(&slots), (1, 1));
}

#[tokio::test]
async fn after_quick_attempts_more_are_claimed_in_groups_of_half_of_those_that_may_wait() {
    let slots = quick(1);
    assert_eq!(room(&slots), (21, 1));
    let mut requests: Vec<SlotRequest> = (0..11).map(|_| slots.request(0)).collect();
    assert_eq!(room(&slots), (10, 0));
    requests.push(slots.request(0));
    assert_eq!(room(&slots), (0, 0), "nine are not worth a statement");
}

#[tokio::test]
async fn the_tasks_that_wait_get_the_slots_in_order() {
    let slots = quick(1);
    let (first, second, third) = (slots.request(0), slots.request(0), slots.request(0));
    let first = slot(first).await;
    let (mut second, mut third) = (Box::pin(slot(second)), Box::pin(slot(third)));
    assert!(futures_util::poll!(&mut second).is_pending());
    assert!(futures_util::poll!(&mut third).is_pending());
    drop(first);
    assert!(futures_util::poll!(&mut third).is_pending());
    drop(second.await);
    third.await;
}

#[tokio::test]
async fn a_task_is_handed_back_when_no_attempt_ends() {
    let slots = quick(1);
    let _long = slot(slots.request(0)).await;
    let waiting = slots.request(0);
    assert!(waiting.slot(std::future::pending()).await.is_err());
    assert_eq!(room(&slots), (0, 0));
}

#[tokio::test]
async fn a_task_is_handed_back_when_its_worker_may_not_begin_it() {
    let slots = quick(1);
    let held = slot(slots.request(0)).await;
    let waiting = slots.request(0);
    assert!(waiting.slot(std::future::ready(())).await.is_err());
    drop(held);
    let free = slots.request(0);
    assert!(free.slot(std::future::ready(())).await.is_ok());
}

#[tokio::test]
async fn long_texts_that_wait_leave_room_for_no_more() {
    let slots = quick(1);
    let _running = slots.request(0);
    let mut waiting = slots.request(1);
    assert_eq!(
        slots.room_now().map(|room| room.bytes),
        Some(MAX_WAITING_BYTES - 1)
    );
    waiting.set_bytes(MAX_WAITING_BYTES);
    assert_eq!(room(&slots), (0, 0));
    drop(waiting);
    assert_eq!(room(&slots).0, 20);
}

#[tokio::test]
async fn unwritten_settlements_are_bounded() {
    let slots = quick(1);
    let unwritten = async |_| slot(slots.request(0)).await.free();
    let mut unsettled = Vec::new();
    for index in 0..=2 * MAX_AHEAD {
        unsettled.push(unwritten(index).await);
    }
    assert_eq!(room(&slots), (0, 0));
    unsettled.clear();
    assert_eq!(room(&slots), (21, 1));
}

#[tokio::test]
async fn the_wait_for_room_ends_when_a_slot_becomes_free() {
    let slots = slots(1);
    let place = slots.request(0);
    let waiting = tokio::spawn({
        let slots = slots.clone();
        async move { slots.room().await }
    });
    tokio::task::yield_now().await;
    drop(place);
    assert_eq!(waiting.await.expect("the wait").tasks, 1);
}
