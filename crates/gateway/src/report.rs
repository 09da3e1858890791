//! What became of an exchange: gathered on its way, then told to metrics and logs at once.

use crate::exchange::{Exchange, Occasion};
use crate::integration::{Answer, Backend, Failure};
use crate::metrics::Metrics;
use crate::traffic::Traffic;
use sluicegate_endpoint::Response;
use std::time::Duration;

/// The function service says so of every invocation that ran, whatever the function answered.
const INVOKED: u16 = 200;

#[derive(Debug, Default)]
pub(crate) struct Report {
    authorization: Option<Authorization>,
    integration: Option<IntegrationCall>,
    error: Option<GatewayError>,
    /// What is wrong with a body that does not fit its model.
    validation_error: Option<String>,
}

/// The gateway answered in place of an integration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GatewayError {
    pub(crate) status: u16,
    /// What the client is told.
    pub(crate) message: &'static str,
    /// The gateway response type, as API Gateway calls it.
    pub(crate) response_type: &'static str,
}

#[derive(Debug)]
struct Authorization {
    status: u16,
    error: Option<&'static str>,
    latency: Duration,
}

#[derive(Debug)]
struct IntegrationCall {
    backend: Backend,
    /// The status of its answer.
    result: Result<u16, Failure>,
    latency: Duration,
}

macro_rules! gateway_errors {
    ($($name:ident = $status:literal $message:literal $response_type:literal;)*) => {
        impl GatewayError {
            $(pub(crate) const $name: Self =
                Self { status: $status, message: $message, response_type: $response_type };)*
        }
    };
}

gateway_errors! {
    NO_ROUTE = 403 "Forbidden" "RESOURCE_NOT_FOUND";
    THROTTLED = 429 "Too Many Requests" "THROTTLED";
    BAD_REQUEST_BODY = 400 "Bad request body" "BAD_REQUEST_BODY";
    INTEGRATION_FAILURE = 500 "Internal server error" "INTEGRATION_FAILURE";
    INTEGRATION_TIMEOUT = 504 "Endpoint request timed out" "INTEGRATION_TIMEOUT";
    API_CONFIGURATION_ERROR = 500 "Internal server error" "API_CONFIGURATION_ERROR";
    UNSUPPORTED_MEDIA_TYPE = 415 "Unsupported Media Type" "UNSUPPORTED_MEDIA_TYPE";
}

impl From<Failure> for GatewayError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Failed => Self::INTEGRATION_FAILURE,
            Failure::NotInvoked => Self::API_CONFIGURATION_ERROR,
            Failure::Throttled => Self::THROTTLED,
            Failure::TimedOut => Self::INTEGRATION_TIMEOUT,
            Failure::UnsupportedMediaType => Self::UNSUPPORTED_MEDIA_TYPE,
        }
    }
}

impl GatewayError {
    /// What a refused handshake was told: its status and exception name.
    fn of_response(response: &Response) -> Self {
        let exception = response.headers().get("x-amzn-errortype").and_then(|name| name.to_str().ok());
        let (message, response_type) = match exception.unwrap_or_default() {
            "UnauthorizedException" => ("Unauthorized", "UNAUTHORIZED"),
            "AccessDeniedException" => ("User is not authorized to access this resource", "ACCESS_DENIED"),
            "MissingAuthenticationTokenException" => ("Missing Authentication Token", "MISSING_AUTHENTICATION_TOKEN"),
            "InvalidSignatureException" | "IncompleteSignatureException" => ("Invalid signature", "INVALID_SIGNATURE"),
            "ExpiredTokenException" => ("Expired token", "EXPIRED_TOKEN"),
            "AuthorizerConfigurationException" => ("", "AUTHORIZER_CONFIGURATION_ERROR"),
            "ForbiddenException" => ("Forbidden", "INVALID_API_KEY"),
            "TooManyRequestsException" => ("Too Many Requests", "THROTTLED"),
            "LimitExceededException" => ("Limit Exceeded", "QUOTA_EXCEEDED"),
            "BadRequestException" => ("Bad Request", "BAD_REQUEST_PARAMETERS"),
            _ if response.status().is_client_error() => ("", "DEFAULT_4XX"),
            _ => ("Internal server error", "DEFAULT_5XX"),
        };
        Self { status: response.status().as_u16(), message, response_type }
    }
}

impl Report {
    /// Whether authorization let the client in, and how long that took.
    pub(crate) fn authorized<T>(&mut self, decision: &Result<T, Response>, latency: Duration) {
        let refused = decision.as_ref().err().map(GatewayError::of_response);
        self.authorization = Some(Authorization {
            status: refused.as_ref().map_or(200, |refused| refused.status),
            error: refused.as_ref().map(|refused| refused.response_type),
            latency,
        });
    }

    /// What the integration came to.
    pub(crate) fn integrated(&mut self, backend: Backend, result: &Result<Answer, Failure>, latency: Duration) {
        let result = result.as_ref().map(|answer| answer.status).map_err(|failure| *failure);
        self.integration = Some(IntegrationCall { backend, result, latency });
    }

    pub(crate) fn invalid_body(&mut self, reason: String) {
        self.validation_error = Some(reason);
    }

    /// The gateway answers by itself.
    pub(crate) fn failed(&mut self, error: GatewayError) {
        self.error = Some(error);
    }

    /// A handshake is refused, by the gateway or with the status of its integration.
    pub(crate) fn refused(&mut self, response: &Response) {
        if !matches!(self.integration, Some(IntegrationCall { result: Ok(_), .. })) {
            self.error = Some(match &self.integration {
                Some(IntegrationCall { result: Err(failure), .. }) => {
                    GatewayError { status: response.status().as_u16(), ..GatewayError::from(*failure) }
                }
                _ => GatewayError::of_response(response),
            });
        }
    }

    /// Tells metrics and logs. Comes before the answer to the client, so that who has the answer finds both.
    pub(crate) fn finish(&self, exchange: &Exchange<'_>, traffic: &Traffic) {
        self.measure(exchange, traffic.metrics.of(exchange.route_key));
        if let Some(log) = &traffic.access_log {
            log.write(exchange, self);
        }
        if let Some(log) = exchange.log.log() {
            log.end(exchange, self);
        }
    }

    fn measure(&self, exchange: &Exchange<'_>, metrics: &Metrics) {
        match exchange.occasion {
            Occasion::Connect(_) if self.integration.is_some() => metrics.connects.increment(1),
            Occasion::Message { .. } => metrics.messages.increment(1),
            Occasion::Connect(_) | Occasion::Disconnect(_) => {}
        }
        match (&self.integration, &self.error) {
            (Some(call), _) => {
                if call.backend != Backend::None {
                    metrics.integration_latency.record(call.latency);
                }
                match call.result {
                    Ok(..400) => {}
                    Ok(_) | Err(Failure::Failed) => metrics.integration_errors.increment(1),
                    Err(Failure::NotInvoked | Failure::Throttled | Failure::TimedOut) => {
                        metrics.execution_errors.increment(1);
                    }
                    Err(Failure::UnsupportedMediaType) => metrics.client_errors.increment(1),
                }
            }
            (None, Some(GatewayError { status: ..500, .. })) => metrics.client_errors.increment(1),
            (None, Some(_)) => metrics.execution_errors.increment(1),
            (None, None) => {}
        }
    }

    /// Those `$context` variables that say how it went, by name without the prefix.
    pub(crate) fn context(&self, name: &str) -> Option<String> {
        if let Some(name) = name.strip_prefix("error.") {
            return self.error_context(name);
        }
        match name.split_once('.') {
            None if name == "status" => Some(self.status().to_string()),
            None if name == "integrationLatency" => self.integration_context("latency"),
            Some(("integration", name)) => self.integration_context(name),
            Some(("authorize" | "authorizer", name)) => self.authorization_context(name),
            _ => None,
        }
    }

    /// Whether an integration was run, whatever came of it.
    pub(crate) fn is_integrated(&self) -> bool {
        self.integration.is_some()
    }

    pub(crate) fn error(&self) -> Option<&GatewayError> {
        self.error.as_ref()
    }

    /// What the client was told; else what the integration said.
    pub(crate) fn status(&self) -> u16 {
        match (&self.error, &self.integration) {
            (Some(error), _) => error.status,
            (None, Some(IntegrationCall { result: Ok(status), .. })) => *status,
            (None, _) => 200,
        }
    }

    fn error_context(&self, name: &str) -> Option<String> {
        match name {
            "message" => Some(self.error.as_ref()?.message.to_string()),
            "responseType" => Some(self.error.as_ref()?.response_type.to_owned()),
            "validationErrorString" => self.validation_error.clone(),
            _ => None,
        }
    }

    fn integration_context(&self, name: &str) -> Option<String> {
        let call = self.integration.as_ref()?;
        match (name, call.result) {
            ("latency", _) if call.backend != Backend::None => Some(call.latency.as_millis().to_string()),
            ("status", Ok(status)) => Some(status.to_string()),
            ("integrationStatus", result) => match (call.backend, result) {
                (Backend::Function, Ok(_) | Err(Failure::Failed)) => Some(INVOKED),
                (Backend::Function, Err(Failure::NotInvoked)) => Some(404),
                (Backend::Function, Err(Failure::Throttled)) => Some(429),
                (Backend::Http | Backend::Service | Backend::None, Ok(status)) => Some(status),
                _ => None,
            }
            .map(|status| status.to_string()),
            ("error", Err(failure)) => Some(reason(failure).to_owned()),
            _ => None,
        }
    }

    fn authorization_context(&self, name: &str) -> Option<String> {
        let authorization = self.authorization.as_ref()?;
        match name {
            "status" => Some(authorization.status.to_string()),
            "latency" => Some(authorization.latency.as_millis().to_string()),
            "error" => authorization.error.map(str::to_owned),
            _ => None,
        }
    }
}

fn reason(failure: Failure) -> &'static str {
    match failure {
        Failure::Failed => "The integration failed, or its answer is malformed",
        Failure::NotInvoked => "The integration could not be called",
        Failure::Throttled => "The integration is throttled",
        Failure::TimedOut => "The integration timed out",
        Failure::UnsupportedMediaType => "No request template fits, and the body is not passed through",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reply;
    use http::StatusCode;

    fn report(result: Result<u16, Failure>, error: Option<GatewayError>) -> Report {
        let integration = IntegrationCall { backend: Backend::Function, result, latency: Duration::from_millis(7) };
        Report { integration: Some(integration), error, ..Report::default() }
    }

    #[test]
    fn how_it_went_can_be_asked_by_name() {
        let refused = || reply::error(StatusCode::UNAUTHORIZED, "UnauthorizedException", "");
        let mut unauthorized = Report::default();
        unauthorized.authorized::<()>(&Err(refused()), Duration::from_millis(3));
        unauthorized.refused(&refused());
        let mut invalid = Report::default();
        invalid.invalid_body("no number".to_owned());
        invalid.failed(GatewayError::BAD_REQUEST_BODY);
        let mut own_status = report(Ok(403), None);
        own_status.refused(&reply::status(StatusCode::FORBIDDEN));
        type Row<'a> = (&'a str, Report, &'a [(&'a str, Option<&'a str>)]);
        let rows: [Row<'_>; 7] = [
            (
                "nothing happened",
                Report::default(),
                &[("status", Some("200")), ("error.message", None), ("integration.status", None), ("other", None)],
            ),
            (
                "it answered",
                report(Ok(201), None),
                &[
                    ("status", Some("201")),
                    ("integrationLatency", Some("7")),
                    ("integration.latency", Some("7")),
                    ("integration.status", Some("201")),
                    ("integration.integrationStatus", Some("200")),
                    ("integration.error", None),
                    ("authorizer.status", None),
                ],
            ),
            (
                "it failed",
                report(Err(Failure::Failed), Some(Failure::Failed.into())),
                &[
                    ("status", Some("500")),
                    ("integration.integrationStatus", Some("200")),
                    ("integration.status", None),
                    ("integration.error", Some("The integration failed, or its answer is malformed")),
                    ("error.message", Some("Internal server error")),
                    ("error.responseType", Some("INTEGRATION_FAILURE")),
                ],
            ),
            (
                "it timed out",
                report(Err(Failure::TimedOut), Some(Failure::TimedOut.into())),
                &[("status", Some("504")), ("integration.integrationStatus", None)],
            ),
            (
                "unauthorized",
                unauthorized,
                &[
                    ("status", Some("401")),
                    ("authorize.status", Some("401")),
                    ("authorizer.status", Some("401")),
                    ("authorizer.latency", Some("3")),
                    ("authorizer.error", Some("UNAUTHORIZED")),
                    ("authorizer.principalId", None),
                    ("error.message", Some("Unauthorized")),
                    ("error.responseType", Some("UNAUTHORIZED")),
                ],
            ),
            (
                "a body that does not fit",
                invalid,
                &[("status", Some("400")), ("error.validationErrorString", Some("no number"))],
            ),
            ("refused by the integration", own_status, &[("status", Some("403")), ("error.message", None)]),
        ];
        for (what, report, expected) in rows {
            for (name, expected) in expected {
                assert_eq!(report.context(name).as_deref(), *expected, "{what}: {name}");
            }
        }
    }
}
