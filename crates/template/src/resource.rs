//! A resource as the template writes it, before anything is worked out.

use crate::document::{At, Node};

#[derive(Clone, Debug)]
pub(crate) struct Resource {
    pub(crate) logical_id: String,
    pub(crate) at: At,
    /// Where it is written: `Resources.Chat`.
    pub(crate) path: String,
    /// `AWS::DynamoDB::Table`
    pub(crate) kind: String,
    pub(crate) kind_at: At,
    /// Always a map.
    pub(crate) properties: Node,
    pub(crate) condition: Option<(String, At)>,
    pub(crate) depends_on: Vec<(String, At)>,
    pub(crate) metadata: Option<Node>,
    /// What of SAM's `Globals` does not concern it.
    pub(crate) ignore_globals: Option<Node>,
}

impl Resource {
    /// One that another stands for: what SAM expands to, with the places of what it was made of.
    pub(crate) fn expanded(&self, logical_id: impl Into<String>, kind: &str, properties: Node) -> Self {
        Self {
            logical_id: logical_id.into(),
            at: self.at,
            path: self.path.clone(),
            kind: kind.to_owned(),
            kind_at: self.kind_at,
            properties,
            condition: self.condition.clone(),
            depends_on: Vec::new(),
            metadata: None,
            ignore_globals: None,
        }
    }

    pub(crate) fn property(&self, name: &str) -> Option<&Node> {
        self.properties.get(name)
    }
}
