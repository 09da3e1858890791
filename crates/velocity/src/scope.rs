//! What a template can see.

/// Names and values in the order in which they are to be listed.
pub type Entries<'a> = Vec<(&'a str, &'a str)>;

/// What one rendering can see. Nothing is copied before the template asks for it.
#[derive(Debug)]
pub struct Scope<'a> {
    /// `$input.body`. Parsed as JSON when `$input.json` or `$input.path` is first used; an empty body is `{}`.
    pub body: &'a str,
    /// `$input.params()`. Empty but on `$connect`.
    pub params: Params<'a>,
    /// `$context`: an object, nested where names have dots (`$context.identity.sourceIp`).
    pub context: &'a serde_json::Value,
    /// `$stageVariables`.
    pub stage_variables: Entries<'a>,
}

/// What `$input.params('name')` searches: path, then query, then headers.
#[derive(Debug, Default)]
pub struct Params<'a> {
    pub path: Entries<'a>,
    pub querystring: Entries<'a>,
    pub header: Entries<'a>,
}
