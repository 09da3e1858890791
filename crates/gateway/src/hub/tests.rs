//! The hub without a gateway: what happens when things come late, at once, or not at all.

use super::{Hub, HubOptions, Inbound, Lifecycle, Time};
use crate::clock::Clock;
use crate::hub::slots;
use crate::peer::Peer;
use crate::websocket::Wire;
use bytes::Bytes;
use parking_lot::Mutex;
use sluicegate_protocol::{CloseReason, ConnectionId, Connections, PostError, StageId, limits};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Nothing here takes that long; a test that does has failed.
const PATIENCE: Duration = Duration::from_secs(10);
const BLOCK: &str = "block";
const PANIC: &str = "panic";

/// A hub with one reactor.
struct Running {
    hub: Hub,
    clock: Clock,
    stage: StageId,
    ends: Receiver<(ConnectionId, u16)>,
    blocked: Receiver<()>,
    release: Sender<()>,
    held_up: Receiver<()>,
    reactors: JoinHandle<()>,
}

struct Reports {
    ends: Sender<(ConnectionId, u16)>,
    blocked: Sender<()>,
    release: Mutex<Receiver<()>>,
    held_up: Sender<()>,
}

impl Lifecycle for Reports {
    fn message(&self, _: Arc<Peer>, message: Inbound, _: Time) {
        match message {
            Inbound::Text(text) if text == BLOCK => {
                self.blocked.send(()).unwrap();
                self.release.lock().recv().unwrap();
            }
            Inbound::Text(text) if text == PANIC => panic!("as the test wants it"),
            Inbound::Text(_) | Inbound::Binary(_) => {}
        }
    }

    fn disconnected(&self, peer: Arc<Peer>, reason: CloseReason) {
        let _ = self.ends.send((peer.id, reason.code));
        if reason.reason == PANIC {
            panic!("as the test wants it");
        }
    }

    fn held_up(&self) {
        let _ = self.held_up.send(());
    }
}

impl Running {
    fn start(options: HubOptions, clock: Clock) -> Self {
        let (hub, threads) = Hub::new(HubOptions { reactors: 1, ..options }, clock.clone()).unwrap();
        let (ends_out, ends) = mpsc::channel();
        let (blocked_out, blocked) = mpsc::channel();
        let (release, release_in) = mpsc::channel();
        let (held_up_out, held_up) = mpsc::channel();
        let release_in = Mutex::new(release_in);
        let reports = Reports { ends: ends_out, blocked: blocked_out, release: release_in, held_up: held_up_out };
        let reactors = threads.start(Arc::new(reports)).unwrap();
        let stage = StageId::new("chat", "prod");
        hub.register_stage(stage.clone(), Wire::default());
        Self { hub, clock, stage, ends, blocked, release, held_up, reactors }
    }

    /// Admits a client whose socket has not come.
    fn open(&self) -> super::Opening {
        let deadline = Instant::now() + PATIENCE;
        let reservation = loop {
            if let Some(reservation) = self.hub.reserve() {
                break reservation;
            }
            assert!(Instant::now() < deadline, "no place was given back");
            std::thread::yield_now();
        };
        let (id, now) = (reservation.id(), self.clock.now_ms());
        let stage = (Arc::new(self.stage.clone()), 0);
        let peer = Peer::new(id, stage, Ipv4Addr::LOCALHOST.into(), None, "localhost".into(), now);
        reservation.open(Arc::new(peer), now)
    }

    fn connect(&self) -> (ConnectionId, TcpStream) {
        let (client, server) = pair();
        let opening = self.open();
        let id = opening.id;
        opening.attach(server, Bytes::new());
        (id, client)
    }

    /// Keeps everybody from the reactor for as long as something is done.
    fn while_held<T>(&self, run: impl FnOnce() -> T) -> T {
        let station = &self.hub.0.reactors[0];
        let held = station.hold();
        let result = run();
        drop(held);
        station.call();
        result
    }

    async fn post(&self, id: ConnectionId, message: &'static str) -> Result<(), PostError> {
        self.hub.post(&self.stage, id, Bytes::from_static(message.as_bytes())).await
    }
}

/// Both ends of a connection, with buffers that hold a megabyte where the system permits it.
fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket2::SockRef::from(&listener).set_recv_buffer_size(4 << 20).unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    socket2::SockRef::from(&client).set_send_buffer_size(4 << 20).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    let (server, _) = listener.accept().unwrap();
    server.set_nonblocking(true).unwrap();
    (client, server)
}

/// A short frame whose mask is zero.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    [&[first, 0x80 | payload.len() as u8, 0, 0, 0, 0], payload].concat()
}

fn text(text: &str) -> Vec<u8> {
    frame(0x81, text.as_bytes())
}

fn rest(mut client: &TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    client.read_to_end(&mut bytes).unwrap();
    bytes
}

#[tokio::test]
async fn a_socket_that_comes_late_reaches_nobody_else() {
    // Given a client that is dropped before its socket has come, and another that got its slot.
    let options = HubOptions { max_connections: 1, close_linger_ms: 0, ..HubOptions::default() };
    let running = Running::start(options, Clock::System);
    let first = running.open();
    let (first_client, first_server) = pair();
    assert!(running.hub.delete(&running.stage, first.id).await);
    let (second, mut second_client) = running.connect();
    assert_eq!(first.id.slot(), second.slot());
    // When the socket comes, then it is closed, and messages go to whom they are meant for.
    first.attach(first_server, Bytes::from(text("early")));
    running.post(second, "for the second").await.unwrap();
    let mut received = [0; 16];
    second_client.read_exact(&mut received).unwrap();
    assert_eq!(&received[2..], b"for the second");
    assert_eq!(rest(&first_client), b"");
}

#[tokio::test]
async fn an_end_behind_much_data_is_not_missed() {
    // Given a reactor that is busy while a client sends more than one turn reads, and leaves.
    let running = Running::start(HubOptions::default(), Clock::System);
    let (id, mut client) = running.connect();
    running.post(id, "attached").await.unwrap();
    let pongs = frame(0x8A, &[b'x'; 125]);
    running.while_held(|| {
        client.write_all(&pongs.repeat(800_000 / pongs.len())).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
    });
    assert_eq!(running.ends.recv_timeout(PATIENCE), Ok((id, 1006)));
}

#[tokio::test]
async fn commands_beyond_a_turn_are_not_left_waiting() {
    let running = Running::start(HubOptions::default(), Clock::System);
    let (id, _client) = running.connect();
    let get = |_| {
        let (reply, answer) = tokio::sync::oneshot::channel();
        running.hub.send(id, super::Command::Get { stage: 0, connection: id, reply });
        answer
    };
    let many: Vec<_> = running.while_held(|| (0..40_000).map(get).collect());
    let started = Instant::now();
    for answer in many {
        assert!(answer.await.unwrap().is_some());
    }
    // Each of the ten turns would wait for a tick of one second.
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_command_waits_and_none_overtakes_another() {
    // Given senders at the same time, so that some step in, some find another at work, and some the reactor's own thread.
    const SENDERS: usize = 8;
    const EACH: usize = 500;
    let running = Running::start(HubOptions::default(), Clock::System);
    let (id, mut client) = running.connect();
    let (_, mut chatty) = running.connect();
    let noise = std::thread::spawn(move || (0..2_000).try_for_each(|_| chatty.write_all(&text("noise"))));
    let started = Instant::now();
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            let (hub, stage) = (running.hub.clone(), running.stage.clone());
            tokio::spawn(async move {
                for number in 0..EACH {
                    hub.post(&stage, id, Bytes::from(format!("{sender} {number:03}"))).await.unwrap();
                }
            })
        })
        .collect();
    // When their messages arrive, then those of each are in order, and there are all of them.
    let mut next = [0; SENDERS];
    let mut frame = [0; 7];
    for _ in 0..SENDERS * EACH {
        client.read_exact(&mut frame).unwrap();
        let message = std::str::from_utf8(&frame[2..]).unwrap();
        let (sender, number) = message.split_once(' ').unwrap();
        let next = &mut next[sender.parse::<usize>().unwrap()];
        assert_eq!(number.parse(), Ok(*next));
        *next += 1;
    }
    for sender in senders {
        sender.await.unwrap();
    }
    noise.join().unwrap().unwrap();
    // A command that is forgotten waits for a tick of one second.
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_panic_costs_one_connection() {
    let running = Running::start(HubOptions::default(), Clock::System);
    let (bystander, _kept) = running.connect();
    for (bytes, code) in [(text(PANIC), 1011), (frame(0x88, b"\x0F\xA0panic"), 4000)] {
        let (id, mut client) = running.connect();
        client.write_all(&bytes).unwrap();
        let close = rest(&client);
        assert_eq!((close[0], u16::from_be_bytes([close[2], close[3]])), (0x88, code));
        assert_eq!(running.ends.recv_timeout(PATIENCE), Ok((id, code)));
        assert_eq!(running.post(id, "x").await, Err(PostError::Gone));
    }
    running.post(bystander, "still here").await.unwrap();
}

#[tokio::test]
async fn a_message_that_keeps_its_thread_stops_nobody() {
    // Given messages that block, one after the other, and what came with the first of them.
    let running = Running::start(HubOptions::default(), Clock::System);
    let (_, mut blocking) = running.connect();
    for round in 0..3 {
        let (gone, mut client) = running.connect();
        running.while_held(|| {
            blocking.write_all(&text(BLOCK)).unwrap();
            client.write_all(&frame(0x88, b"\x0F\xA0bye")).unwrap();
        });
        running.blocked.recv_timeout(PATIENCE).unwrap();
        // Then sockets are read all the same, by the next thread.
        assert_eq!(running.held_up.recv_timeout(PATIENCE), Ok(()), "round {round}");
        assert_eq!(running.ends.recv_timeout(PATIENCE), Ok((gone, 4000)), "round {round}");
        let (id, mut late) = running.connect();
        late.write_all(&frame(0x88, b"\x0F\xA1bye")).unwrap();
        assert_eq!(running.ends.recv_timeout(PATIENCE), Ok((id, 4001)), "round {round}");
    }
    // When those that were held up come back, then the reactor has one thread, which ends as it should.
    (0..3).for_each(|_| running.release.send(()).unwrap());
    let (id, mut client) = running.connect();
    client.write_all(&frame(0x88, b"\x0F\xA2bye")).unwrap();
    assert_eq!(running.ends.recv_timeout(PATIENCE), Ok((id, 4002)));
    drop(blocking);
    running.hub.drain();
    running.hub.stop();
    tokio::task::spawn_blocking(|| running.reactors.join()).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_drain_does_not_wait_long_for_clients_that_do_not_answer() {
    // Given clients that never answer a close frame, one of them closed before, and a patience of an hour.
    let options = HubOptions { close_linger_ms: 3_600_000, idle_timeout_ms: 36_000_000, ..HubOptions::default() };
    let running = Running::start(options, Clock::manual(1_772_619_630_000));
    let (deleted, deleted_client) = running.connect();
    let (_, silent_client) = running.connect();
    assert!(running.hub.delete(&running.stage, deleted).await);
    running.clock.advance(Duration::from_secs(60));
    running.hub.drain();
    for client in [&deleted_client, &silent_client] {
        assert_eq!(rest(client)[0], 0x88);
    }
    // Who is admitted now is closed like the others, also if the socket never comes.
    let _late = running.open();
    assert_eq!(running.ends.iter().take(3).map(|(_, code)| code).collect::<Vec<_>>(), [1000, 1001, 1001]);
    running.hub.stop();
    // When a second has passed, then the reactors end.
    running.clock.advance(Duration::from_secs(1));
    let deadline = Instant::now() + PATIENCE;
    while !running.reactors.is_finished() {
        assert!(Instant::now() < deadline, "a reactor still waits");
        std::thread::yield_now();
    }
}

#[tokio::test]
async fn places_are_given_back_whatever_happens() {
    let running = Running::start(HubOptions { max_connections: 4, ..HubOptions::default() }, Clock::System);
    for round in 0..50 {
        let (id, client) = running.connect();
        assert!(slots::place_of(id.slot()) < 4);
        let mut ends = 1;
        match round % 5 {
            0 => client.shutdown(Shutdown::Both).unwrap(),
            1 => assert!(running.hub.delete(&running.stage, id).await),
            2 => (&client).write_all(&frame(0x88, b"")).unwrap(),
            3 => (&client).write_all(b"no frame").unwrap(),
            _ => {
                // An upgrade that fails, beside one that does not.
                drop(running.open());
                drop(client);
                ends = 2;
            }
        }
        for _ in 0..ends {
            running.ends.recv_timeout(PATIENCE).unwrap();
        }
    }
}

#[tokio::test]
async fn a_queue_that_just_fits_takes_the_largest_message() {
    let running =
        Running::start(HubOptions { outbound_queue_bytes: 256 * 1024, ..HubOptions::default() }, Clock::System);
    let opening = running.open();
    let message = Bytes::from(vec![b'x'; limits::MESSAGE_BYTES]);
    running.hub.post(&running.stage, opening.id, message).await.unwrap();
}
