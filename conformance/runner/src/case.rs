//! What a case file says: given, when, then.
//!
//! A file holds one section; each case names the certainty of its expectation, what it changes of the usual API and its
//! functions, and the steps of a client. Unknown words are refused.

use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// One file: a section of the suite.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    /// A letter.
    pub section: String,
    pub title: String,
    #[serde(rename = "case")]
    pub cases: Vec<Case>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Case {
    /// `C` and three digits.
    pub id: String,
    /// What is expected, in a sentence.
    pub title: String,
    pub certainty: Certainty,
    /// Where a real client proves the same: a file under `acceptance/`.
    pub also: Option<String>,
    #[serde(default)]
    pub given: Given,
    /// The case is run once with each of these sets of names, which `{{name}}` stands for.
    #[serde(default)]
    pub each: Vec<BTreeMap<String, String>>,
    /// Instead of steps: the API is not served, for a reason that this pattern finds.
    pub refused: Option<String>,
    #[serde(default)]
    pub steps: Vec<Step>,
}

/// How we know what to expect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Certainty {
    /// AWS documents it.
    Documented,
    /// Seen on AWS.
    Observed,
    /// Nobody has published it: our own decision.
    Decision,
}

/// How the case's server differs from the usual one.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Given {
    #[serde(flatten)]
    pub api: ApiChange,
    /// What functions do, by name.
    pub functions: BTreeMap<String, Behaviour>,
    /// What an HTTP backend at `{{backend}}` answers, by path.
    pub backend: BTreeMap<String, BackendAnswer>,
    pub api_keys: Vec<ApiKey>,
    pub domains: Vec<Domain>,
    pub server: ServerSettings,
}

/// A change of the usual API, in the words of the control plane. What is `false` is taken away; tables are merged.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct ApiChange {
    pub api: BTreeMap<String, Value>,
    /// By route key.
    pub routes: BTreeMap<String, Value>,
    pub integrations: BTreeMap<String, Value>,
    pub authorizers: BTreeMap<String, Value>,
    pub models: BTreeMap<String, Value>,
    /// By name.
    pub stages: BTreeMap<String, Value>,
}

/// What a function does with each event.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Behaviour {
    /// Returns this JSON text; `{{event:/pointer}}` stands for a part of the event.
    Returns(String),
    /// Waits for a `release` step, then returns this JSON text.
    WaitsThenReturns(String),
    /// Fails with this message.
    Throws(String),
    /// Does not exist, or may not be called.
    IsMissing(bool),
    /// Returns its event as the body of a proxy result.
    AnswersWithItsEvent(bool),
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct BackendAnswer {
    pub status: Option<u16>,
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

/// A key and the stages its usage plan is for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct ApiKey {
    pub id: String,
    pub value: String,
    pub stages: Vec<String>,
}

/// A domain of one's own with one mapping.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Domain {
    pub name: String,
    pub key: String,
    pub stage: String,
}

/// Limits of the server that a case makes its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct ServerSettings {
    /// Messages of one connection that may be worked on at once; one if not given, so that a ping shows that all is done.
    pub messages_in_flight: Option<u16>,
    pub outbound_queue_bytes: Option<usize>,
}

/// What a client does, or what must have happened.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Step {
    /// Who does what follows; the first client is `a`.
    Client(String),
    /// Asks for an upgrade and waits for the answer.
    Connect(Connect),
    /// Asks for an upgrade and goes on.
    Begin(ConnectRequest),
    /// No answer to the upgrade has come so far.
    Unanswered(bool),
    /// The answer to the upgrade that was begun.
    Answered(Answer),
    /// An ordinary HTTP request.
    Request(HttpRequest),
    /// Sends a text message.
    Send(String),
    SendBytes(Bulk),
    /// Sends a text message in as many frames.
    SendFragments(Vec<String>),
    /// Sends a binary message, in hexadecimal digits.
    SendBinary(String),
    /// Writes bytes below the WebSocket protocol, in hexadecimal digits.
    SendRaw(String),
    /// Sends a ping and waits for its pong, before anything else.
    Ping(String),
    /// The next message is this text; `{{id:name}}` stands for any id and names it.
    Receive(String),
    /// The next message is a text that this pattern fits.
    ReceiveLike(String),
    /// The next message is this long, and text.
    ReceiveBytes(usize),
    /// The next message is binary.
    ReceiveBinary(String),
    /// Nothing arrives while all that was sent is worked on.
    Quiet(bool),
    /// Sends a close frame and waits for the server's own.
    Close(CloseFrame),
    /// The server's close frame.
    Closed(Closed),
    /// Ends the connection by a TCP reset.
    Reset(bool),
    /// A function was called so often, and not more.
    Called(Called),
    /// An event that a function got.
    Event(EventCheck),
    /// A request that the HTTP backend got.
    Backend(BackendCheck),
    Post(Management),
    Get(Management),
    Delete(Management),
    /// Posts until the answer has another status than 200.
    PostUntil(PostUntil),
    /// Lets so many milliseconds pass.
    Advance(u64),
    /// Lets one call of a waiting function go on.
    Release(String),
    /// Changes the API while it is served.
    Change(ApiChange),
    Repeat(Repeat),
    /// Counters by name, as API Gateway calls them: `1`, or `>= 3`.
    Metrics(BTreeMap<String, String>),
    /// The lines of the access log, as patterns, when the server has ended.
    AccessLog(Vec<String>),
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Connect {
    #[serde(flatten)]
    pub request: ConnectRequest,
    #[serde(flatten)]
    pub answer: Answer,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct ConnectRequest {
    /// Path and query; the stage if not given.
    pub to: Option<String>,
    /// The host to name; the API's own if not given.
    pub host: Option<String>,
    pub with: BTreeMap<String, String>,
    pub user_agent: Option<String>,
    pub signing: Signing,
    pub key: Option<String>,
}

/// What an HTTP answer must be.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Answer {
    /// 101 for upgrades and 200 for requests if not given.
    pub status: Option<u16>,
    /// Headers and their values, as patterns of the whole value.
    pub has: BTreeMap<String, String>,
    /// Headers that must not be there.
    pub lacks: Vec<String>,
    /// `x-amzn-ErrorType`.
    pub error: Option<String>,
    /// To the byte.
    pub body: Option<String>,
    pub body_like: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct HttpRequest {
    pub method: String,
    pub to: String,
    pub host: Option<String>,
    pub with: BTreeMap<String, String>,
    #[serde(flatten)]
    pub answer: Answer,
}

/// How a request is signed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Signing {
    /// Whose key: `owner` may do everything, `poster` only post, `stranger` nothing.
    #[serde(rename = "by")]
    pub caller: Option<String>,
    #[serde(rename = "how")]
    pub form: SignatureForm,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignatureForm {
    /// As usual: none on upgrades, a header on `@connections`.
    #[default]
    Usual,
    None,
    Header,
    Presigned,
    /// A header whose signature was changed.
    Tampered,
}

/// A message of so many bytes.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Bulk {
    pub count: usize,
    /// The largest frame; one frame if not given.
    pub frame: Option<usize>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct CloseFrame {
    /// Absent: a close frame without a code.
    pub code: Option<u16>,
    pub reason: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Closed {
    pub code: u16,
    pub reason: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Called {
    pub function: String,
    pub times: usize,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct EventCheck {
    pub of: String,
    /// The first is 1, which is meant if not given.
    pub nth: Option<usize>,
    /// The event has at least this.
    pub has: Option<Value>,
    /// The event has no such members, by JSON pointer.
    pub lacks: Vec<String>,
    /// Exactly these members in this order, by JSON pointer.
    pub keys: BTreeMap<String, Vec<String>>,
    /// Patterns of values, by JSON pointer; they find `{{name}}` as well.
    pub like: BTreeMap<String, String>,
    /// Members with another value than the name stands for.
    pub differs: BTreeMap<String, String>,
    /// Names for values, by JSON pointer.
    pub save: BTreeMap<String, String>,
    /// Typed events can be made of it.
    pub reads_as: Option<TypedEvent>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TypedEvent {
    AwsLambdaEvents,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct BackendCheck {
    pub nth: Option<usize>,
    /// As in the request line, a pattern.
    pub target: Option<String>,
    pub method: Option<String>,
    pub has: BTreeMap<String, String>,
    pub lacks: Vec<String>,
    pub body: Option<String>,
    /// The body in hexadecimal digits.
    pub bytes: Option<String>,
    /// No request came.
    pub never: bool,
}

/// A request to `@connections`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Management {
    pub text: Option<String>,
    pub bytes: Option<usize>,
    pub hex: Option<String>,
    /// As written on the request line; `/prod/@connections/` and the client's own id if not given.
    pub path: Option<String>,
    pub id: Option<String>,
    pub host: Option<String>,
    pub signing: Signing,
    pub with: BTreeMap<String, String>,
    #[serde(flatten)]
    pub answer: Answer,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PostUntil {
    pub bytes: usize,
    pub at_most: usize,
    #[serde(flatten)]
    pub answer: Answer,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Repeat {
    pub times: usize,
    pub steps: Vec<Step>,
}
