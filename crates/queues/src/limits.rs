//! Everything that could grow, and how far. What AWS documents has AWS's number; the rest is ours.

/// Body and attributes of a message together, and all messages of a batch together: 1 MiB.
pub const MESSAGE_BYTES: usize = 1_048_576;
/// The least that `MaximumMessageSize` may be.
pub const LEAST_MAXIMUM_BYTES: i64 = 1_024;
/// A message of a topic with its attributes, and all messages of a batch together: 256 KiB.
pub const PUBLISHED_BYTES: usize = 262_144;
/// Entries of a batch, and messages of one `ReceiveMessage`.
pub const BATCH_ENTRIES: usize = 10;
/// Messages of a queue that are received and not yet deleted.
pub const IN_FLIGHT: i64 = 120_000;
/// Attributes of a message.
pub const MESSAGE_ATTRIBUTES: usize = 10;
/// Ours: a trace header does not count as part of its message, and those of X-Ray have some hundred bytes.
pub const TRACE_HEADER_BYTES: usize = 1_024;
pub const QUEUE_NAME_CHARS: usize = 80;
pub const TOPIC_NAME_CHARS: usize = 256;
pub const SUBJECT_CHARS: usize = 100;

pub const VISIBILITY_SECONDS: i64 = 43_200;
pub const DELAY_SECONDS: i64 = 900;
pub const RETENTION_SECONDS: (i64, i64) = (60, 1_209_600);
pub const WAIT_SECONDS: i64 = 20;
pub const MAX_RECEIVE_COUNT: i64 = 1_000;

/// A request's body. A message may triple its size in a form, and more in JSON with many escapes.
pub(crate) const BODY_BYTES: usize = 8 * 1024 * 1024;
/// Parameters of a form: a batch of ten with ten attributes each has 430.
pub(crate) const FORM_PARAMETERS: usize = 1_000;
/// How deep the names of parameters nest: `PublishBatchRequestEntries.member.1.MessageAttributes.entry.1.Value.DataType`.
pub(crate) const FORM_DEPTH: usize = 8;

/// Ours: a runaway script must not fill memory with queues.
pub const QUEUES: i64 = 10_000;
pub const TOPICS: i64 = 10_000;
/// Of one topic; a message is delivered to each before it is acknowledged.
pub const SUBSCRIPTIONS: i64 = 100;
/// Answers of lists, per page.
pub(crate) const PAGE: usize = 1_000;
pub(crate) const SNS_PAGE: usize = 100;
/// Receivers that wait for messages, of all queues together.
pub const WAITING_RECEIVERS: usize = 4_096;
/// Of those, how many look again at the same time: a wake-up of all must leave room for other operations.
pub(crate) const REPEATED_LOOKS: usize = 256;
/// Operations that wait for the one thread that reads and writes the file. More are refused.
pub(crate) const WAITING_OPERATIONS: usize = 1_024;
/// Operations that are committed together, with one wait for the disk.
pub(crate) const COMMITTED_TOGETHER: usize = 64;
/// Messages that one operation deletes or moves on its way, which takes a few milliseconds in which others wait.
pub(crate) const PASSED_OVER: usize = 500;
/// The file; when it is full, messages are refused until some are deleted.
pub(crate) const FILE_BYTES: u64 = 64 * 1024 * 1024 * 1024;
/// Texts that are kept with a queue and have no effect, such as `Policy`.
pub(crate) const KEPT_TEXT_BYTES: usize = 16 * 1024;
