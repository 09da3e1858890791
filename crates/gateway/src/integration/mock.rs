//! Integrations without a backend: the request template says with which status it would have answered.

use super::response::Received;
use super::shape::Shape;
use super::{Answer, Failure};
use crate::exchange::Exchange;
use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;

pub(super) fn run(shape: &Shape, exchange: &Exchange<'_>) -> Result<Answer, Failure> {
    let payload = shape.payload(exchange)?;
    let Some(status) = status(&payload) else {
        tracing::warn!(
            route = %exchange.route_key,
            r#"a MOCK integration has no status: let its request template yield {{"statusCode": 200}}"#
        );
        exchange.log.failure(format_args!(
            "Execution failed due to configuration error: statusCode should be an integer which defined in request template"
        ));
        return Err(Failure::Failed);
    };
    let received = Received { status, headers: HeaderMap::new(), body: Bytes::new() };
    shape.answer(Some(&status.to_string()), &received, exchange)
}

fn status(payload: &[u8]) -> Option<u16> {
    let payload: Value = serde_json::from_slice(payload).ok()?;
    let status = match payload.get("statusCode")? {
        Value::String(text) => text.trim().parse().ok()?,
        value => u16::try_from(value.as_u64()?).ok()?,
    };
    (100..=599).contains(&status).then_some(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_is_read_from_the_payload() {
        for (payload, expected) in [
            (r#"{"statusCode":200}"#, Some(200)),
            (r#" {"statusCode" : "404", "x":1}"#, Some(404)),
            (r#"{"statusCode":20}"#, None),
            (r#"{"statusCode":70000}"#, None),
            (r#"{"statusCode":"ok"}"#, None),
            ("{}", None),
            ("hello", None),
            ("", None),
        ] {
            assert_eq!(status(payload.as_bytes()), expected, "{payload}");
        }
    }
}
