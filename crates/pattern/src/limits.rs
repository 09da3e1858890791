//! What a filter may be, and what matching may cost.

/// Patterns of one filter, as on AWS.
pub const PATTERNS: usize = 5;
/// Of one pattern, as on AWS.
pub const PATTERN_CHARS: usize = 4_096;
/// Alternatives that the `$or`s of one pattern may multiply to, as on AWS.
pub const COMBINATIONS: usize = 1_000;
/// Objects within objects of a pattern.
pub const DEPTH: usize = 100;
/// `*` in one wildcard. AWS refuses wildcards of six as too complex; where exactly it begins to is not documented.
pub const WILDCARDS: usize = 5;
/// Steps of looking for elements of arrays that belong together. Only events with thousands of objects in arrays take so
/// many; one that does matches: a record too much is handled by its function, one too few is lost.
pub const MATCH_STEPS: usize = 1_000_000;
/// Arrays and objects within each other that are looked into; an event with more, where a filter looks, is none.
pub const EVENT_DEPTH: usize = 128;
