//! Domains of one's own: a host, and perhaps a path below it, that stand for a stage.
//!
//! The mapping chooses API and stage, so the stage's name is not in the path; the key, if there is one, is.

use crate::address::{segments, without_port};
use crate::api::definition::ApiDefinition;
use crate::stage::Stage;
use std::sync::Arc;

/// How one host leads to one stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mapping {
    pub(crate) host: Arc<str>,
    /// The levels of the mapping key; none for the root.
    key: Vec<String>,
}

/// What a request to a domain of one's own is for.
pub(crate) enum Mapped {
    Stage(Arc<Stage>),
    /// The id as received, decoded.
    Connection(Arc<Stage>, String),
    /// `@connections` below a path that no mapping knows; the path as it is told to the caller.
    UnknownRoute(String),
    Nothing,
}

impl Mapping {
    /// The mappings of a stage.
    pub(crate) fn of_stage(definition: &ApiDefinition, stage: &str) -> Vec<Self> {
        let mine = definition.domain_names.iter().filter(|written| written.stage == stage);
        mine.map(|written| Self {
            host: written.domain_name.to_ascii_lowercase().into(),
            key: segments(&written.api_mapping_key),
        })
        .collect()
    }

    pub(crate) fn is_for(&self, host: &str) -> bool {
        self.host.eq_ignore_ascii_case(without_port(host))
    }
}

/// Reads a path below `host`. `None` when the host is no domain of one's own.
pub(crate) fn resolve(stages: &[&Arc<Stage>], host: &str, path: &str) -> Option<Mapped> {
    let mappings = || stages.iter().flat_map(|stage| stage.mappings.iter().map(move |mapping| (*stage, mapping)));
    let mut here: Vec<_> = mappings().filter(|(_, mapping)| mapping.is_for(host)).collect();
    if here.is_empty() {
        return None;
    }
    // The longest key counts: `chat/v2` before `chat` before the root.
    here.sort_by_key(|(_, mapping)| std::cmp::Reverse(mapping.key.len()));
    let segments = segments(path);
    for (stage, mapping) in here {
        let Some(rest) = segments.strip_prefix(mapping.key.as_slice()) else { continue };
        match rest {
            [] => return Some(Mapped::Stage(Arc::clone(stage))),
            [at, id] if at == "@connections" => return Some(Mapped::Connection(Arc::clone(stage), id.clone())),
            _ => {}
        }
    }
    let asks_for_a_connection = segments.iter().any(|segment| segment == "@connections");
    Some(if asks_for_a_connection { Mapped::UnknownRoute(segments.join("/")) } else { Mapped::Nothing })
}
