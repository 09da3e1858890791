//! Templates of requests and responses: chosen by an expression, `$default` if that chooses none, and rendered.

use super::Failure;
use crate::api::problem::Checker;
use crate::exchange::Exchange;
use crate::selection_expression::{ExpressionError, SelectionExpression};
use bytes::Bytes;
use sluicegate_velocity::{Entries, Params, Scope, Template};
use std::collections::BTreeMap;

const DEFAULT_KEY: &str = "$default";

#[derive(Debug)]
pub(super) struct Templates {
    selection: SelectionExpression,
    by_key: Vec<(String, Template)>,
}

/// What becomes of a body that no template matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passthrough {
    /// It is passed on as it is.
    WhenNoMatch,
    /// It is passed on where there are no templates at all, else refused.
    WhenNoTemplates,
    /// It is refused.
    Never,
}

impl Passthrough {
    pub(super) fn compile(written: Option<&str>, checker: &mut Checker) -> Self {
        match written {
            None | Some("WHEN_NO_MATCH") => Self::WhenNoMatch,
            Some("WHEN_NO_TEMPLATES") => Self::WhenNoTemplates,
            Some("NEVER") => Self::Never,
            Some(other) => {
                checker
                    .problem(format!("passthroughBehavior `{other}`"), "use WHEN_NO_MATCH, WHEN_NO_TEMPLATES or NEVER");
                Self::WhenNoMatch
            }
        }
    }

    pub(super) fn allows(self, templates: &Templates) -> bool {
        match self {
            Self::WhenNoMatch => true,
            Self::WhenNoTemplates => templates.by_key.is_empty(),
            Self::Never => false,
        }
    }
}

/// How the expression of a set of templates is read: what it may ask depends on which side the set is.
type ReadExpression = fn(&str) -> Result<SelectionExpression, ExpressionError>;

impl Templates {
    /// `named` is how the definition calls the set, for the places of problems.
    pub(super) fn compile(
        named: &str,
        written: &BTreeMap<String, String>,
        expression: Option<&str>,
        read: ReadExpression,
        checker: &mut Checker,
    ) -> Self {
        let selection = match expression.map(read) {
            None => SelectionExpression::fixed(DEFAULT_KEY),
            Some(Ok(selection)) => selection,
            Some(Err(error)) => {
                checker.problem(format!("templateSelectionExpression: {error}"), r"the usual one is `\$default`");
                SelectionExpression::fixed(DEFAULT_KEY)
            }
        };
        let mut by_key = Vec::new();
        for (key, text) in written {
            checker.at(format!("{named}.{key}"), |checker| match Template::parse(text) {
                Ok(template) => by_key.push((key.clone(), template)),
                Err(error) => checker.at(format!("line {}, column {}", error.line, error.column), |checker| {
                    checker.problem(error.message, error.remedy);
                }),
            });
        }
        Self { selection, by_key }
    }

    pub(super) fn selection(&self) -> &SelectionExpression {
        &self.selection
    }

    pub(super) fn find(&self, key: &str) -> Option<&Template> {
        let named = |key: &str| self.by_key.iter().find(|(known, _)| known == key).map(|(_, template)| template);
        named(key).or_else(|| named(DEFAULT_KEY))
    }
}

/// Writes a template for an exchange; `body` is what it calls `$input.body`.
pub(super) fn render(template: &Template, exchange: &Exchange<'_>, body: &[u8]) -> Result<Bytes, Failure> {
    let body = String::from_utf8_lossy(body);
    let scope = Scope {
        body: &body,
        params: params(exchange),
        context: &exchange.context_object(),
        stage_variables: exchange.stage.variables().map(entries).unwrap_or_default(),
    };
    template.render(&scope).map(Bytes::from).map_err(|error| {
        tracing::warn!(route = %exchange.route_key, %error, "a template could not be rendered");
        Failure::Failed
    })
}

fn params<'a>(exchange: &'a Exchange<'_>) -> Params<'a> {
    match exchange.client_request() {
        Some(request) => {
            Params { path: Vec::new(), querystring: entries(&request.query), header: entries(&request.headers) }
        }
        None => Params::default(),
    }
}

fn entries(pairs: &[(String, String)]) -> Entries<'_> {
    pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}
