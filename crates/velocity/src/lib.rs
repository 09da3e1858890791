//! The Velocity templates of API Gateway: parsed once, rendered with bounded work.
//!
//! ```
//! use sluicegate_velocity::{Params, Scope, Template};
//!
//! let template = Template::parse(r#"{"room": $input.json('$.room'), "from": "$context.connectionId"}"#)?;
//! let context = serde_json::json!({"connectionId": "ahxA0bIfjoECHlw="});
//! let scope = Scope { body: r#"{"room":7}"#, params: Params::default(), context: &context, stage_variables: vec![] };
//! assert_eq!(template.render(&scope)?, r#"{"room": 7, "from": "ahxA0bIfjoECHlw="}"#);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The language is Velocity 1.7 as API Gateway runs it. Where the two differ, AWS has been observed:
//!
//! - A reference that resolves to nothing is an **empty string**, not null: it prints nothing, `$nothing == ""` holds, and
//!   `#if($nothing)` is taken. Quiet (`$!name`) and plain references are the same.
//! - `#macro` defines nothing and its calls print as written; so do `#parse`, `#include` and `#evaluate`.
//! - A list that came from JSON prints as JSON, a map as `{key=value}`.
//!
//! This crate does no I/O, reads no clock and holds no state between renderings; what a template may cost is in
//! [`limits`].

mod error;
mod json;
pub mod limits;
mod number;
mod parse;
mod path;
mod render;
mod scope;
mod syntax;
mod value;

pub use error::{RenderError, RenderErrorKind, TemplateError};
pub use scope::{Entries, Params, Scope};

/// A parsed template. Share it freely; each rendering has its own variables.
#[derive(Debug)]
pub struct Template {
    text: Box<str>,
    nodes: Vec<syntax::Node>,
}

impl Template {
    /// # Errors
    /// The first place that cannot be read, and how to mend it.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        Ok(Self { text: text.into(), nodes: parse::template(text)? })
    }

    /// # Errors
    /// If a call fails where Java would throw, the body is asked for JSON and is not, or a limit is reached.
    pub fn render(&self, scope: &Scope<'_>) -> Result<String, RenderError> {
        render::template(&self.nodes, scope).map_err(|failure| {
            let (line, column) = error::place(&self.text, failure.at);
            RenderError { line, column, kind: failure.kind, message: failure.message }
        })
    }
}
