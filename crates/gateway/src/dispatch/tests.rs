//! Where messages are worked on.

use crate::api::ApiDefinition;
use crate::clock::Clock;
use crate::gateway::{Gateway, Parts};
use crate::hub::{Hub, HubOptions};
use crate::peer::Peer;
use crate::stage::Stage;
use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::{Value, json};
use sluicegate_protocol::{BoxFuture, Invocation, Invoke, InvokeError};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

/// Nothing here takes that long; a test that does has failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// Answers with the name of its thread. What the message says is done before.
struct Functions {
    waiting: Sender<()>,
    release: Mutex<Receiver<()>>,
}

impl Invoke for Functions {
    fn invoke(&self, invocation: Invocation) -> BoxFuture<'_, Result<Bytes, InvokeError>> {
        Box::pin(async move {
            let event: Value = serde_json::from_slice(&invocation.payload).unwrap();
            match event["body"].as_str() {
                Some("block") => {
                    self.waiting.send(()).unwrap();
                    self.release.lock().recv().unwrap();
                }
                Some("wait") => tokio::time::sleep(Duration::from_millis(1)).await,
                Some("panic") => panic!("as the test wants it"),
                _ => {}
            }
            let thread = std::thread::current().name().unwrap_or_default().to_owned();
            Ok(json!({"body": thread}).to_string().into())
        })
    }
}

struct Running {
    gateway: Gateway,
    stage: Arc<Stage>,
    waiting: Receiver<()>,
    release: Sender<()>,
}

impl Running {
    fn start() -> Self {
        let definition: ApiDefinition = serde_json::from_value(json!({
            "apiId": "chat",
            "routeSelectionExpression": "$request.body.action",
            "integrations": {"name": {"integrationType": "AWS_PROXY", "integrationUri": "name"}},
            "routes": [{
                "routeKey": "$default",
                "target": "integrations/name",
                "routeResponseSelectionExpression": "$default",
                "routeResponses": [{"routeResponseKey": "$default"}],
            }],
            "stages": [{"stageName": "prod"}],
        }))
        .unwrap();
        let (waiting_in, waiting) = mpsc::channel();
        let (release, release_out) = mpsc::channel();
        let functions = Functions { waiting: waiting_in, release: Mutex::new(release_out) };
        let hub = Hub::new(HubOptions { reactors: 1, ..HubOptions::default() }, Clock::System).unwrap();
        let gateway = Gateway::start(Parts::new(vec![definition], Arc::new(functions), hub)).unwrap();
        let stage = gateway.0.stages.served().remove(0);
        Self { gateway, stage, waiting, release }
    }

    /// Makes the route one of which messages have been short, or long, for some time.
    fn has_been(&self, time: Duration) {
        let deployment = self.stage.deployment();
        let route = deployment.default.as_ref().unwrap();
        (0..1000).for_each(|_| route.pace.note(Some(time)));
    }

    /// Soon: on a machine that is busy enough a short message takes long, and then all are handed on for a while.
    fn is_answered_by_the_reactor(&self, client: &TcpStream) {
        let deadline = Instant::now() + 3 * PATIENCE;
        loop {
            self.has_been(Duration::ZERO);
            if thread_of(client, "hello") == "reactor-0" {
                return;
            }
            assert!(Instant::now() < deadline, "no message ran where it was read");
        }
    }

    fn connect(&self) -> TcpStream {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        let (server, _) = listener.accept().unwrap();
        server.set_nonblocking(true).unwrap();
        let reservation = self.gateway.0.hub.reserve().unwrap();
        let now = self.gateway.0.clock.now_ms();
        let stage = (self.stage.id.clone(), self.stage.index);
        let peer = Peer::new(reservation.id(), stage, Ipv4Addr::LOCALHOST.into(), None, "localhost".into(), now);
        reservation.open(Arc::new(peer), now).attach(server, Bytes::new());
        client
    }
}

/// A short text frame whose mask is zero.
fn send(mut client: &TcpStream, text: &str) {
    let head = [0x81, 0x80 | text.len() as u8, 0, 0, 0, 0];
    client.write_all(&[&head, text.as_bytes()].concat()).unwrap();
}

/// The opcode of a short frame, and what is in it.
fn receive(mut client: &TcpStream) -> (u8, Vec<u8>) {
    let mut head = [0; 2];
    client.read_exact(&mut head).unwrap();
    let mut payload = vec![0; usize::from(head[1])];
    client.read_exact(&mut payload).unwrap();
    (head[0] & 0x0F, payload)
}

fn thread_of(client: &TcpStream, text: &str) -> String {
    send(client, text);
    String::from_utf8(receive(client).1).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn short_messages_run_where_they_were_read() {
    let running = Running::start();
    let client = running.connect();
    assert_ne!(thread_of(&client, "hello"), "reactor-0");
    running.is_answered_by_the_reactor(&client);
    // What has to wait goes on elsewhere.
    assert_ne!(thread_of(&client, "wait"), "reactor-0");
    running.is_answered_by_the_reactor(&client);
    running.has_been(Duration::from_millis(1));
    assert_ne!(thread_of(&client, "hello"), "reactor-0");
    running.gateway.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_blocks_after_all_stops_nobody() {
    let running = Running::start();
    let (blocking, other) = (running.connect(), running.connect());
    running.has_been(Duration::ZERO);
    send(&blocking, "block");
    running.waiting.recv_timeout(PATIENCE).unwrap();
    // Others are answered, for some time by the runtime alone.
    assert_ne!(thread_of(&other, "hello"), "reactor-0");
    assert_ne!(thread_of(&other, "hello"), "reactor-0");
    running.release.send(()).unwrap();
    assert_eq!(receive(&blocking), (1, b"reactor-0".to_vec()));
    running.gateway.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_on_the_reactors_thread_costs_one_connection() {
    let running = Running::start();
    let (panicking, other) = (running.connect(), running.connect());
    running.has_been(Duration::ZERO);
    send(&panicking, "panic");
    let (opcode, reason) = receive(&panicking);
    assert_eq!((opcode, &reason[..2]), (8, 1011_u16.to_be_bytes().as_slice()));
    // A panic takes its time to be printed, so it may be another thread.
    assert_ne!(thread_of(&other, "hello"), "");
    running.gateway.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_waits_for_a_message_that_was_left_behind() {
    let running = Running::start();
    let client = running.connect();
    running.has_been(Duration::ZERO);
    send(&client, "block");
    running.waiting.recv_timeout(PATIENCE).unwrap();
    // Its socket is closed by the thread that took over, but its function still runs.
    let mut drain = tokio::spawn({
        let gateway = running.gateway.clone();
        async move { gateway.drain().await }
    });
    assert_eq!(receive(&client).0, 8);
    assert!(tokio::time::timeout(Duration::from_millis(200), &mut drain).await.is_err());
    running.release.send(()).unwrap();
    drop(client);
    tokio::time::timeout(PATIENCE, drain).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_that_is_refused_needs_no_stack() {
    // Given messages for which there is no memory, from a client that sends the next ones before it is answered.
    const MESSAGES: usize = 20_000;
    let running = Running::start();
    running.gateway.0.bytes_in_flight.fetch_add(super::IN_FLIGHT_BYTES + 1, super::Ordering::Relaxed);
    let client = running.connect();
    let mut sending = client.try_clone().unwrap();
    let frame = [0x81, 0x82, 0, 0, 0, 0, b'h', b'i'];
    let sender = std::thread::spawn(move || sending.write_all(&frame.repeat(MESSAGES)));
    for _ in 0..MESSAGES {
        let (_, answer) = receive(&client);
        assert!(answer.starts_with(br#"{"message": "Too Many Requests""#));
    }
    sender.join().unwrap().unwrap();
    running.gateway.drain().await;
}
