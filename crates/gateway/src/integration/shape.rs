//! What the non-proxy kinds have in common: a payload made for the backend, and responses made of its answer.

use super::content::{self, ContentHandling};
use super::response::{Received, Responses};
use super::templates::{Passthrough, Templates, render};
use super::{Answer, Failure, Wanted};
use crate::api::definition::IntegrationDefinition;
use crate::api::problem::Checker;
use crate::exchange::{Exchange, Occasion};
use crate::selection_expression::SelectionExpression;
use bytes::Bytes;

#[derive(Debug)]
pub(super) struct Shape {
    templates: Templates,
    passthrough: Passthrough,
    content: ContentHandling,
    responses: Responses,
    wanted: Wanted,
}

impl Shape {
    pub(super) fn compile(written: &IntegrationDefinition, wanted: Wanted, checker: &mut Checker) -> Self {
        let expression = written.template_selection_expression.as_deref();
        let read = SelectionExpression::parse;
        Self {
            templates: Templates::compile("requestTemplates", &written.request_templates, expression, read, checker),
            passthrough: Passthrough::compile(written.passthrough_behavior.as_deref(), checker),
            content: ContentHandling::compile(written.content_handling_strategy.as_deref(), checker),
            responses: Responses::compile(written, checker),
            wanted,
        }
    }

    /// What the backend is sent.
    pub(super) fn payload(&self, exchange: &Exchange<'_>) -> Result<Bytes, Failure> {
        let key = self.templates.selection().evaluate(exchange.body()).unwrap_or_default();
        match self.templates.find(&key) {
            Some(template) => {
                let payload = render(template, exchange, exchange.body().as_bytes()).inspect_err(|_| {
                    let log = exchange.log;
                    log.failure(format_args!(
                        "Execution failed due to configuration error: Unable to transform request"
                    ));
                })?;
                self.content.after_template(payload)
            }
            None if self.passthrough.allows(&self.templates) => client_payload(self.content, exchange),
            None => Err(Failure::UnsupportedMediaType),
        }
    }

    /// What its answer comes to. `selected` is the value of the selection expression that the kind fixes.
    pub(super) fn answer(
        &self,
        selected: Option<&str>,
        received: &Received,
        exchange: &Exchange<'_>,
    ) -> Result<Answer, Failure> {
        match self.wanted {
            Wanted::Body => self.responses.answer(selected, received, exchange),
            Wanted::Status => Ok(self.responses.admission(selected, received)),
            Wanted::Nothing => Ok(Answer { status: received.status, ..Answer::default() }),
        }
    }

    /// Whether there is a response for such an answer.
    pub(super) fn takes(&self, selected: Option<&str>) -> bool {
        self.responses.take(selected)
    }
}

/// What the client sent, as a backend without templates gets it. A message that came as bytes goes on as bytes.
pub(super) fn client_payload(handling: ContentHandling, exchange: &Exchange<'_>) -> Result<Bytes, Failure> {
    let body = exchange.body().as_bytes();
    match (handling, &exchange.occasion) {
        (ContentHandling::ToBinary, Occasion::Message { .. })
        | (ContentHandling::Unchanged, Occasion::Message { is_base64: true, .. }) => content::decode(body),
        _ => Ok(Bytes::copy_from_slice(body)),
    }
}
