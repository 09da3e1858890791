//! The floor: one thread, one epoll instance, and one `write` of ready bytes per socket. Nothing that a server needs beyond.

use crate::server_process::Order;
use crate::{frame, payload};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mio::net::{TcpListener, TcpStream};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use sha1::{Digest, Sha1};
use std::collections::HashMap;
use std::io::{self, BufRead, ErrorKind, IoSlice, Read, Write};

const LISTENER: Token = Token(usize::MAX - 1);
const ORDERS: Token = Token(usize::MAX - 2);
/// The bench's own requests are a tenth of this.
const MAX_REQUEST_BYTES: usize = 4096;
/// RFC 6455, 1.3.
const ACCEPT_SALT: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Serves until standard input ends.
pub fn run() -> io::Result<()> {
    let mut poll = Poll::new()?;
    let mut listener = TcpListener::bind(([127, 0, 0, 1], 0).into())?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    poll.registry().register(&mut SourceFd(&0), ORDERS, Interest::READABLE)?;
    println!("listening {}", listener.local_addr()?);
    let mut sockets = Sockets::default();
    let mut events = Events::with_capacity(1024);
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            match event.token() {
                LISTENER => sockets.accept(&listener, &poll)?,
                ORDERS => match next_orders()? {
                    Some(orders) => orders.into_iter().try_for_each(|order| {
                        println!("sent {}", sockets.send(order)?);
                        Ok::<_, io::Error>(())
                    })?,
                    None => return Ok(()),
                },
                Token(place) => sockets.read(place),
            }
        }
    }
}

/// All orders that are there: of those left in the buffer no event would tell. `None` once there will be no more.
fn next_orders() -> io::Result<Option<Vec<Order>>> {
    let mut input = io::stdin().lock();
    // The bench writes whole lines, far shorter than what a pipe takes at once.
    let text = String::from_utf8_lossy(input.fill_buf()?).into_owned();
    input.consume(text.len());
    let order = |line| Order::parse(line).ok_or_else(|| io::Error::new(ErrorKind::InvalidInput, line));
    if text.is_empty() { Ok(None) } else { text.lines().map(order).collect::<Result<_, _>>().map(Some) }
}

#[derive(Default)]
struct Sockets {
    all: Vec<Option<TcpStream>>,
    /// Requests that are not there as a whole, by place.
    requests: HashMap<usize, Vec<u8>>,
}

impl Sockets {
    fn accept(&mut self, listener: &TcpListener, poll: &Poll) -> io::Result<()> {
        loop {
            let mut socket = match listener.accept() {
                Ok((socket, _)) => socket,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            socket.set_nodelay(true)?;
            let place = self.all.len();
            poll.registry().register(&mut socket, Token(place), Interest::READABLE)?;
            self.all.push(Some(socket));
            self.requests.insert(place, Vec::new());
        }
    }

    fn read(&mut self, place: usize) {
        let Some(Some(socket)) = self.all.get_mut(place) else { return };
        let mut buffer = [0; MAX_REQUEST_BYTES];
        loop {
            match socket.read(&mut buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Ok(0) | Err(_) => break,
                Ok(length) => {
                    let Some(request) = self.requests.get_mut(&place) else {
                        // The bench has one message in flight per connection and waits for its echo, so it comes whole.
                        let echoed = frame::echo(&mut buffer[..length]).map(|echo| socket.write_all(echo));
                        if matches!(echoed, Some(Ok(()))) {
                            continue;
                        }
                        break;
                    };
                    request.extend_from_slice(&buffer[..length]);
                    if !request.ends_with(b"\r\n\r\n") {
                        continue;
                    }
                    let answered = upgrade(request).map(|answer| socket.write_all(answer.as_bytes()));
                    self.requests.remove(&place);
                    if !matches!(answered, Some(Ok(()))) {
                        break;
                    }
                }
            }
        }
        self.all[place] = None;
    }

    /// Writes the messages of an order to every socket: one as it is, several in one vectored write.
    fn send(&mut self, order: Order) -> io::Result<usize> {
        let frames: Vec<_> =
            order.sequences().map(|sequence| frame::text(&payload::message_of(sequence, order.bytes))).collect();
        let slices: Vec<_> = frames.iter().map(|frame| IoSlice::new(frame)).collect();
        let total: usize = frames.iter().map(Vec::len).sum();
        let mut count = 0;
        for socket in self.all.iter_mut().flatten() {
            let written = match frames.as_slice() {
                [only] => socket.write(only)?,
                _ => socket.write_vectored(&slices)?,
            };
            if written < total {
                // The bench waits for its clients after every order, so a full socket buffer is a mistake of the bench.
                return Err(io::Error::new(ErrorKind::WriteZero, "a client did not keep up"));
            }
            count += 1;
        }
        Ok(count)
    }
}

fn upgrade(request: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(request).ok()?;
    let key = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("sec-websocket-key").then(|| value.trim())
    })?;
    let accept = STANDARD.encode(Sha1::new().chain_update(key).chain_update(ACCEPT_SALT).finalize());
    Some(format!(
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-accept: {accept}\r\n\r\n"
    ))
}
