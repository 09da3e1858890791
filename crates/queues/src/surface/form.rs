//! Parameters of the query protocol, brought into the shape of JSON requests.
//!
//! ```text
//! MessageAttribute.1.Name=colour&MessageAttribute.1.Value.DataType=String&…     SQS: flat lists, a name per kind
//! MessageAttributes.entry.1.Name=colour&…&PublishBatchRequestEntries.member.1.Id=a     SNS: `entry` and `member`
//! ```

use super::is_form;
use crate::limits::{FORM_DEPTH, FORM_PARAMETERS};
use crate::refusal::{INVALID_VALUE, Refusal};
use http::header::CONTENT_TYPE;
use http::request::Parts;
use serde_json::{Map, Value};
use sluicegate_protocol::AwsService;
use std::collections::BTreeMap;

/// What SNS calls its version; SQS has another.
const SNS_VERSION: &str = "2010-03-31";
/// Parameters that say how a request is made, not what it asks for.
const OF_REQUESTS: &[&str] = &["Action", "Version", "Timestamp", "Expires"];

/// Flat lists of SQS, and what JSON requests call them.
const SQS_LISTS: &[(&str, &str)] = &[
    ("AttributeName", "AttributeNames"),
    ("MessageSystemAttributeName", "MessageSystemAttributeNames"),
    ("MessageAttributeName", "MessageAttributeNames"),
    ("SendMessageBatchRequestEntry", "Entries"),
    ("DeleteMessageBatchRequestEntry", "Entries"),
    ("ChangeMessageVisibilityBatchRequestEntry", "Entries"),
];
/// Flat maps of SQS: what they are called, in JSON too, and the names of key and value.
const SQS_MAPS: &[(&str, &str, &str)] = &[
    ("Attribute", "Attributes", "Name"),
    ("MessageAttribute", "MessageAttributes", "Name"),
    ("MessageSystemAttribute", "MessageSystemAttributes", "Name"),
    ("Tag", "tags", "Key"),
];

/// The parameters of a request, by their dots.
#[derive(Debug, Default)]
pub(super) struct Form {
    root: Node,
}

#[derive(Debug, Default)]
struct Node {
    text: Option<String>,
    members: BTreeMap<String, Node>,
}

impl Form {
    /// Those of the query and those of the body.
    pub(super) fn read(parts: &Parts, body: &[u8]) -> Result<Self, Refusal> {
        let query = parts.uri.query().unwrap_or_default().as_bytes();
        let content_type = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        // Integrations may leave the content type out.
        let body = if content_type.is_none_or(is_form) { body } else { b"" };
        let mut form = Self::default();
        let pairs = form_urlencoded::parse(query).chain(form_urlencoded::parse(body));
        for (count, (name, value)) in pairs.enumerate() {
            if count >= FORM_PARAMETERS {
                return Err(refused(format!("a request has at most {FORM_PARAMETERS} parameters")));
            }
            form.insert(&name, value.into_owned())?;
        }
        Ok(form)
    }

    fn insert(&mut self, name: &str, value: String) -> Result<(), Refusal> {
        // Of signatures, which have no dots.
        if name.starts_with("X-Amz-") || name.is_empty() {
            return Ok(());
        }
        if name.split('.').count() > FORM_DEPTH {
            return Err(refused(format!("names of parameters have at most {FORM_DEPTH} parts")));
        }
        let mut node = &mut self.root;
        for part in name.split('.') {
            node = node.members.entry(part.to_owned()).or_default();
        }
        node.text = Some(value);
        Ok(())
    }

    pub(super) fn action(&self) -> Option<&str> {
        self.text("Action")
    }

    /// Whose parameters these are.
    pub(super) fn service(&self) -> AwsService {
        let is_topics = self.text("Version") == Some(SNS_VERSION)
            || (self.text("Version").is_none()
                && self.action().is_some_and(|action| crate::sns::Operation::named(action).is_some()));
        if is_topics { AwsService::Sns } else { AwsService::Sqs }
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.root.members.get(name)?.text.as_deref()
    }

    pub(super) fn into_sqs(self) -> Result<Map<String, Value>, Refusal> {
        let mut members = sqs_members(self.root)?;
        OF_REQUESTS.iter().for_each(|name| drop(members.remove(*name)));
        Ok(members)
    }

    pub(super) fn into_sns(self) -> Result<Map<String, Value>, Refusal> {
        let mut members = sns_members(self.root)?;
        OF_REQUESTS.iter().for_each(|name| drop(members.remove(*name)));
        Ok(members)
    }
}

fn sqs_members(node: Node) -> Result<Map<String, Value>, Refusal> {
    let mut members = Map::new();
    for (name, node) in node.members {
        if let Some((_, json)) = SQS_LISTS.iter().find(|(form, _)| *form == name) {
            let items = in_order(node).into_iter().map(sqs_value).collect::<Result<Vec<_>, _>>()?;
            members.insert((*json).to_owned(), items.into());
        } else if let Some((_, json, key)) = SQS_MAPS.iter().find(|(form, ..)| *form == name) {
            let entries = in_order(node).into_iter().map(|entry| pair(entry, &[key], sqs_value));
            members.insert((*json).to_owned(), Value::Object(entries.collect::<Result<_, _>>()?));
        } else {
            members.insert(name, sqs_value(node)?);
        }
    }
    Ok(members)
}

fn sqs_value(node: Node) -> Result<Value, Refusal> {
    match node {
        Node { text: Some(text), members } if members.is_empty() => Ok(text.into()),
        Node { text: None, .. } => sqs_members(node).map(Value::Object),
        Node { .. } => Err(refused("a parameter is text and structure at once")),
    }
}

fn sns_members(node: Node) -> Result<Map<String, Value>, Refusal> {
    node.members.into_iter().map(|(name, node)| Ok((name, sns_value(node)?))).collect()
}

fn sns_value(mut node: Node) -> Result<Value, Refusal> {
    match &node {
        Node { text: Some(text), members } if members.is_empty() => return Ok(text.as_str().into()),
        Node { text: Some(_), .. } => return Err(refused("a parameter is text and structure at once")),
        Node { text: None, .. } => {}
    }
    if let Some(items) = node.members.remove("member") {
        return in_order(items).into_iter().map(sns_value).collect();
    }
    if let Some(entries) = node.members.remove("entry") {
        let entries = in_order(entries).into_iter().map(|entry| pair(entry, &["key", "Name", "Key"], sns_value));
        return Ok(Value::Object(entries.collect::<Result<_, _>>()?));
    }
    sns_members(node).map(Value::Object)
}

/// An entry of a map: the text under one of `keys`, and whatever is under `Value` or `value`.
fn pair(
    mut entry: Node,
    keys: &[&str],
    value: impl FnOnce(Node) -> Result<Value, Refusal>,
) -> Result<(String, Value), Refusal> {
    let key = keys.iter().find_map(|key| entry.members.remove(*key)).and_then(|node| node.text);
    let key = key.ok_or_else(|| refused("an entry of a map has no name"))?;
    let node = entry.members.remove("Value").or_else(|| entry.members.remove("value"));
    match node {
        Some(node) => Ok((key, value(node)?)),
        None => Err(refused(format!("the entry {key} of a map has no value"))),
    }
}

/// Items by their numbers, which are text in parameters.
fn in_order(node: Node) -> Vec<Node> {
    let mut items: Vec<(u32, Node)> =
        node.members.into_iter().filter_map(|(number, node)| Some((number.parse().ok()?, node))).collect();
    items.sort_by_key(|(number, _)| *number);
    items.into_iter().map(|(_, node)| node).collect()
}

fn refused(reason: impl Into<String>) -> Refusal {
    Refusal::new(&INVALID_VALUE, format!("The request cannot be read: {}.", reason.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn form(query: &str) -> Form {
        let (parts, ()) = http::Request::post(format!("/?{query}")).body(()).unwrap().into_parts();
        Form::read(&parts, b"").unwrap()
    }

    #[test]
    fn forms_of_sqs_become_json() {
        let written = "Action=SendMessage&Version=2012-11-05&MessageBody=a+b%26&DelaySeconds=5\
                       &MessageAttribute.1.Name=colour&MessageAttribute.1.Value.DataType=String\
                       &MessageAttribute.1.Value.StringValue=red";
        assert_eq!(
            Value::Object(form(written).into_sqs().unwrap()),
            json!({"MessageBody": "a b&", "DelaySeconds": "5",
                   "MessageAttributes": {"colour": {"DataType": "String", "StringValue": "red"}}})
        );
        let written = "Action=x&SendMessageBatchRequestEntry.10.Id=j&SendMessageBatchRequestEntry.2.Id=b\
                       &SendMessageBatchRequestEntry.2.MessageAttribute.1.Name=n\
                       &SendMessageBatchRequestEntry.2.MessageAttribute.1.Value.DataType=Number\
                       &AttributeName.1=All&Attribute.1.Name=DelaySeconds&Attribute.1.Value=3";
        assert_eq!(
            Value::Object(form(written).into_sqs().unwrap()),
            json!({"Entries": [{"Id": "b", "MessageAttributes": {"n": {"DataType": "Number"}}}, {"Id": "j"}],
                   "AttributeNames": ["All"], "Attributes": {"DelaySeconds": "3"}})
        );
    }

    #[test]
    fn forms_of_sns_become_json() {
        let written = "Action=Publish&Version=2010-03-31&TopicArn=arn&Message=m\
                       &MessageAttributes.entry.1.Name=n&MessageAttributes.entry.1.Value.DataType=String\
                       &MessageAttributes.entry.1.Value.StringValue=v\
                       &Attributes.entry.1.key=RawMessageDelivery&Attributes.entry.1.value=true\
                       &PublishBatchRequestEntries.member.1.Id=a&PublishBatchRequestEntries.member.2.Id=b";
        assert_eq!(form(written).service(), AwsService::Sns);
        assert_eq!(
            Value::Object(form(written).into_sns().unwrap()),
            json!({"TopicArn": "arn", "Message": "m",
                   "MessageAttributes": {"n": {"DataType": "String", "StringValue": "v"}},
                   "Attributes": {"RawMessageDelivery": "true"},
                   "PublishBatchRequestEntries": [{"Id": "a"}, {"Id": "b"}]})
        );
    }

    #[test]
    fn the_service_is_told_by_version_or_action() {
        for (written, expected) in [
            ("Action=SendMessage", AwsService::Sqs),
            ("Action=Publish", AwsService::Sns),
            ("Action=Publish&Version=2012-11-05", AwsService::Sqs),
            ("Version=2010-03-31", AwsService::Sns),
            ("", AwsService::Sqs),
        ] {
            assert_eq!(form(written).service(), expected, "{written}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        let (parts, ()) = http::Request::post("/").body(()).unwrap().into_parts();
        let many: String = (0..=FORM_PARAMETERS).map(|n| format!("a{n}=1&")).collect();
        assert!(Form::read(&parts, many.as_bytes()).is_err());
        assert!(Form::read(&parts, format!("{}=1", "a.".repeat(FORM_DEPTH + 1)).as_bytes()).is_err());
        assert!(form("Attribute.1.Value=3").into_sqs().is_err(), "without a name");
        assert!(form("a=1&a.b=2").into_sqs().is_err());
        assert!(form("a=1&a.b=2").into_sns().is_err());
    }
}
