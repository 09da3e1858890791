//! One socket of a client, plain or with TLS, which never waits.

use crate::target::{Target, Tls};
use mio::net::TcpStream;
use rustls::{ClientConnection, StreamOwned};
use socket2::{Domain, SockRef, Socket, Type};
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

/// The receive buffer of a client that will stop reading: as small as it goes, so that the server notices soon.
const SLOW_READER_BUFFER_BYTES: usize = 4 * 1024;

/// How eagerly a client takes what comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    AtOnce,
    /// It has little room for what it does not read.
    Reluctantly,
}

pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Stream {
    /// Begins to connect; the socket becomes writable once it is.
    pub(crate) fn dial(target: &Target, route: (SocketAddr, Option<SocketAddr>), reading: Reading) -> io::Result<Self> {
        let socket = dial(route, reading)?;
        match &target.tls {
            None => Ok(Self::Plain(socket)),
            Some(Tls { config, name }) => {
                let session = ClientConnection::new(config.clone(), name.clone()).map_err(io::Error::other)?;
                Ok(Self::Tls(Box::new(StreamOwned::new(session, socket))))
            }
        }
    }

    pub(crate) fn socket(&mut self) -> &mut TcpStream {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(session) => &mut session.sock,
        }
    }

    /// Whether the connection is there; an error if it will never be.
    pub(crate) fn is_connected(&mut self) -> io::Result<bool> {
        let socket = self.socket();
        if let Some(error) = socket.take_error()? {
            return Err(error);
        }
        match socket.peer_addr() {
            Ok(_) => {
                socket.set_nodelay(true)?;
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::NotConnected => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether a read that brought less than it could says that there is no more for now.
    pub(crate) fn short_reads_are_last(&self) -> bool {
        matches!(self, Self::Plain(_))
    }
}

fn dial((server, source): (SocketAddr, Option<SocketAddr>), reading: Reading) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(server), Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    // Ten thousand clients that leave would occupy ten thousand ports for a minute; a reset leaves none behind.
    SockRef::from(&socket).set_linger(Some(Duration::ZERO))?;
    if reading == Reading::Reluctantly {
        socket.set_recv_buffer_size(SLOW_READER_BUFFER_BYTES)?;
    }
    if let Some(source) = source {
        socket.bind(&source.into())?;
    }
    match socket.connect(&server.into()) {
        Ok(()) => {}
        // `EINPROGRESS` has no name of its own in the standard library.
        Err(error) if error.kind() == ErrorKind::WouldBlock || error.raw_os_error() == Some(IN_PROGRESS) => {}
        Err(error) => return Err(error),
    }
    Ok(TcpStream::from_std(socket.into()))
}

#[cfg(target_os = "linux")]
const IN_PROGRESS: i32 = 115;
#[cfg(not(target_os = "linux"))]
const IN_PROGRESS: i32 = 36;

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            Self::Tls(session) => session.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Tls(session) => session.write(bytes),
        }
    }

    /// Encrypted bytes may wait in the session.
    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Tls(session) => session.flush(),
        }
    }
}
