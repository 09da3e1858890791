//! What a process may say to its Runtime API: no panic, an end, answers that are HTTP, and at most one for its event.
//!
//! `cargo +nightly fuzz run runtime_api`, from the root of the repository.

#![no_main]

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use sluicegate_functions::process::fuzzing::{HOST, REQUEST_ID, speak};

#[derive(Arbitrary, Debug)]
enum Said {
    Request { route: Route, host: Host, mode: Option<u8>, framing: Framing, body: Vec<u8> },
    /// Anything at all.
    Bytes(Vec<u8>),
}

#[derive(Arbitrary, Debug)]
enum Route {
    Next,
    Response,
    ResponseTo(Vec<u8>),
    Error,
    InitError,
    Restore,
}

#[derive(Arbitrary, Debug)]
enum Host {
    Right,
    None,
    Wrong,
    WithOrigin,
}

#[derive(Arbitrary, Debug)]
enum Framing {
    Length,
    /// More or less than there is.
    WrongLength(u32),
    Chunked { piece: u8 },
    ChunkedWithError(Vec<u8>),
    None,
}

const STATUSES: [&[u8]; 8] = [b"200", b"202", b"400", b"403", b"404", b"413", b"414", b"431"];

fuzz_target!(|said: Vec<Said>| {
    let mut wire = Vec::new();
    said.iter().for_each(|one| one.write(&mut wire));
    // When nobody has anything to do, time passes at once.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let conversation = runtime.block_on(speak(&wire));
    let asks = wire.windows(4).any(|place| place == b"next");
    assert!(conversation.ended || asks, "only who asks for an event waits");
    let sent = &conversation.sent;
    if !sent.is_empty() {
        assert!(sent.starts_with(b"HTTP/1.1 ") && STATUSES.contains(&&sent[9..12]), "{}", sent.escape_ascii());
    }
    // Nobody is answered who was not asked.
    if conversation.answered.is_some() {
        let given = |what: &[u8]| sent.windows(what.len()).any(|place| place.eq_ignore_ascii_case(what));
        assert!(given(b"lambda-runtime-aws-request-id"), "an answer to an event that nobody took");
    }
});

impl Said {
    fn write(&self, wire: &mut Vec<u8>) {
        let Self::Request { route, host, mode, framing, body } = self else {
            if let Self::Bytes(bytes) = self {
                wire.extend_from_slice(bytes);
            }
            return;
        };
        let method: &[u8] = if matches!(route, Route::Next | Route::Restore) { b"GET " } else { b"POST " };
        wire.extend_from_slice(method);
        wire.extend_from_slice(b"/2018-06-01/runtime/");
        match route {
            Route::Next => wire.extend_from_slice(b"invocation/next"),
            Route::Response => wire.extend_from_slice(format!("invocation/{REQUEST_ID}/response").as_bytes()),
            Route::ResponseTo(id) => {
                wire.extend_from_slice(b"invocation/");
                wire.extend_from_slice(id);
                wire.extend_from_slice(b"/response");
            }
            Route::Error => wire.extend_from_slice(format!("invocation/{REQUEST_ID}/error").as_bytes()),
            Route::InitError => wire.extend_from_slice(b"init/error"),
            Route::Restore => wire.extend_from_slice(b"restore/next"),
        }
        wire.extend_from_slice(b" HTTP/1.1\r\n");
        match host {
            Host::Right => wire.extend_from_slice(format!("Host: {HOST}\r\n").as_bytes()),
            Host::None => {}
            Host::Wrong => wire.extend_from_slice(b"Host: example.org\r\n"),
            Host::WithOrigin => wire.extend_from_slice(format!("Host: {HOST}\r\nOrigin: null\r\n").as_bytes()),
        }
        if let Some(mode) = mode {
            let mode = ["streaming", "buffered", "other"][usize::from(mode % 3)];
            wire.extend_from_slice(format!("Lambda-Runtime-Function-Response-Mode: {mode}\r\n").as_bytes());
        }
        framing.write(body, wire);
    }
}

impl Framing {
    fn write(&self, body: &[u8], wire: &mut Vec<u8>) {
        const TRAILER: &[u8] = b"Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n";
        match self {
            Self::Length => wire.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes()),
            Self::WrongLength(length) => {
                wire.extend_from_slice(format!("Content-Length: {length}\r\n\r\n").as_bytes());
            }
            Self::None => wire.extend_from_slice(b"\r\n"),
            Self::Chunked { .. } | Self::ChunkedWithError(_) => {
                wire.extend_from_slice(TRAILER);
                wire.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
                let piece = if let Self::Chunked { piece } = self { usize::from(*piece).max(1) } else { body.len().max(1) };
                for chunk in body.chunks(piece) {
                    wire.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                    wire.extend_from_slice(chunk);
                    wire.extend_from_slice(b"\r\n");
                }
                wire.extend_from_slice(b"0\r\n");
                if let Self::ChunkedWithError(error) = self {
                    wire.extend_from_slice(b"Lambda-Runtime-Function-Error-Type: Function.X\r\nLambda-Runtime-Function-Error-Body: ");
                    wire.extend_from_slice(error);
                    wire.extend_from_slice(b"\r\n");
                }
                wire.extend_from_slice(b"\r\n");
                return;
            }
        }
        wire.extend_from_slice(body);
    }
}
