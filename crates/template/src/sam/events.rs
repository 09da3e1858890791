//! `Events` of a function: streams and queues become event source mappings, topics become subscriptions.

use super::function::without_types;
use super::{Expanded, reference};
use crate::document::{Entry, Kind, Node};
use crate::problem::{Findings, use_one_of};
use crate::resource::Resource;

/// Events that somebody else sends.
const SKIPPED: &[&str] = &[
    "AlexaSkill",
    "Api",
    "CloudWatchEvent",
    "CloudWatchLogs",
    "Cognito",
    "DocumentDB",
    "EventBridgeRule",
    "HttpApi",
    "IoTRule",
    "Kinesis",
    "MQ",
    "MSK",
    "S3",
    "Schedule",
    "ScheduleV2",
    "SelfManagedKafka",
];
const KNOWN: &[&str] = &["DynamoDB", "SQS", "SNS"];
/// What SAM puts between the event and the mapping.
const OF_EVENTS: &[(&str, &str)] = &[("Stream", "EventSourceArn"), ("Queue", "EventSourceArn")];

pub(super) fn expand(resource: &Resource, expanded: &mut Expanded, findings: &Findings) {
    for event in resource.property("Events").map(Node::entries).unwrap_or_default() {
        let Some(kind) = event.value.get("Type") else {
            findings.problem(event.at, "the event has no Type", "add one, such as DynamoDB or SQS");
            continue;
        };
        let properties = event.value.get("Properties").map(Node::entries).unwrap_or_default();
        match kind.as_text() {
            Some("DynamoDB" | "SQS") => expanded.resources.push(mapping(resource, event, properties)),
            Some("SNS") => expanded.resources.push(subscription(resource, event, properties, findings)),
            Some(kind) if SKIPPED.contains(&kind) => {
                findings
                    .note(event.at, format!("the event `{}` ({kind}) is skipped: nothing sends it here", event.key));
            }
            name => {
                let name = name.unwrap_or_default();
                let remedy = use_one_of(name, KNOWN.iter().chain(SKIPPED).copied(), "use DynamoDB, SQS or SNS");
                findings.problem(kind.at, format!("there is no event type `{name}`"), remedy);
            }
        }
    }
}

fn mapping(resource: &Resource, event: &Entry, properties: &[Entry]) -> Resource {
    let mut entries: Vec<Entry> = properties
        .iter()
        .map(|entry| {
            let renamed = OF_EVENTS.iter().find(|(from, _)| *from == entry.key).map_or(&*entry.key, |(_, to)| to);
            Entry { key: renamed.to_owned(), ..without_types(entry) }
        })
        .collect();
    entries.push(Entry { key: "FunctionName".into(), at: event.at, value: function(resource, event) });
    let id = format!("{}{}", resource.logical_id, event.key);
    made(resource, event, id, "AWS::Lambda::EventSourceMapping", entries)
}

fn subscription(resource: &Resource, event: &Entry, properties: &[Entry], findings: &Findings) -> Resource {
    let at = event.at;
    let mut entries = Vec::new();
    for entry in properties {
        match entry.key.as_str() {
            "Topic" => entries.push(Entry { key: "TopicArn".into(), ..entry.clone() }),
            "SqsSubscription" if entry.value.to_text().as_deref() != Some("false") => {
                let remedy = "write the queue, its subscription and an SQS event as resources";
                findings.problem(entry.at, "a queue between topic and function is not made", remedy);
            }
            "SqsSubscription" => {}
            _ => entries.push(entry.clone()),
        }
    }
    let arn = ["Fn::GetAtt"]
        .map(|key| (key, Node::list(at, [&*resource.logical_id, "Arn"].map(|part| Node::text(at, part)).into())));
    entries.push(Entry { key: "Protocol".into(), at, value: Node::text(at, "lambda") });
    entries.push(Entry { key: "Endpoint".into(), at, value: Node::map(at, arn) });
    let id = format!("{}{}", resource.logical_id, event.key);
    made(resource, event, id, "AWS::SNS::Subscription", entries)
}

/// With an alias, events go to that.
fn function(resource: &Resource, event: &Entry) -> Node {
    let name = match resource.property("AutoPublishAlias") {
        Some(_) => format!("{}.Alias", resource.logical_id),
        None => resource.logical_id.clone(),
    };
    reference(event.at, &name)
}

fn made(resource: &Resource, event: &Entry, id: String, kind: &str, entries: Vec<Entry>) -> Resource {
    let mut made = resource.expanded(id, kind, Node { at: event.at, kind: Kind::Map(entries) });
    made.at = event.at;
    made.path = format!("{}.Properties.Events.{}", resource.path, event.key);
    made
}
