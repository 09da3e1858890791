//! What each step does.

use crate::answer;
use crate::case::{
    Answer, BackendCheck, Bulk, Closed, Connect, ConnectRequest, HttpRequest, Management, PostUntil, SignatureForm,
    Signing, Step,
};
use crate::event;
use crate::names::{Names, shorten};
use crate::signing;
use crate::target::{Caller, Target};
use crate::wire::http::{self, Request, Response};
use crate::wire::websocket::{Message, Opcode, Socket, accept_of, new_key};
use crate::wire::{from_hex, patiently, to_hex};
use bytes::Bytes;
use serde_json::Value;
use std::collections::BTreeMap;
use tokio::net::TcpStream;

/// The first client's name.
const FIRST: &str = "a";
/// What makes an endpoint elsewhere tell its connection's id.
const ASK_FOR_EVENT: &str = r#"{"action":"echo"}"#;

/// One run of a case.
pub(super) struct Run {
    target: Target,
    names: Names,
    client: String,
    sockets: BTreeMap<String, Socket>,
    /// Upgrades that were asked for and not answered: the socket and the expected `Sec-WebSocket-Accept`.
    begun: BTreeMap<String, (TcpStream, String)>,
}

impl Run {
    pub(super) fn new(target: Target, mut names: Names) -> Self {
        names.extend(target.names());
        Self { target, names, client: FIRST.to_owned(), sockets: BTreeMap::new(), begun: BTreeMap::new() }
    }

    pub(super) async fn steps(&mut self, steps: &[Step]) -> Result<(), String> {
        for (index, step) in steps.iter().enumerate() {
            Box::pin(self.step(step)).await.map_err(|error| format!("step {} ({}): {error}", index + 1, verb(step)))?;
        }
        Ok(())
    }

    /// Ends the target in order.
    pub(super) async fn end(self) -> Result<(), String> {
        drop(self.sockets);
        drop(self.begun);
        match self.target {
            Target::Local(local) => local.stop().await,
            Target::Remote(_) => Ok(()),
        }
    }

    async fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Client(name) => self.client.clone_from(name),
            Step::Connect(connect) => self.connect(connect).await?,
            Step::Begin(request) => self.begin(request).await?,
            Step::Unanswered(_) => self.unanswered()?,
            Step::Answered(expected) => self.answered(expected).await?,
            Step::Request(request) => self.request(request).await?,
            Step::Send(text) => {
                let text = self.names.fill(text)?;
                self.socket()?.send(Opcode::Text, text.as_bytes()).await?;
            }
            Step::SendBytes(bulk) => self.send_bulk(bulk).await?,
            Step::SendFragments(parts) => {
                let parts: Vec<_> = parts.iter().map(String::as_bytes).collect();
                self.socket()?.send_fragments(&parts).await?;
            }
            Step::SendBinary(hex) => self.socket()?.send(Opcode::Binary, &from_hex(hex)?).await?,
            Step::SendRaw(hex) => self.socket()?.send_raw(&from_hex(hex)?).await?,
            Step::Ping(payload) => self.ping(payload).await?,
            Step::Receive(text) => match self.socket()?.next().await? {
                Message::Text(found) => self.names.matches_text(text, &found)?,
                other => return Err(format!("expected {}, got {}", shorten(text), describe(&other))),
            },
            Step::ReceiveLike(pattern) => match self.socket()?.next().await? {
                Message::Text(found) => self.names.matches_pattern(pattern, &found)?,
                other => return Err(format!("expected {}, got {}", shorten(pattern), describe(&other))),
            },
            Step::ReceiveBytes(count) => match self.socket()?.next().await? {
                Message::Text(found) if found.len() == *count => {}
                other => return Err(format!("expected a text of {count} bytes, got {}", describe(&other))),
            },
            Step::ReceiveBinary(hex) => match self.socket()?.next().await? {
                Message::Binary(found) if found == from_hex(hex)? => {}
                other => return Err(format!("expected binary {hex}, got {}", describe(&other))),
            },
            Step::Quiet(_) => self.quiet().await?,
            Step::Close(close) => {
                self.socket()?.send_close(close.code, &close.reason).await?;
                let code = close.code.unwrap_or(1005);
                self.closed(&Closed { code, reason: None }).await?;
            }
            Step::Closed(expected) => self.closed(expected).await?,
            Step::Reset(_) => self.take_socket()?.reset()?,
            Step::Called(called) => {
                let calls = self.target.local()?.called(&called.function, called.times).await?;
                if calls.len() > called.times {
                    return Err(format!("{} was called {} times", called.function, calls.len()));
                }
            }
            Step::Event(check) => {
                let payload = self.payload(&check.of, check.nth.unwrap_or(1)).await?;
                event::check(check, &payload, &mut self.names).map_err(|error| {
                    format!("{error}; the event is {}", shorten(&String::from_utf8_lossy(&payload)))
                })?;
            }
            Step::Backend(check) => self.backend(check).await?,
            Step::Post(request) => self.manage("POST", request).await?,
            Step::Get(request) => self.manage("GET", request).await?,
            Step::Delete(request) => self.manage("DELETE", request).await?,
            Step::PostUntil(until) => self.post_until(until).await?,
            Step::Advance(ms) => self.target.local()?.clock.advance(std::time::Duration::from_millis(*ms)),
            Step::Release(function) => self.target.local()?.release(function),
            Step::Change(change) => self.target.local_mut()?.change(change)?,
            Step::Repeat(repeat) => {
                for _ in 0..repeat.times {
                    self.steps(&repeat.steps).await?;
                }
            }
            Step::Metrics(expected) => crate::metrics::check(self.target.local()?.api(), expected).await?,
            Step::AccessLog(patterns) => {
                // The gateway ends when its clients have.
                self.sockets.clear();
                let lines = self.target.local()?.access_log().await?;
                if lines.len() != patterns.len() {
                    return Err(format!("expected {} lines, got {lines:?}", patterns.len()));
                }
                for (line, pattern) in lines.iter().zip(patterns) {
                    self.names.matches_pattern(pattern, line)?;
                }
            }
        }
        Ok(())
    }

    async fn connect(&mut self, connect: &Connect) -> Result<(), String> {
        self.begin(&connect.request).await?;
        self.answered(&connect.answer).await
    }

    async fn begin(&mut self, request: &ConnectRequest) -> Result<(), String> {
        let key = request.key.clone().unwrap_or_else(new_key);
        let mut headers = vec![
            ("Host", self.host(request.host.as_deref())?),
            ("Upgrade", "websocket".to_owned()),
            ("Connection", "Upgrade".to_owned()),
            ("Sec-WebSocket-Version", "13".to_owned()),
            ("Sec-WebSocket-Key", key.clone()),
        ];
        headers.extend(request.user_agent.iter().map(|agent| ("User-Agent", agent.clone())));
        let mut headers: Vec<_> = headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        headers.extend(self.fill_headers(&request.with)?);
        let path = self.names.fill(request.to.as_deref().unwrap_or("/prod"))?;
        let mut upgrade =
            Request { method: "GET".to_owned(), target: self.target.path(&path), headers, body: Bytes::new() };
        self.sign(&mut upgrade, &request.signing, SignatureForm::None)?;
        let mut socket = self.dial().await?;
        http::send(&mut socket, &upgrade).await?;
        self.begun.insert(self.client.clone(), (socket, accept_of(&key)));
        Ok(())
    }

    fn unanswered(&mut self) -> Result<(), String> {
        let (socket, _) = self.begun.get(&self.client).ok_or("no upgrade was begun")?;
        match socket.try_read(&mut [0; 1]) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Ok(()),
            Ok(_) => Err("there is an answer already".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    async fn answered(&mut self, expected: &Answer) -> Result<(), String> {
        let (mut socket, accept) = self.begun.remove(&self.client).ok_or("no upgrade was begun")?;
        let response = patiently("an answer to the upgrade", http::receive(&mut socket)).await??;
        answer::check(expected, 101, &response, &mut self.names)?;
        if response.status != 101 {
            return Ok(());
        }
        if response.header("Sec-WebSocket-Accept") != Some(accept.as_str()) {
            return Err("Sec-WebSocket-Accept does not prove that the key was read".to_owned());
        }
        self.sockets.insert(self.client.clone(), Socket::new(socket, response.rest));
        self.name_connection().await
    }

    /// Names the connection, so that it can be posted to.
    async fn name_connection(&mut self) -> Result<(), String> {
        let event = match &self.target {
            Target::Local(local) => local.last_connect(),
            Target::Remote(_) => {
                let socket = self.socket()?;
                socket.send(Opcode::Text, ASK_FOR_EVENT.as_bytes()).await?;
                match socket.next().await? {
                    Message::Text(text) => serde_json::from_str(&text).ok(),
                    other => {
                        return Err(format!("the route echo did not answer with its event but {}", describe(&other)));
                    }
                }
            }
        };
        let id = event.as_ref().and_then(|event| event.pointer("/requestContext/connectionId")).and_then(Value::as_str);
        if let Some(id) = id {
            let names = [("connection".to_owned(), id), (format!("connection:{}", self.client), id)];
            names.into_iter().for_each(|(name, id)| self.names.set(name, id));
            self.names.set("connection-escaped", id.replace('=', "%3D"));
        }
        Ok(())
    }

    async fn request(&mut self, request: &HttpRequest) -> Result<(), String> {
        let mut headers = vec![("Host".to_owned(), self.host(request.host.as_deref())?)];
        headers.extend(self.fill_headers(&request.with)?);
        let target = self.target.path(&self.names.fill(&request.to)?);
        let request_line = Request { method: request.method.clone(), target, headers, body: Bytes::new() };
        let response = self.exchange(&request_line).await?;
        answer::check(&request.answer, 200, &response, &mut self.names)
    }

    async fn send_bulk(&mut self, bulk: &Bulk) -> Result<(), String> {
        let payload = vec![b'x'; bulk.count];
        let frames: Vec<_> = payload.chunks(bulk.frame.unwrap_or(bulk.count)).collect();
        self.socket()?.send_fragments(&frames).await
    }

    async fn ping(&mut self, payload: &str) -> Result<(), String> {
        let socket = self.socket()?;
        socket.send(Opcode::Ping, payload.as_bytes()).await?;
        match socket.next().await? {
            Message::Pong(found) if found == payload.as_bytes() => Ok(()),
            other => Err(format!("expected a pong of `{payload}`, got {}", describe(&other))),
        }
    }

    /// Works where one message is worked on at a time. The first ping may be read together with the message before it;
    /// the second is not read before that message is done, and what it brought has been sent by then.
    async fn quiet(&mut self) -> Result<(), String> {
        self.ping("first").await?;
        self.ping("second").await
    }

    async fn closed(&mut self, expected: &Closed) -> Result<(), String> {
        let found = self.socket()?.next().await?;
        let Message::Close(code, reason) = &found else {
            return Err(format!("expected a close with {}, got {}", expected.code, describe(&found)));
        };
        if *code != expected.code || expected.reason.as_ref().is_some_and(|expected| expected != reason) {
            return Err(format!("closed with {code} `{reason}`, expected {} {:?}", expected.code, expected.reason));
        }
        Ok(())
    }

    /// An event of a function. Elsewhere it is what the route `echo` answers with.
    async fn payload(&mut self, function: &str, nth: usize) -> Result<Bytes, String> {
        if let Target::Local(local) = &self.target {
            return Ok(local.called(function, nth).await?[nth - 1].payload.clone());
        }
        match self.socket()?.look_ahead(nth).await? {
            Message::Text(text) => Ok(text.clone().into()),
            other => Err(format!("the route echo did not answer with its event but {}", describe(other))),
        }
    }

    async fn backend(&mut self, check: &BackendCheck) -> Result<(), String> {
        let local = self.target.local()?;
        if check.never {
            let requests = local.backend_requests();
            return if requests.is_empty() { Ok(()) } else { Err(format!("the backend got {requests:?}")) };
        }
        let request = local.backend_request(check.nth.unwrap_or(1)).await?;
        let names = &mut self.names;
        if let Some(pattern) = &check.target {
            names.matches_pattern(pattern, &request.target)?;
        }
        if let Some(method) = &check.method {
            names.matches_text(method, &request.method)?;
        }
        let header = |name: &str| request.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        for (name, pattern) in &check.has {
            let (_, value) = header(name).ok_or_else(|| format!("the backend got no header {name}"))?;
            names.matches_pattern(pattern, value).map_err(|error| format!("header {name}: {error}"))?;
        }
        for name in &check.lacks {
            if let Some((_, value)) = header(name) {
                return Err(format!("the backend got the header {name}: {value}"));
            }
        }
        if let Some(body) = &check.body {
            names.matches_text(body, &String::from_utf8_lossy(&request.body))?;
        }
        match &check.bytes {
            Some(hex) if from_hex(hex)? != request.body => {
                Err(format!("the backend got {}, expected {hex}", to_hex(&request.body)))
            }
            _ => Ok(()),
        }
    }

    async fn manage(&mut self, method: &str, request: &Management) -> Result<(), String> {
        let body = match (&request.text, &request.hex, request.bytes) {
            (Some(text), _, _) => Bytes::from(self.names.fill(text)?),
            (_, Some(hex), _) => from_hex(hex)?.into(),
            (_, _, Some(count)) => vec![b'x'; count].into(),
            (None, None, None) => Bytes::new(),
        };
        let response = self.call_management(method, request, body).await?;
        let usual = if method == "DELETE" { 204 } else { 200 };
        answer::check(&request.answer, usual, &response, &mut self.names)
    }

    async fn post_until(&mut self, until: &PostUntil) -> Result<(), String> {
        let body = Bytes::from(vec![b'x'; until.bytes]);
        for _ in 0..until.at_most {
            let response = self.call_management("POST", &Management::default(), body.clone()).await?;
            if response.status != 200 {
                return answer::check(&until.answer, 200, &response, &mut self.names);
            }
        }
        Err(format!("all {} posts were taken", until.at_most))
    }

    async fn call_management(&mut self, method: &str, request: &Management, body: Bytes) -> Result<Response, String> {
        let path = match (&request.path, &request.id) {
            // Twice: one of several spellings may itself name the connection.
            (Some(path), _) => self.names.fill(&self.names.fill(path)?)?,
            (None, Some(id)) => format!("/prod/@connections/{}", self.names.fill(id)?.replace('=', "%3D")),
            (None, None) => self.names.fill("/prod/@connections/{{connection-escaped}}")?,
        };
        let mut headers = vec![("Host".to_owned(), self.host(request.host.as_deref())?)];
        headers.extend(self.fill_headers(&request.with)?);
        headers.push(("Content-Length".to_owned(), body.len().to_string()));
        let mut call = Request { method: method.to_owned(), target: self.target.path(&path), headers, body };
        self.sign(&mut call, &request.signing, SignatureForm::Header)?;
        self.exchange(&call).await
    }

    fn sign(&self, request: &mut Request, signing: &Signing, usual: SignatureForm) -> Result<(), String> {
        let form = if signing.form == SignatureForm::Usual { usual } else { signing.form };
        if form == SignatureForm::None {
            return Ok(());
        }
        let key = self.target.key(Caller::parse(signing.caller.as_deref())?)?;
        let now = self.target.now_ms();
        match form {
            SignatureForm::Presigned => signing::presign(request, &key, now),
            _ => signing::sign_with_header(request, &key, now),
        }?;
        if form == SignatureForm::Tampered {
            tamper(request);
        }
        Ok(())
    }

    async fn exchange(&self, request: &Request) -> Result<Response, String> {
        let mut socket = self.dial().await?;
        http::send(&mut socket, request).await?;
        patiently("an HTTP answer", http::receive(&mut socket)).await?
    }

    async fn dial(&self) -> Result<TcpStream, String> {
        let address = self.target.address().await?;
        let dialled = patiently("a TCP connection", TcpStream::connect(address)).await?;
        dialled.map_err(|error| format!("cannot connect to {address}: {error}"))
    }

    fn host(&self, written: Option<&str>) -> Result<String, String> {
        written.map_or_else(|| Ok(self.target.host()), |host| self.names.fill(host))
    }

    fn fill_headers(&self, headers: &BTreeMap<String, String>) -> Result<Vec<(String, String)>, String> {
        headers.iter().map(|(name, value)| Ok((name.clone(), self.names.fill(value)?))).collect()
    }

    fn socket(&mut self) -> Result<&mut Socket, String> {
        self.sockets.get_mut(&self.client).ok_or_else(|| format!("client {} is not connected", self.client))
    }

    fn take_socket(&mut self) -> Result<Socket, String> {
        self.sockets.remove(&self.client).ok_or_else(|| format!("client {} is not connected", self.client))
    }
}

/// Changes the last digit of the signature.
fn tamper(request: &mut Request) {
    if let Some((_, value)) = request.headers.iter_mut().find(|(name, _)| name == "Authorization") {
        let other = if value.ends_with('0') { '1' } else { '0' };
        value.pop();
        value.push(other);
    }
}

fn describe(message: &Message) -> String {
    match message {
        Message::Text(text) => format!("text {}", shorten(text)),
        Message::Binary(bytes) => format!("binary {}", shorten(&to_hex(bytes))),
        Message::Ping(bytes) => format!("a ping of {}", to_hex(bytes)),
        Message::Pong(bytes) => format!("a pong of {}", to_hex(bytes)),
        Message::Close(code, reason) => format!("a close with {code} `{reason}`"),
        Message::End => "the end of the connection".to_owned(),
    }
}

/// A step's word, as the case file has it.
fn verb(step: &Step) -> &'static str {
    match step {
        Step::Client(_) => "client",
        Step::Connect(_) => "connect",
        Step::Begin(_) => "begin",
        Step::Unanswered(_) => "unanswered",
        Step::Answered(_) => "answered",
        Step::Request(_) => "request",
        Step::Send(_) => "send",
        Step::SendBytes(_) => "send-bytes",
        Step::SendFragments(_) => "send-fragments",
        Step::SendBinary(_) => "send-binary",
        Step::SendRaw(_) => "send-raw",
        Step::Ping(_) => "ping",
        Step::Receive(_) => "receive",
        Step::ReceiveLike(_) => "receive-like",
        Step::ReceiveBytes(_) => "receive-bytes",
        Step::ReceiveBinary(_) => "receive-binary",
        Step::Quiet(_) => "quiet",
        Step::Close(_) => "close",
        Step::Closed(_) => "closed",
        Step::Reset(_) => "reset",
        Step::Called(_) => "called",
        Step::Event(_) => "event",
        Step::Backend(_) => "backend",
        Step::Post(_) => "post",
        Step::Get(_) => "get",
        Step::Delete(_) => "delete",
        Step::PostUntil(_) => "post-until",
        Step::Advance(_) => "advance",
        Step::Release(_) => "release",
        Step::Change(_) => "change",
        Step::Repeat(_) => "repeat",
        Step::Metrics(_) => "metrics",
        Step::AccessLog(_) => "access-log",
    }
}
