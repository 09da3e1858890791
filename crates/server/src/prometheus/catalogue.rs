//! Every metric of the process: what `/metrics` explains and the reference page lists. A test compares it with the code.

use std::fmt::Write;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// A metric's name, kind, labels and meaning. Labels never name a connection, so their number stays small.
#[derive(Debug)]
pub struct Metric {
    pub name: &'static str,
    pub kind: Kind,
    pub labels: &'static [&'static str],
    pub meaning: &'static str,
}

macro_rules! metrics {
    ($($kind:ident $name:ident [$($label:ident),*] $meaning:literal;)*) => {
        pub const METRICS: &[Metric] = &[$(Metric {
            name: concat!("sluicegate_", stringify!($name)),
            kind: Kind::$kind,
            labels: &[$(stringify!($label)),*],
            meaning: $meaning,
        }),*];
    };
}

metrics! {
    Gauge build_info [version] "1; the label says which version runs.";

    Gauge http_connections [port] "Connections that speak HTTP now; WebSockets count until their handshake is done.";
    Counter http_connections_waited_total [port] "Times that max_http_connections was reached and newcomers had to wait.";
    Counter http_requests_timed_out_total [] "Requests given up after request_timeout.";

    Gauge connections [api, stage] "Open WebSockets.";
    Counter messages_received_total [api, stage] "Messages from clients.";
    Counter messages_sent_total [api, stage] "Messages to clients, written or queued.";
    Counter slow_connections_closed_total [api, stage] "Clients disconnected because their outbound queue was full.";
    Counter reactors_relieved_total [] "Messages that kept a reactor's thread so long that another took its place.";
    Counter gateway_connect_count_total [api, stage, route] "ConnectCount: handshakes sent to the $connect integration.";
    Counter gateway_message_count_total [api, stage, route] "MessageCount: messages from clients and to them.";
    Counter gateway_integration_error_total [api, stage, route] "IntegrationError: integrations that answered with an error.";
    Counter gateway_client_error_total [api, stage, route] "ClientError: requests and messages refused before their integration.";
    Counter gateway_execution_error_total [api, stage, route] "ExecutionError: integrations that could not be called.";
    Histogram gateway_integration_latency_seconds [api, stage, route] "IntegrationLatency: how long integrations took.";
    Counter access_log_lines_dropped_total [] "Access log lines lost because the disk was slower than the traffic.";
    Counter execution_log_lines_dropped_total [] "Execution log lines lost because the disk was slower than the traffic.";

    Counter function_invocations_total [function] "Invocations that ran, whatever became of them.";
    Counter function_errors_total [function, kind] "Invocations that failed, by how.";
    Counter function_throttles_total [function] "Invocations refused because all the function's concurrency was in use.";
    Histogram function_duration_seconds [function] "How long invocations ran.";
    Gauge function_processes [function] "Local processes of a function.";
    Counter function_process_starts_total [function] "Local processes that were started.";
    Gauge function_memory_bytes [function] "Memory of a function's local processes, as far as it is their own.";
    Counter function_log_lines_dropped_total [] "Lines of functions' logs lost because the disk was slower than they print.";
    Gauge function_events_waiting [] "Asynchronous invocations that have not come to their end.";
    Counter function_events_discarded_total [function] "Asynchronous invocations given up after their last attempt.";

    Counter table_requests_total [operation, code] "Table and stream operations, by outcome: OK or the error code.";
    Histogram table_request_seconds [operation] "How long table and stream operations took, waiting included.";
    Gauge table_queue_depth [threads] "Operations that wait for a thread or run on one.";
    Counter table_items_expired_total [] "Items deleted because their time to live was over.";
    Counter stream_records_trimmed_total [] "Stream records deleted because their retention was over.";

    Counter queue_requests_total [operation, code] "Requests to queues and topics, by outcome: OK or the error code.";
    Counter queue_messages_sent_total [queue] "Messages put into a queue.";
    Counter queue_messages_received_total [queue] "Messages given to receivers, each time anew.";
    Counter queue_messages_deleted_total [queue] "Messages that their receivers have deleted.";
    Counter queue_messages_dead_total [queue] "Messages moved to the dead-letter queue. Anything but 0 deserves a look.";
    Counter queue_messages_expired_total [queue] "Messages deleted because their retention was over.";
    Gauge queue_oldest_message_seconds [queue] "Age of the oldest message in a queue.";
    Counter topic_messages_total [topic] "Messages published to a topic.";
    Counter topic_deliveries_total [topic, protocol, result] "Messages taken to subscribers: delivered, dead_letter or lost.";

    Counter mapping_records_total [mapping] "Records that a mapping's function has handled.";
    Counter mapping_batches_total [mapping, result] "Batches a mapping has invoked its function with, by result.";
    Counter mapping_retries_total [mapping, reason] "Invocations that a mapping had to repeat.";
    Counter mapping_discarded_records_total [mapping] "Records given up after all attempts. Anything but 0 deserves a look.";
    Counter function_destination_failures_total [function] "Events of whose end a destination could not be told.";
    Counter mapping_destination_failures_total [mapping] "Records given up of which the mapping's destination could not be told.";
    Counter mapping_filtered_records_total [mapping] "Records that a mapping's filter kept from its function; they count as handled.";
    Counter mapping_checkpoint_failures_total [mapping] "Checkpoints that could not be written; their records come again.";
    Gauge mapping_iterator_age_ms [mapping] "Age of the last record handled: how far a mapping is behind its stream.";
}

/// Gives every metric its help text in `/metrics`. The recorder must be installed.
pub(super) fn describe() {
    for metric in METRICS {
        match metric.kind {
            Kind::Counter => metrics::describe_counter!(metric.name, metric.meaning),
            Kind::Gauge => metrics::describe_gauge!(metric.name, metric.meaning),
            Kind::Histogram => metrics::describe_histogram!(metric.name, metric.meaning),
        }
    }
}

const OPENING: &str = "\
# Metrics

<!-- Generated by `cargo run -p xtask -- docs`; a test compares it with the code. -->

`GET /metrics` on the operators' port answers in the Prometheus text format. A metric appears with its first event.

| metric | kind | labels | meaning |
|---|---|---|---|
";

/// The reference page as Markdown.
pub fn reference_page() -> String {
    let mut page = OPENING.to_owned();
    for Metric { name, kind, labels, meaning } in METRICS {
        let kind = format!("{kind:?}").to_lowercase();
        let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
        let _ = writeln!(page, "| `{name}` | {kind} | {} | {meaning} |", labels.join(", "));
    }
    page
}
