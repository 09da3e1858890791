//! Queues, topics and subscriptions.

use crate::problem::Place;
use serde::Serialize;

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Queue {
    pub logical_id: String,
    pub place: Place,
    pub name: String,
    pub arn: String,
    /// As on AWS.
    pub url: String,
    pub visibility_timeout_seconds: u32,
    pub message_retention_seconds: u32,
    pub delay_seconds: u32,
    pub receive_wait_seconds: u32,
    pub maximum_message_bytes: Option<u32>,
    pub redrive: Option<RedrivePolicy>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RedrivePolicy {
    /// An ARN.
    pub dead_letter_target: String,
    pub max_receive_count: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Topic {
    pub logical_id: String,
    pub place: Place,
    pub name: String,
    pub arn: String,
    pub display_name: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Subscription {
    pub logical_id: String,
    pub place: Place,
    /// ARN.
    pub topic: String,
    /// `lambda`, `sqs`, …
    pub protocol: String,
    /// An ARN for those two.
    pub endpoint: String,
    pub raw_message_delivery: bool,
    pub filter_policy: Option<serde_json::Value>,
    /// `MessageAttributes` (default) or `MessageBody`
    pub filter_policy_scope: Option<String>,
    /// An ARN.
    pub dead_letter: Option<String>,
}
