//! Queues, topics and subscriptions.

use super::{Parts, Site};
use crate::document::{Kind, Node};
use crate::resource::Resource;
use crate::stack::{Queue, RedrivePolicy, Subscription, Topic};
use crate::values::Values;

impl<'f> Site<'_, 'f> {
    pub(super) fn queue(&self, resource: &Resource, values: &Values<'f>) -> Option<Queue> {
        if values.flag("FifoQueue") == Some(true) {
            values.problem(values.at_of("FifoQueue"), "FIFO queues do not exist here", "use a standard queue");
        }
        let name = self.scope.name_of(resource);
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        let bare = name.strip_suffix(".fifo").unwrap_or(&name);
        if name.len() > 80 || !bare.chars().all(fits) {
            let remedy = "use up to 80 letters, digits, hyphens and underscores";
            values.problem(values.at_of("QueueName"), format!("`{name}` is no name of a queue"), remedy);
        }
        Some(Queue {
            logical_id: resource.logical_id.clone(),
            place: self.place(resource),
            arn: self.scope.attribute_of(resource, "Arn")?,
            url: self.scope.ref_of(resource),
            visibility_timeout_seconds: values.count("VisibilityTimeout", 0..=43_200).unwrap_or(30),
            message_retention_seconds: values.count("MessageRetentionPeriod", 60..=1_209_600).unwrap_or(345_600),
            delay_seconds: values.count("DelaySeconds", 0..=900).unwrap_or(0),
            receive_wait_seconds: values.count("ReceiveMessageWaitTimeSeconds", 0..=20).unwrap_or(0),
            maximum_message_bytes: values.count("MaximumMessageSize", 1024..=1_048_576),
            redrive: self.redrive_policy(values),
            name,
        })
    }

    fn redrive_policy(&self, values: &Values<'f>) -> Option<RedrivePolicy> {
        let policy = self.map_or_json("RedrivePolicy", values)?;
        let (target, count) = (policy.required_text("deadLetterTargetArn"), policy.count("maxReceiveCount", 1..=1000));
        policy.missing("maxReceiveCount");
        (!target.is_empty()).then_some(RedrivePolicy { dead_letter_target: target, max_receive_count: count? })
    }

    /// A map, or the same as JSON text.
    fn map_or_json(&self, name: &str, values: &Values<'f>) -> Option<Values<'f>> {
        let node = values.get(name)?;
        let Some(text) = node.as_text() else { return values.child(name) };
        match crate::document::parse(node.at.file, text) {
            Ok(document) if matches!(document.root.kind, Kind::Map(_)) => {
                let mut root = document.root;
                relocate(&mut root, node);
                Some(Values::new(root, self.scope.findings))
            }
            _ => {
                values.problem(node.at, format!("{name} is no JSON object"), "write a map");
                None
            }
        }
    }

    pub(super) fn topics(&self, parts: &mut Parts) {
        for (resource, values) in self.of_kinds(&["AWS::SNS::Topic"]) {
            if values.flag("FifoTopic") == Some(true) {
                values.problem(values.at_of("FifoTopic"), "FIFO topics do not exist here", "use a standard topic");
            }
            let arn = self.scope.ref_of(resource);
            for (index, written) in values.children("Subscription").iter().enumerate() {
                let logical_id = format!("{}Subscription{index}", resource.logical_id);
                parts.subscriptions.extend(self.subscription(&logical_id, resource, arn.clone(), written));
            }
            parts.topics.push(Topic {
                logical_id: resource.logical_id.clone(),
                place: self.place(resource),
                name: self.scope.name_of(resource),
                arn,
                display_name: values.text("DisplayName"),
            });
        }
        for (resource, values) in self.of_kinds(&["AWS::SNS::Subscription"]) {
            let topic = values.required_text("TopicArn");
            parts.subscriptions.extend(self.subscription(&resource.logical_id, resource, topic, &values));
        }
    }

    fn subscription(
        &self,
        logical_id: &str,
        resource: &Resource,
        topic: String,
        values: &Values<'f>,
    ) -> Option<Subscription> {
        const PROTOCOLS: &[(&str, bool)] = &[
            ("lambda", true),
            ("sqs", true),
            ("email", false),
            ("email-json", false),
            ("sms", false),
            ("http", false),
            ("https", false),
            ("application", false),
            ("firehose", false),
        ];
        values.missing("Protocol");
        let protocol = values.text("Protocol")?;
        if !values.word("Protocol", PROTOCOLS)? {
            let message = format!("subscriptions by {protocol} are left out: nothing is sent there");
            self.scope.findings.note(values.at_of("Protocol"), message);
            return None;
        }
        Some(Subscription {
            logical_id: logical_id.to_owned(),
            place: self.place(resource),
            topic,
            protocol,
            endpoint: values.required_text("Endpoint"),
            raw_message_delivery: values.flag("RawMessageDelivery").unwrap_or(false),
            filter_policy: values.get("FilterPolicy").map(Node::to_json),
            filter_policy_scope: values.text("FilterPolicyScope"),
            dead_letter: self
                .map_or_json("RedrivePolicy", values)
                .and_then(|policy| policy.text("deadLetterTargetArn")),
        })
    }
}

/// Whatever was written inside a text stands where the text does.
fn relocate(node: &mut Node, text: &Node) {
    node.at = text.at;
    match &mut node.kind {
        Kind::List(items) => items.iter_mut().for_each(|item| relocate(item, text)),
        Kind::Map(entries) => entries.iter_mut().for_each(|entry| {
            entry.at = text.at;
            relocate(&mut entry.value, text);
        }),
        Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) | Kind::Broken => {}
    }
}
