//! Each scenario against a server that does as it should, and what of a report tells that one does not.

use crate::room::{CONNECTIONS, MESSAGES, echo, fan_out, findings, run, setup, span, stream};
use crate::server::{Room, open};
use serde_json::{Value, json};
use sluicegate_load::{
    Crowd, Ending, Listen, Opening, Pace, Reading, Scenario, SlowReaders, Source, Stop, Stream, Target, Template,
};
use std::time::{Duration, Instant};

const EVERYTHING: u64 = CONNECTIONS as u64 * MESSAGES;

fn checked(deliveries: &Value) -> Value {
    let part = |name: &str| (name.to_owned(), deliveries[name].clone());
    ["expected", "received", "lost", "duplicates", "out_of_order", "damaged", "misdirected"]
        .map(part)
        .into_iter()
        .collect()
}

fn all_well(expected: u64) -> Value {
    json!({
        "expected": expected, "received": expected, "lost": 0, "duplicates": 0, "out_of_order": 0, "damaged": 0,
        "misdirected": 0,
    })
}

#[tokio::test]
async fn a_fan_out_receives_everything() {
    for pace in [Pace::InFlight(1), Pace::InFlight(8), Pace::PerSecond(200.0)] {
        let scenario = Scenario::Stream(Box::new(Stream { pace, ..stream(Source::Connection) }));

        let report = run(scenario, setup(open(Room::Fair).await)).await.unwrap();

        assert_eq!((&report["scenario"], &report["outcome"]), (&json!("fan-out"), &json!("complete")), "{report}");
        assert_eq!(report["connections"]["opened"], CONNECTIONS);
        assert_eq!(report["messages"]["sent"], MESSAGES);
        assert_eq!(checked(&report["deliveries"]), all_well(EVERYTHING));
        let latency = &report["deliveries"]["latency"];
        assert_eq!(latency["count"], EVERYTHING);
        let quantiles = ["p50_ms", "p90_ms", "p99_ms", "p999_ms", "max_ms"].map(|name| latency[name].as_f64().unwrap());
        assert!(quantiles.is_sorted() && quantiles[0] > 0.0, "{latency}");
    }
}

#[tokio::test]
async fn what_a_server_does_wrong_is_counted_and_named() {
    for (room, field, said) in [
        (Room::Forgets(120), "lost", "lost 1 of 1000 deliveries: connection "),
        (Room::Damages(120), "damaged", "1 messages arrived with a mark that is not as it was sent"),
    ] {
        let report = run(fan_out(), setup(open(room).await)).await.unwrap();
        assert_eq!(report["outcome"], "loss", "{room:?}: {report}");
        assert_eq!(report["deliveries"][field], 1, "{room:?}");
        assert_eq!(report["deliveries"]["lost"], 1, "{room:?}");
        assert!(findings(&report).contains(said), "{room:?}: {}", findings(&report));
    }
}

#[tokio::test]
async fn a_duplicate_is_a_note_and_no_loss() {
    let report = run(fan_out(), setup(open(Room::Repeats(120)).await)).await.unwrap();
    assert_eq!((&report["outcome"], &report["deliveries"]["duplicates"]), (&json!("complete"), &json!(1)), "{report}");
    assert_eq!(report["notes"], json!(["1 deliveries came more than once"]));
}

#[tokio::test]
async fn an_echo_comes_back_to_whom_it_belongs() {
    let warm = Duration::from_millis(50);
    for (pace, warm_up) in
        [(Pace::InFlight(1), Duration::ZERO), (Pace::InFlight(3), warm), (Pace::PerSecond(500.0), warm)]
    {
        let Scenario::Echo { message, span, .. } = echo() else { unreachable!() };
        let scenario = Scenario::Echo { message, pace, span, warm_up };

        let report = run(scenario, setup(open(Room::Echo).await)).await.unwrap();

        assert_eq!(report["outcome"], "complete", "{report}");
        assert_eq!(report["messages"]["sent"], MESSAGES, "the warm-up is not counted");
        assert_eq!(report["deliveries"]["latency"]["count"], MESSAGES);
        assert_eq!(report["deliveries"]["lost"], 0);
    }
}

#[tokio::test]
async fn an_echo_to_everybody_is_misdirected() {
    let report = run(echo(), setup(open(Room::Fair).await)).await.unwrap();
    assert_eq!(report["outcome"], "loss");
    assert_eq!(report["deliveries"]["misdirected"], (CONNECTIONS as u64 - 1) * MESSAGES, "{report}");
}

#[tokio::test]
async fn idle_connections_are_held_and_measured() {
    let mut setup = setup(open(Room::Fair).await);
    setup.pid = Some(std::process::id());

    let report = run(Scenario::Idle { hold: Duration::from_millis(200) }, setup).await.unwrap();

    assert_eq!(report["outcome"], "complete", "{report}");
    assert!(report["idle"]["held_seconds"].as_f64().unwrap() >= 0.2);
    for figure in ["cpu_us_per_connection", "private_bytes", "resident_bytes"] {
        assert!(report["server"][figure].as_f64().unwrap() > 0.0, "{figure}: {report}");
    }
}

#[tokio::test]
async fn after_a_storm_everybody_is_back() {
    for farewell in [None, Some(1001)] {
        let setup = setup(open(Room::Echo).await);
        let within = 10 * crate::room::TIMEOUT;

        let report = run(Scenario::Storm { rounds: 3, farewell, within }, setup).await.unwrap();

        assert_eq!(report["outcome"], "complete", "{report}");
        let returned: Vec<_> = report["rounds"].as_array().unwrap().iter().map(|round| &round["returned"]).collect();
        assert_eq!(returned, vec![&json!(CONNECTIONS); 3]);
    }
}

#[tokio::test]
async fn slow_readers_catch_up_and_the_others_lack_nothing() {
    let slow_readers = Some(SlowReaders { share: 0.1 });
    let scenario = Scenario::Stream(Box::new(Stream { slow_readers, ..stream(Source::Connection) }));

    let report = run(scenario, setup(open(Room::Fair).await)).await.unwrap();

    assert_eq!((&report["scenario"], &report["outcome"]), (&json!("slow-readers"), &json!("complete")), "{report}");
    let slow = &report["slow_readers"];
    assert_eq!((&slow["connections"], &slow["caught_up"], &slow["behind"]), (&json!(5), &json!(5), &json!(0)));
    assert!(slow["p99_ratio"].as_f64().unwrap() > 0.0);
    assert_eq!(checked(&report["deliveries"]), all_well(EVERYTHING + 45 * MESSAGES));
    assert_eq!(report["deliveries"]["latency"]["count"], 45 * MESSAGES, "of the others, while some did not read");
}

#[tokio::test]
async fn a_run_begins_when_everybody_is_greeted() {
    let mut setup = setup(open(Room::Echo).await);
    setup.greeting = Some(Template::without_mark(r#"{"hello":{connection}}"#, None).unwrap());
    setup.awaited = Some("hello".to_owned());
    let report = run(echo(), setup.clone()).await.unwrap();
    assert_eq!((&report["outcome"], &report["deliveries"]["unmarked"]), (&json!("complete"), &json!(0)), "{report}");

    setup.awaited = Some("welcome".to_owned());
    let failure = run(echo(), setup).await.unwrap_err().to_string();
    assert_eq!(failure, "after 2s 50 of 50 connections had no answer to their greeting");
}

#[tokio::test]
async fn a_run_that_is_stopped_says_what_it_saw() {
    let setup = setup(open(Room::Echo).await);
    let stop = setup.stop.clone();
    let scenario = Scenario::Idle { hold: Duration::from_secs(3600) };
    tokio::spawn(async move { stop.ask() });
    let report = run(scenario, setup).await.unwrap();
    assert_eq!(report["outcome"], "interrupted", "{report}");
}

#[tokio::test]
async fn many_connections_come_from_many_addresses() {
    struct Nobody;
    impl Listen for Nobody {
        fn message(&mut self, _: usize, _: &[u8], _: Instant) {}
        fn ended(&mut self, _: usize, _: Ending) {}
    }
    let address = open(Room::Silent).await;
    let opened = tokio::task::spawn_blocking(move || {
        let mut crowd = Crowd::new(Target::plain(address, "/"), span().time).unwrap();
        crowd.set_connections_per_source(5);
        let places: Vec<_> = crowd.add_places(20).map(|place| (place, Reading::AtOnce)).collect();
        let opened = Opening::default().open(&mut crowd, places, &mut Nobody, &Stop::default()).unwrap();
        (crowd.open(), opened.problems.to_string())
    });
    assert_eq!(opened.await.unwrap(), (20, String::new()));
}
