//! What reaches the function, in which batches, and what happens when it fails.

use crate::world::{TABLE, World, from, ports};
use serde_json::json;
use sluicegate_mappings::StartingPosition::{Latest, TrimHorizon};
use sluicegate_mappings::{Mapping, MappingChanges, MappingSettings, Mappings, RetryPace, StartError};
use sluicegate_protocol::limits::INVOCATION_BYTES;
use sluicegate_protocol::{Invocation, Invoke, InvokeError};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Longer than any test: a batch that waits for it never comes.
const FOR_EVER: Duration = Duration::from_secs(300);

#[tokio::test]
async fn latest_begins_with_the_first_change_after_start() {
    let mut world = World::new().await;
    world.write([1, 2]).await;

    let _mappings = world.start(from(Latest)).await;
    world.write([3]).await;

    assert_eq!(world.next_call().await.keys(), [3]);
}

#[tokio::test]
async fn what_waits_is_delivered_in_order_and_in_batches() {
    let mut world = World::new().await;
    world.write(1..=5).await;

    let _mappings = world.start(MappingSettings { batch_size: 2, ..from(TrimHorizon) }).await;

    for expected in [vec![1, 2], vec![3, 4], vec![5]] {
        let call = world.next_call().await;
        assert_eq!(call.keys(), expected);
        assert!(!world.has_call(), "one invocation at a time");
        call.succeed();
    }
}

#[tokio::test]
async fn a_full_batch_does_not_wait_for_its_window() {
    let mut world = World::new().await;
    let _mappings = world.start(MappingSettings { batch_size: 3, batch_window: FOR_EVER, ..from(Latest) }).await;
    world.write(1..=3).await;
    assert_eq!(world.next_call().await.keys(), [1, 2, 3]);
}

#[tokio::test]
async fn a_window_collects_from_its_first_record_on() {
    let mut world = World::new().await;
    let window = Duration::from_millis(400);
    let _mappings = world.start(MappingSettings { batch_window: window, ..from(Latest) }).await;
    let begun = Instant::now();
    world.write([1, 2]).await;
    let call = world.next_call().await;
    assert!(begun.elapsed() >= window);
    assert_eq!(call.keys(), [1, 2]);
}

#[tokio::test]
async fn a_payload_never_exceeds_what_lambda_takes() {
    let mut world = World::new().await;
    let text = "x".repeat(390_000);
    for key in 0..20 {
        world.put(json!({"id": {"N": key.to_string()}, "text": {"S": text}})).await;
    }

    let _mappings =
        world.start(MappingSettings { batch_window: Duration::from_millis(500), ..from(TrimHorizon) }).await;

    let mut delivered = Vec::new();
    while delivered.len() < 20 {
        let call = world.next_call().await;
        assert!(call.payload.len() <= INVOCATION_BYTES);
        assert!(!delivered.is_empty() || call.payload.len() > INVOCATION_BYTES - 400_000, "and uses what it takes");
        delivered.extend(call.keys());
        call.succeed();
    }
    assert_eq!(delivered, (0..20).collect::<Vec<_>>());
}

#[tokio::test]
async fn halving_finds_the_poison_and_everything_else_is_handled_in_order() {
    let mut world = World::new().await;
    world.write(1..=8).await;
    let settings =
        MappingSettings { bisect_batch_on_function_error: true, maximum_retry_attempts: 0, ..from(TrimHorizon) };

    let _mappings = world.start(settings).await;

    let mut invocations = Vec::new();
    let mut handled = Vec::new();
    while handled.len() < 7 {
        let call = world.next_call().await;
        let keys = call.keys();
        invocations.push(keys.len());
        match keys.contains(&6) {
            true => call.fail(),
            false => {
                handled.extend(keys);
                call.succeed();
            }
        }
    }
    assert_eq!(handled, [1, 2, 3, 4, 5, 7, 8]);
    assert_eq!(invocations, [8, 4, 4, 2, 1, 1, 2]);
}

#[tokio::test]
async fn a_batch_is_given_up_after_its_retries_and_later_ones_start_from_zero() {
    let mut world = World::new().await;
    world.write(1..=4).await;
    let settings = MappingSettings { batch_size: 2, maximum_retry_attempts: 1, ..from(TrimHorizon) };

    let _mappings = world.start(settings).await;

    for expected in [[1, 2], [1, 2], [3, 4]] {
        let call = world.next_call().await;
        assert_eq!(call.keys(), expected);
        call.fail();
    }
    let call = world.next_call().await;
    assert_eq!(call.keys(), [3, 4], "its first failure was its first attempt");
    call.succeed();
    world.write([5]).await;
    assert_eq!(world.next_call().await.keys(), [5]);
}

#[tokio::test]
async fn without_a_limit_a_batch_is_retried_until_it_succeeds() {
    let mut world = World::new().await;
    world.write([1]).await;
    let _mappings = world.start(from(TrimHorizon)).await;
    for _ in 0..5 {
        world.next_call().await.fail();
    }
    world.next_call().await.succeed();
    world.write([2]).await;
    assert_eq!(world.next_call().await.keys(), [2]);
}

#[tokio::test]
async fn invocations_that_do_not_take_place_cost_no_attempt() {
    let mut world = World::new().await;
    world.write([1, 2]).await;
    let settings =
        MappingSettings { bisect_batch_on_function_error: true, maximum_retry_attempts: 0, ..from(TrimHorizon) };

    let _mappings = world.start(settings).await;

    for error in [InvokeError::Throttled, InvokeError::NotFound, InvokeError::Throttled] {
        let call = world.next_call().await;
        assert_eq!(call.keys(), [1, 2], "and nothing is halved");
        call.answer(Err(error));
    }
    let call = world.next_call().await;
    assert_eq!(call.keys(), [1, 2]);
    call.succeed();
}

#[tokio::test]
async fn after_a_crash_the_unfinished_batch_comes_again_and_nothing_before_it() {
    let mut world = World::new().await;
    world.write(1..=4).await;
    let settings = MappingSettings { batch_size: 2, ..from(TrimHorizon) };

    let mappings = world.start(settings.clone()).await;
    world.next_call().await.succeed();
    let unfinished = world.next_call().await;
    assert_eq!(unfinished.keys(), [3, 4]);
    drop(mappings);
    world.write([5]).await;

    let _mappings = world.start(settings).await;
    let call = world.next_call().await;
    assert_eq!(call.keys(), [3, 4]);
    call.succeed();
    assert_eq!(world.next_call().await.keys(), [5]);
}

#[tokio::test]
async fn what_is_written_during_a_delivery_follows_it() {
    let mut world = World::new().await;
    let _mappings = world.start(from(Latest)).await;
    world.write([0]).await;
    for key in 1..=20 {
        let call = world.next_call().await;
        assert_eq!(call.keys(), [key - 1]);
        world.write([key]).await;
        call.succeed();
    }
    assert_eq!(world.next_call().await.keys(), [20]);
}

#[tokio::test]
async fn a_handler_that_computes_holds_up_its_own_mapping_only() {
    let mut world = World::new().await;
    let (finish, finished) = std::sync::mpsc::channel();
    let mapping = Mapping::try_from(MappingSettings { id: "computing".into(), ..from(Latest) }).unwrap();
    let function = Arc::new(Computes(Mutex::new(finished)));
    let computing =
        Mappings::start(vec![mapping], world.tables.clone(), ports(function, Arc::default()), RetryPace::default())
            .await
            .unwrap();
    let _mappings = world.start(from(Latest)).await;

    world.write([1]).await;
    assert_eq!(world.next_call().await.keys(), [1]);
    finish.send(()).unwrap();
    computing.stop().await;
}

#[tokio::test]
async fn latest_means_the_latest_at_the_first_start_only() {
    let mut world = World::new().await;
    world.start(from(Latest)).await.stop().await;
    world.write([1]).await;
    let _mappings = world.start(from(Latest)).await;
    assert_eq!(world.next_call().await.keys(), [1]);
}

#[tokio::test]
async fn stopping_finishes_the_running_invocation_and_starts_no_other() {
    let mut world = World::new().await;
    world.write([1, 2]).await;
    let settings = MappingSettings { batch_size: 1, ..from(TrimHorizon) };

    let mappings = world.start(settings.clone()).await;
    let running = world.next_call().await;
    let stopping = tokio::spawn(mappings.stop());
    tokio::task::yield_now().await;
    assert!(!stopping.is_finished());
    running.succeed();
    stopping.await.unwrap();
    assert!(!world.has_call());

    let _mappings = world.start(settings).await;
    assert_eq!(world.next_call().await.keys(), [2], "the finished one was written down");
}

#[tokio::test]
async fn stopping_does_not_wait_for_a_retry() {
    let mut world = World::new().await;
    world.write([1]).await;
    let function = Arc::new(Throttled);
    let mapping = Mapping::try_from(from(TrimHorizon)).unwrap();
    let pace = RetryPace { first: FOR_EVER, longest: FOR_EVER };
    let mappings =
        Mappings::start(vec![mapping], world.tables.clone(), ports(function, Arc::default()), pace).await.unwrap();
    mappings.stop().await;

    let _mappings = world.start(from(TrimHorizon)).await;
    assert_eq!(world.next_call().await.keys(), [1]);
}

#[tokio::test]
async fn a_table_that_is_made_again_is_followed_from_its_beginning() {
    let mut world = World::new().await;
    let _mappings = world.start(from(Latest)).await;
    world.write([1]).await;
    world.next_call().await.succeed();

    world.call("DeleteTable", json!({"TableName": TABLE})).await;
    world.create_table().await;
    world.write([2, 3]).await;

    let mut keys = Vec::new();
    while keys.len() < 2 {
        let call = world.next_call().await;
        keys.extend(call.keys());
        call.succeed();
    }
    assert_eq!(keys, [2, 3]);
}

#[tokio::test]
async fn what_cannot_be_started_says_why() {
    let world = World::new().await;
    let start = async |settings: Vec<MappingSettings>| {
        let mappings = settings.into_iter().map(|settings| Mapping::try_from(settings).unwrap()).collect();
        Mappings::start(
            mappings,
            world.tables.clone(),
            ports(Arc::new(Throttled), Arc::default()),
            RetryPace::default(),
        )
        .await
        .err()
    };
    let twice = start(vec![from(Latest), from(Latest)]).await;
    assert!(matches!(twice, Some(StartError::Duplicate { .. })), "{twice:?}");
    let nowhere = start(vec![MappingSettings { table: "Nowhere".into(), ..from(Latest) }]).await;
    assert!(nowhere.is_some_and(|error| error.to_string().contains("Nowhere")));
    let disabled = MappingSettings { table: "Nowhere".into(), enabled: false, ..from(Latest) };
    assert!(start(vec![disabled]).await.is_none());
}

/// Holds its thread until it is told to finish.
struct Computes(Mutex<std::sync::mpsc::Receiver<()>>);

impl Invoke for Computes {
    fn invoke(&self, _: Invocation) -> sluicegate_protocol::BoxFuture<'_, Result<bytes::Bytes, InvokeError>> {
        Box::pin(async {
            self.0.lock().unwrap().recv().unwrap();
            Ok(bytes::Bytes::from_static(b"null"))
        })
    }
}

struct Throttled;

impl Invoke for Throttled {
    fn invoke(&self, _: Invocation) -> sluicegate_protocol::BoxFuture<'_, Result<bytes::Bytes, InvokeError>> {
        Box::pin(async { Err(InvokeError::Throttled) })
    }
}

#[tokio::test]
async fn a_changed_mapping_finishes_its_invocation_and_goes_on_from_there() {
    let mut world = World::new().await;
    let one_by_one = MappingSettings { batch_size: 1, ..from(TrimHorizon) };
    let mut mappings = world.start(one_by_one.clone()).await;
    world.write(1..=5).await;
    let running = world.next_call().await;
    assert_eq!(running.keys(), [1]);

    let wanted = |settings: &MappingSettings| vec![Mapping::try_from(settings.clone()).unwrap()];
    assert_eq!(mappings.update(wanted(&one_by_one)).await.unwrap(), MappingChanges::default());
    let in_threes = MappingSettings { batch_size: 3, ..from(TrimHorizon) };
    let changed = MappingChanges { changed: vec!["mapping-1".to_owned()], ..MappingChanges::default() };
    assert_eq!(mappings.update(wanted(&in_threes)).await.unwrap(), changed);
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(!world.has_call(), "the new one waits for the old one's invocation");
    running.succeed();
    for expected in [vec![2, 3, 4], vec![5]] {
        let call = world.next_call().await;
        assert_eq!(call.keys(), expected);
        call.succeed();
    }

    // One that is gone keeps its place for when it comes again.
    let stopped = MappingChanges { stopped: vec!["mapping-1".to_owned()], ..MappingChanges::default() };
    assert_eq!(mappings.update(Vec::new()).await.unwrap(), stopped);
    world.write([6]).await;
    let started = MappingChanges { started: vec!["mapping-1".to_owned()], ..MappingChanges::default() };
    assert_eq!(mappings.update(wanted(&in_threes)).await.unwrap(), started);
    let call = world.next_call().await;
    assert_eq!(call.keys(), [6]);
    call.succeed();
    mappings.stop().await;
}
