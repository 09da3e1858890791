//! What the engine lacks and is made good around it, under load.

use crate::world::World;
use rusqlite::Connection;
use serde_json::json;
use std::time::{Duration, Instant};

/// Rows put into the record table directly: enough that a search through them all takes longer than a write.
const OTHER_RECORDS: usize = 200_000;

fn file(world: &World) -> Connection {
    Connection::open(world.data.path().join("tables").join("tables.db")).unwrap()
}

/// Fastest of a few, so that a busy machine does not fail the test.
async fn write_time(world: &World, table: &str) -> Duration {
    let mut fastest = Duration::MAX;
    for n in 0..15 {
        let started = Instant::now();
        world.put(table, json!({"id": {"S": format!("timed {n}")}})).await;
        fastest = fastest.min(started.elapsed());
    }
    fastest
}

#[tokio::test]
async fn writes_and_reads_stay_fast_with_many_records() {
    let world = World::new().await;
    world.table("Rooms", "NEW_IMAGE").await;
    let empty = write_time(&world, "Rooms").await;
    file(&world)
        .execute_batch(&format!(
            "INSERT INTO _stream_records
                 (table_name, event_name, keys_json, new_image, sequence_number, shard_id, created_at, event_id)
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {OTHER_RECORDS})
             SELECT 'Rooms', 'INSERT', '{{\"id\":{{\"S\":\"a\"}}}}', '{{\"id\":{{\"S\":\"a\"}}}}',
                 CAST((SELECT MAX(CAST(sequence_number AS INTEGER)) FROM _stream_records) + i AS TEXT), 's',
                 strftime('%s', 'now'), 'e' FROM n"
        ))
        .unwrap();
    let full = write_time(&world, "Rooms").await;
    // Without the index each of these writes reads two hundred thousand rows.
    assert!(full < empty * 4 + Duration::from_millis(5), "{empty:?} grew to {full:?}");

    let reader = world.tables.stream("Rooms").unwrap();
    let started = Instant::now();
    let latest = reader.latest().await.unwrap();
    assert!(reader.read(&latest, 10).unwrap().records.is_empty());
    assert!(started.elapsed() < Duration::from_millis(50), "{:?}", started.elapsed());
}

#[tokio::test]
async fn old_records_leave_the_file() {
    let world = World::new().await;
    world.table("Rooms", "NEW_IMAGE").await;
    for n in 0..5 {
        world.put("Rooms", json!({"id": {"S": n.to_string()}})).await;
    }
    world.pass(Duration::from_secs(25 * 60 * 60));
    // The first thing a server does is to trim.
    let world = world.restart().await;
    let file = file(&world);
    let kept = || -> i64 { file.query_row("SELECT COUNT(*) FROM _stream_records", [], |row| row.get(0)).unwrap() };
    let deadline = Instant::now() + Duration::from_secs(10);
    while kept() > 1 {
        assert!(Instant::now() < deadline, "{} records are left", kept());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // The last one stays, unseen, so that numbers go on from there.
    assert!(world.records("Rooms").await.is_empty());
}

#[tokio::test]
async fn reads_go_on_while_a_write_is_held_up() {
    let world = World::new().await;
    world.table("Rooms", "NEW_IMAGE").await;
    world.put("Rooms", json!({"id": {"S": "a"}})).await;
    let blocker = file(&world);
    blocker.execute_batch("BEGIN IMMEDIATE").unwrap();
    let tables = world.tables.clone();
    let mut write = Box::pin(world.put("Rooms", json!({"id": {"S": "b"}})));
    let reader = tables.stream("Rooms").unwrap();
    let horizon = reader.trim_horizon();
    let begun = std::future::poll_fn(|cx| std::task::Poll::Ready(write.as_mut().poll(cx))).await;
    assert!(begun.is_pending(), "the write cannot have got the lock");
    assert_eq!(reader.read(&horizon, 10).unwrap().records.len(), 1);
    blocker.execute_batch("ROLLBACK").unwrap();
    write.await;
    assert_eq!(world.records("Rooms").await.len(), 2);
}

#[tokio::test]
async fn an_acknowledged_write_is_in_the_file_with_its_record() {
    let world = World::new().await;
    world.table("Rooms", "NEW_IMAGE").await;
    let file = file(&world);
    for n in 0..10 {
        world.put("Rooms", json!({"id": {"S": n.to_string()}})).await;
        let counts: (i64, i64) = file
            .query_row("SELECT (SELECT COUNT(*) FROM Rooms), (SELECT COUNT(*) FROM _stream_records)", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .unwrap();
        assert_eq!(counts, (n + 1, n + 1));
    }
}
