//! A WebSocket client that waits, but not for ever.

use crate::patiently;
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use std::net::SocketAddr;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// An open WebSocket.
pub struct WebSocket(WebSocketStream<MaybeTlsStream<TcpStream>>);

/// What came next.
#[derive(Debug, PartialEq, Eq)]
pub enum Received {
    Text(String),
    Binary(Vec<u8>),
    /// The close code and reason; 1005 where the close frame had none, 1006 where there was no close frame.
    Closed(u16, String),
}

impl WebSocket {
    pub async fn connect(address: SocketAddr, path: &str) -> Self {
        match Self::try_connect(address, path, &[]).await {
            Ok(socket) => socket,
            Err(status) => panic!("the handshake at {path} was refused with {status}"),
        }
    }

    /// Opens a WebSocket with extra headers, or returns the HTTP status of the refusal.
    pub async fn try_connect(address: SocketAddr, path: &str, headers: &[(&'static str, &str)]) -> Result<Self, u16> {
        let mut request = format!("ws://{address}{path}").into_client_request().expect("the path is not a path");
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().expect("the header is not a header"));
        }
        match patiently("the handshake", connect_async(request)).await {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("no handshake at {path}: {error}"),
        }
    }

    pub async fn send(&mut self, text: &str) {
        patiently("a message to be sent", self.0.send(Message::text(text))).await.expect("the connection is closed");
    }

    /// The next message or the end; pings are answered and skipped.
    pub async fn receive(&mut self) -> Received {
        patiently("a message", async {
            loop {
                match self.0.next().await {
                    Some(Ok(Message::Text(text))) => return Received::Text(text.to_string()),
                    Some(Ok(Message::Binary(bytes))) => return Received::Binary(bytes.to_vec()),
                    Some(Ok(Message::Close(Some(frame)))) => {
                        return Received::Closed(frame.code.into(), frame.reason.to_string());
                    }
                    Some(Ok(Message::Close(None))) => return Received::Closed(1005, String::new()),
                    Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                    Some(Err(_)) | None => return Received::Closed(1006, String::new()),
                }
            }
        })
        .await
    }

    /// The next message, which is JSON.
    pub async fn json(&mut self) -> Value {
        match self.receive().await {
            Received::Text(text) => serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}")),
            other => panic!("expected a JSON message, not {other:?}"),
        }
    }

    /// Closes with 1000 and waits until the server has answered.
    pub async fn close(mut self) {
        let _ = self.0.close(None).await;
        patiently("the close to be answered", async { while let Some(Ok(_)) = self.0.next().await {} }).await;
    }

    /// Reads nothing more but leaves the connection open: a client that is too slow.
    pub fn stop_reading(self) -> impl Sized {
        self.0
    }
}
