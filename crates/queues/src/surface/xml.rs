//! Answers of the query protocol: what JSON answers say, as XML.

use serde_json::Value;
use sluicegate_protocol::AwsService;
use std::fmt::Write;

const SQS_NAMESPACE: &str = "http://queue.amazonaws.com/doc/2012-11-05/";
const SNS_NAMESPACE: &str = "http://sns.amazonaws.com/doc/2010-03-31/";
/// Maps; everything else that has members is a structure.
const MAPS: &[&str] = &["Attributes", "MessageAttributes"];

pub(super) fn answer(service: AwsService, operation: &str, answer: &Value, request_id: &str) -> String {
    let mut xml = String::from("<?xml version=\"1.0\"?>\n");
    let _ = write!(xml, "<{operation}Response xmlns=\"{}\">", namespace(service));
    let has_result = answer.as_object().is_some_and(|members| !members.is_empty());
    // Operations that have nothing to say have no result, not an empty one; lists may be empty.
    if has_result || may_be_empty(operation) {
        let _ = write!(xml, "<{operation}Result>");
        members(&mut xml, service, operation, answer);
        let _ = write!(xml, "</{operation}Result>");
    }
    let _ =
        write!(xml, "<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{operation}Response>");
    xml
}

pub(super) fn error(service: AwsService, code: &str, message: &str, side: &str, request_id: &str) -> String {
    let mut xml = String::from("<?xml version=\"1.0\"?>\n");
    let _ =
        write!(xml, "<ErrorResponse xmlns=\"{}\"><Error><Type>{side}</Type><Code>{code}</Code>", namespace(service));
    element(&mut xml, "Message", |xml| escape(xml, message));
    let _ = write!(xml, "</Error><RequestId>{request_id}</RequestId></ErrorResponse>");
    xml
}

fn namespace(service: AwsService) -> &'static str {
    if service == AwsService::Sns { SNS_NAMESPACE } else { SQS_NAMESPACE }
}

fn may_be_empty(operation: &str) -> bool {
    matches!(operation, "ReceiveMessage" | "ListQueues" | "GetQueueAttributes")
}

fn members(xml: &mut String, service: AwsService, operation: &str, structure: &Value) {
    for (name, value) in structure.as_object().into_iter().flatten() {
        match value {
            Value::Array(items) => list(xml, service, operation, name, items),
            Value::Object(_) if MAPS.contains(&name.as_str()) => map(xml, service, operation, name, value),
            _ => element(xml, name, |xml| content(xml, service, operation, value)),
        }
    }
}

fn content(xml: &mut String, service: AwsService, operation: &str, value: &Value) {
    match value {
        Value::String(text) => escape(xml, text),
        Value::Object(_) => members(xml, service, operation, value),
        other => escape(xml, &other.to_string()),
    }
}

/// SNS has a `member` for each item; SQS repeats an element with a name of its own.
fn list(xml: &mut String, service: AwsService, operation: &str, name: &str, items: &[Value]) {
    if service == AwsService::Sns {
        return element(xml, name, |xml| {
            for item in items {
                element(xml, "member", |xml| content(xml, service, operation, item));
            }
        });
    }
    let successful = format!("{operation}ResultEntry");
    let item_name = match name {
        "QueueUrls" => "QueueUrl",
        "Messages" => "Message",
        "Failed" => "BatchResultErrorEntry",
        "Successful" => &successful,
        other => other,
    };
    for item in items {
        element(xml, item_name, |xml| content(xml, service, operation, item));
    }
}

fn map(xml: &mut String, service: AwsService, operation: &str, name: &str, entries: &Value) {
    let entries = entries.as_object().into_iter().flatten();
    if service == AwsService::Sns {
        return element(xml, name, |xml| {
            for (key, value) in entries {
                element(xml, "entry", |xml| {
                    element(xml, "key", |xml| escape(xml, key));
                    element(xml, "value", |xml| content(xml, service, operation, value));
                });
            }
        });
    }
    let entry_name = name.strip_suffix('s').unwrap_or(name);
    for (key, value) in entries {
        element(xml, entry_name, |xml| {
            element(xml, "Name", |xml| escape(xml, key));
            element(xml, "Value", |xml| content(xml, service, operation, value));
        });
    }
}

fn element(xml: &mut String, name: &str, inside: impl FnOnce(&mut String)) {
    let _ = write!(xml, "<{name}>");
    inside(xml);
    let _ = write!(xml, "</{name}>");
}

/// Line ends too: parsers would make a line feed of a carriage return, and digests would be wrong. What XML has no way to say
/// at all cannot be in a message, and becomes a question mark in texts that repeat a request.
fn escape(xml: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '"' => xml.push_str("&quot;"),
            '\r' => xml.push_str("&#xD;"),
            '\n' | '\t' => xml.push(c),
            c if c < ' ' || c == '\u{FFFE}' || c == '\u{FFFF}' => xml.push('?'),
            c => xml.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn result(service: AwsService, operation: &str, value: &Value) -> String {
        let xml = answer(service, operation, value, "id");
        let (_, rest) = xml.split_once("/\">").unwrap();
        rest.split("<ResponseMetadata>").next().unwrap().to_owned()
    }

    #[test]
    fn answers_of_sqs_repeat_elements() {
        for (operation, value, expected) in [
            (
                "SendMessage",
                json!({"MessageId": "1"}),
                "<SendMessageResult><MessageId>1</MessageId></SendMessageResult>",
            ),
            ("DeleteMessage", json!({}), ""),
            ("ReceiveMessage", json!({}), "<ReceiveMessageResult></ReceiveMessageResult>"),
            (
                "ListQueues",
                json!({"QueueUrls": ["a", "b"]}),
                "<ListQueuesResult><QueueUrl>a</QueueUrl><QueueUrl>b</QueueUrl></ListQueuesResult>",
            ),
            (
                "ReceiveMessage",
                json!({"Messages": [{"Attributes": {"SenderId": "x"}, "Body": "<a>&\r\n",
                                     "MessageAttributes": {"n": {"DataType": "String"}}}]}),
                "<ReceiveMessageResult><Message><Attribute><Name>SenderId</Name><Value>x</Value></Attribute>\
                 <Body>&lt;a&gt;&amp;&#xD;\n</Body><MessageAttribute><Name>n</Name><Value><DataType>String</DataType></Value>\
                 </MessageAttribute></Message></ReceiveMessageResult>",
            ),
            (
                "DeleteMessageBatch",
                json!({"Successful": [{"Id": "a"}], "Failed": [{"Id": "b", "SenderFault": true}]}),
                "<DeleteMessageBatchResult><BatchResultErrorEntry><Id>b</Id><SenderFault>true</SenderFault>\
                 </BatchResultErrorEntry><DeleteMessageBatchResultEntry><Id>a</Id></DeleteMessageBatchResultEntry>\
                 </DeleteMessageBatchResult>",
            ),
        ] {
            assert_eq!(result(AwsService::Sqs, operation, &value), expected);
        }
    }

    #[test]
    fn answers_of_sns_have_members_and_entries() {
        let value = json!({"Topics": [{"TopicArn": "a"}], "Attributes": {"Owner": "1"}});
        assert_eq!(
            result(AwsService::Sns, "ListTopics", &value),
            "<ListTopicsResult><Attributes><entry><key>Owner</key><value>1</value></entry></Attributes>\
             <Topics><member><TopicArn>a</TopicArn></member></Topics></ListTopicsResult>"
        );
    }

    #[test]
    fn errors_say_whose_fault_they_are() {
        let xml = error(AwsService::Sqs, "Code", "a<b\u{1}", "Sender", "id");
        assert!(xml.ends_with(
            "<Error><Type>Sender</Type><Code>Code</Code><Message>a&lt;b?</Message></Error><RequestId>id</RequestId></ErrorResponse>"
        ), "{xml}");
    }
}
