//! What `--help` says of each scenario, with examples; the reference page is made of the same texts.

pub(crate) const ABOUT: &str = "Measures a WebSocket server: opens connections, sends, and checks every delivery";

pub(crate) const LONG_ABOUT: &str = "\
Measures a WebSocket server, this one or any other: opens many connections from one thread, sends messages at a fixed \
rate or as fast as they are answered, and checks every delivery: loss, duplicates, order, damage, latency.

A message is recognised by a mark: {mark} in a template stands for 51 characters with the run, a number and the time of \
sending. Put it where the server passes text on, and it is found wherever it comes out.

The result is a table on a terminal, and one JSON object when standard output is anything else or --json is given.

Status: 0 everything arrived · 1 the run could not be carried out · 2 wrong usage · 3 something was lost, and the \
findings name it.";

pub(crate) const FAN_OUT: &str = "\
Opens connections, has something broadcast, and checks that every connection receives it.

By default one more connection sends the messages, for servers that pass on what a client says. --publish makes each \
message the body of an HTTP POST, for servers with an address to publish at. --post sends each message to every single \
connection through `@connections`, for API Gateway, which has no broadcast.

Examples:

  A chat, 1,000 clients, one message under way at a time:
    sluicegate load fan-out ws://127.0.0.1:9001/room --connections 1000

  The same at 50 messages a second, for a minute, with the server's cost per delivery:
    sluicegate load fan-out ws://127.0.0.1:9001/room -c 1000 --rate 50 --duration 1m --pid 4711

  Clients that subscribe first, and a message in the words of the server:
    sluicegate load fan-out ws://host/ws --on-open '{\"subscribe\":\"news\"}' --await subscribed \\
      --publish http://host/api/publish --message '{\"channel\":\"news\",\"data\":\"{mark}\"}'

  API Gateway, by posting to each connection (keys from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY):
    sluicegate load fan-out wss://abc.execute-api.eu-west-1.amazonaws.com/prod -c 200 --connect-rate 50 \\
      --post https://abc.execute-api.eu-west-1.amazonaws.com/prod --region eu-west-1";

pub(crate) const CHANGE: &str = "\
Writes items with DynamoDB's PutItem and checks that every connection hears of each: the whole way from a table to its \
clients.

The mark rides in an attribute. All changes are made to one item, which stays in the table; give --item to write others. \
If messages carry old images as well, give every change a key of its own with {seq}, or each mark arrives twice.

Examples:

  live-metrics on this machine, 100 changes a second to 1,000 dashboards:
    sluicegate load change ws://127.0.0.1:8080/live-metrics/prod --endpoint http://127.0.0.1:8080 \\
      --table iops-dashboard-metrics --key entity_id -c 1000 --rate 100 --pid $(pidof sluicegate)

  The same built from AWS services (keys from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY):
    sluicegate load change wss://abc.execute-api.eu-west-1.amazonaws.com/prod --region eu-west-1 \\
      --table metrics --item '{\"id\":{\"S\":\"load\"},\"note\":{\"S\":\"{mark}\"}}' -c 100 --rate 5";

pub(crate) const ECHO: &str = "\
Every connection sends and awaits its own reply: message routes, request and response.

Examples:

  100 connections with one message under way on each:
    sluicegate load echo ws://127.0.0.1:9001/echo -c 100

  20,000 messages a second over 1,000 connections, latencies from when each should have been sent:
    sluicegate load echo ws://127.0.0.1:9001/echo -c 1000 --rate 20000 --duration 30s

  live-metrics answers a ping with its id:
    sluicegate load echo ws://127.0.0.1:8080/live-metrics/prod --message '{\"action\":\"ping\",\"id\":\"{mark}\"}'";

pub(crate) const IDLE: &str = "\
Opens connections and holds them: what each costs in memory, and what holding them costs in CPU time.

Examples:

  Memory per connection (start the server first, so that it is small when the run begins):
    sluicegate load idle ws://127.0.0.1:8080/live-metrics/prod -c 10000 --pid $(pidof sluicegate)

  Does anything end connections that are silent for 15 minutes?
    sluicegate load idle wss://host/prod -c 10 --hold 15m";

pub(crate) const STORM: &str = "\
Reconnect storm: all connections drop at once and come back, several times; refused ones try again until --within.

Examples:

  Ten thousand clients lose their network and return:
    sluicegate load storm ws://127.0.0.1:8080/live-metrics/prod -c 10000 --rounds 3 --pid $(pidof sluicegate)

  They say goodbye first, and return 500 a second:
    sluicegate load storm wss://host/prod -c 2000 --close 1001 --connect-rate 500 --within 1m";

pub(crate) const SLOW_READERS: &str = "\
A stream to many connections, some of which stop reading: do the others notice, what does the server keep for them, and \
what becomes of them? The stream runs twice, first with everybody reading.

Messages come from where those of fan-out come from, or with --table from PutItem as in change.

Examples:

  One in a hundred stops reading:
    sluicegate load slow-readers ws://127.0.0.1:9001/room -c 1000 --share 0.01 --rate 200 --pid 4711

  The same for table changes:
    sluicegate load slow-readers ws://127.0.0.1:8080/live-metrics/prod -c 1000 --share 0.05 --rate 200 \\
      --endpoint http://127.0.0.1:8080 --table iops-dashboard-metrics --key entity_id --fill 2000";
