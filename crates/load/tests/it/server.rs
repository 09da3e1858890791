//! WebSocket servers with one behaviour each, by an implementation that is not ours.

use futures_util::{SinkExt, StreamExt};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

/// Messages that wait for a client of the room.
const QUEUE: usize = 65_536;

/// What becomes of a message in the room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// Everybody gets every message, its sender too.
    Fair,
    /// Of all deliveries to clients that only listen, the room forgets this one.
    Forgets(u64),
    /// This one is passed on twice.
    Repeats(u64),
    /// In this one a digit is changed.
    Damages(u64),
    /// Messages come back to their sender only.
    Echo,
    /// After so many messages from a client the connection is closed with 1008.
    Closes(u64),
    /// Takes everything and says nothing.
    Silent,
    /// Answers every message with the client's name, as API Gateway does for routes that there are not.
    Names,
}

#[derive(Clone)]
pub struct Shared {
    room: Room,
    messages: broadcast::Sender<String>,
    deliveries: Arc<AtomicU64>,
    clients: Arc<AtomicU64>,
}

impl Shared {
    pub fn new(room: Room) -> Self {
        let (messages, _) = broadcast::channel(QUEUE);
        Self { room, messages, deliveries: Arc::default(), clients: Arc::default() }
    }

    /// To everybody.
    pub fn say(&self, message: &str) {
        let _ = self.messages.send(message.to_owned());
    }

    /// Serves one client until it leaves.
    pub async fn serve<S: AsyncRead + AsyncWrite + Unpin>(self, socket: S) {
        let Ok(mut socket) = tokio_tungstenite::accept_async(socket).await else { return };
        let name = self.clients.fetch_add(1, Ordering::Relaxed);
        let (mut heard, mut queue) = (0, self.messages.subscribe());
        loop {
            tokio::select! {
                message = socket.next() => {
                    let Some(Ok(message)) = message else { return };
                    let Message::Text(text) = message else { continue };
                    heard += 1;
                    match self.room {
                        Room::Closes(after) if heard > after => return goodbye(&mut socket).await,
                        Room::Silent => {}
                        Room::Echo | Room::Closes(_) => drop(socket.send(Message::text(text.as_str())).await),
                        Room::Names => {
                            let answer = format!(r#"{{"message":"Forbidden","connectionId":"c{name}=","requestId":"r"}}"#);
                            drop(socket.send(Message::text(answer)).await);
                        }
                        _ => self.say(text.as_str()),
                    }
                }
                message = queue.recv() => {
                    let Ok(message) = message else { return };
                    let to = message.strip_prefix('c').and_then(|rest| rest.split_once("=:"));
                    match to {
                        Some((client, text)) if client == name.to_string() => drop(socket.send(Message::text(text)).await),
                        Some(_) => {}
                        None => for text in self.passed_on(message, heard) {
                            drop(socket.send(Message::text(text)).await);
                        }
                    }
                }
            }
        }
    }

    fn passed_on(&self, message: String, heard: u64) -> Vec<String> {
        if heard > 0 {
            return vec![message];
        }
        let number = self.deliveries.fetch_add(1, Ordering::Relaxed);
        match self.room {
            Room::Forgets(which) if which == number => Vec::new(),
            Room::Repeats(which) if which == number => vec![message.clone(), message],
            Room::Damages(which) if which == number => {
                let dot = message.find('.').unwrap() + 3;
                let digit = if &message[dot..=dot] == "7" { "8" } else { "7" };
                vec![[&message[..dot], digit, &message[dot + 1..]].concat()]
            }
            _ => vec![message],
        }
    }
}

async fn goodbye<S: AsyncRead + AsyncWrite + Unpin>(socket: &mut WebSocketStream<S>) {
    let _ = socket.close(Some(CloseFrame { code: 1008.into(), reason: "enough".into() })).await;
    // Until the client has read it: who drops a socket with unread bytes resets it.
    while let Some(Ok(_)) = socket.next().await {}
}

/// Opens a room on a free port.
pub async fn open(room: Room) -> SocketAddr {
    serve(Shared::new(room)).await
}

pub async fn serve(shared: Shared) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(shared.clone().serve(socket));
        }
    });
    address
}
