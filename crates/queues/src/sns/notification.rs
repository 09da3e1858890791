//! A message of a topic as its subscribers get it: in an envelope in a queue, as an event in a function.

use crate::attributes::{Content, MessageAttributes};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::FormatItem;
use time::macros::format_description;

const TIMESTAMP: &[FormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// Nothing is signed here; handlers that do not verify take any text.
const SIGNATURE: &str = "unsigned";

/// What is the same for all subscribers.
#[derive(Clone, Debug)]
pub(super) struct Notification<'a> {
    pub(super) message_id: &'a str,
    pub(super) topic_arn: &'a str,
    pub(super) subject: Option<&'a str>,
    pub(super) message: &'a str,
    pub(super) attributes: &'a MessageAttributes,
    /// Milliseconds since the epoch.
    pub(super) published: i64,
    pub(super) region: &'a str,
}

impl Notification<'_> {
    /// The body of a message in a queue.
    pub(super) fn envelope(&self, subscription_arn: &str) -> String {
        let text = |value: &str| Value::from(value).to_string();
        // AWS has this order, and a member to a line.
        let mut members = vec![
            ("Type", text("Notification")),
            ("MessageId", text(self.message_id)),
            ("TopicArn", text(self.topic_arn)),
        ];
        members.extend(self.subject.map(|subject| ("Subject", text(subject))));
        members.extend([
            ("Message", text(self.message)),
            ("Timestamp", text(&self.timestamp())),
            ("SignatureVersion", text("1")),
            ("Signature", text(SIGNATURE)),
            ("SigningCertURL", text(&self.certificate_url())),
            ("UnsubscribeURL", text(&self.unsubscribe_url(subscription_arn))),
        ]);
        if !self.attributes.is_empty() {
            members.push(("MessageAttributes", self.attributes().to_string()));
        }
        let lines: Vec<String> = members.iter().map(|(name, value)| format!("  \"{name}\" : {value}")).collect();
        format!("{{\n{}\n}}", lines.join(",\n"))
    }

    /// The payload of an invocation.
    pub(super) fn event(&self, subscription_arn: &str) -> String {
        json!({ "Records": [{
            "EventSource": "aws:sns",
            "EventVersion": "1.0",
            "EventSubscriptionArn": subscription_arn,
            "Sns": {
                "Type": "Notification",
                "MessageId": self.message_id,
                "TopicArn": self.topic_arn,
                "Subject": self.subject,
                "Message": self.message,
                "Timestamp": self.timestamp(),
                "SignatureVersion": "1",
                "Signature": SIGNATURE,
                "SigningCertUrl": self.certificate_url(),
                "UnsubscribeUrl": self.unsubscribe_url(subscription_arn),
                "MessageAttributes": self.attributes(),
            },
        }]})
        .to_string()
    }

    fn attributes(&self) -> Value {
        let each = self.attributes.iter().map(|(name, attribute)| {
            let value = match &attribute.content {
                Content::Text(text) => text.clone(),
                Content::Binary(bytes) => STANDARD.encode(bytes),
            };
            (name.clone(), json!({ "Type": attribute.data_type, "Value": value }))
        });
        Value::Object(Map::from_iter(each))
    }

    fn timestamp(&self) -> String {
        let published = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.published) * 1_000_000);
        published.ok().and_then(|time| time.format(TIMESTAMP).ok()).unwrap_or_default()
    }

    fn certificate_url(&self) -> String {
        format!("https://sns.{}.amazonaws.com/SimpleNotificationService.pem", self.region)
    }

    fn unsubscribe_url(&self, subscription_arn: &str) -> String {
        format!("https://sns.{}.amazonaws.com/?Action=Unsubscribe&SubscriptionArn={subscription_arn}", self.region)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notification<'a>(attributes: &'a MessageAttributes, subject: Option<&'a str>) -> Notification<'a> {
        Notification {
            message_id: "id-1",
            topic_arn: "arn:aws:sns:us-east-1:000000000000:news",
            subject,
            message: "say \"hi\"",
            attributes,
            published: 1_700_000_000_123,
            region: "us-east-1",
        }
    }

    #[test]
    fn queues_get_an_envelope() {
        let attributes = MessageAttributes::of_system("colour", "red");
        let envelope = notification(&attributes, Some("News")).envelope("arn:s");
        assert!(envelope.starts_with("{\n  \"Type\" : \"Notification\",\n  \"MessageId\" : \"id-1\",\n"), "{envelope}");
        let parsed: Value = serde_json::from_str(&envelope).unwrap();
        assert_eq!(parsed["Message"], "say \"hi\"");
        assert_eq!(parsed["Subject"], "News");
        assert_eq!(parsed["Timestamp"], "2023-11-14T22:13:20.123Z");
        assert_eq!(parsed["MessageAttributes"], json!({"colour": {"Type": "String", "Value": "red"}}));
        let none = MessageAttributes::default();
        let parsed: Value = serde_json::from_str(&notification(&none, None).envelope("arn:s")).unwrap();
        assert_eq!((parsed.get("Subject"), parsed.get("MessageAttributes")), (None, None));
    }

    #[test]
    fn functions_get_an_event() {
        let none = MessageAttributes::default();
        let event: Value = serde_json::from_str(&notification(&none, None).event("arn:s")).unwrap();
        let record = &event["Records"][0];
        assert_eq!((&record["EventSource"], &record["EventSubscriptionArn"]), (&json!("aws:sns"), &json!("arn:s")));
        assert_eq!((&record["Sns"]["Subject"], &record["Sns"]["MessageAttributes"]), (&Value::Null, &json!({})));
        assert_eq!(record["Sns"]["Message"], "say \"hi\"");
    }
}
