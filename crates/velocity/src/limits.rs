//! What a template may use, each limit with its name. A limit of AWS carries its source; the others are ours and keep a
//! hostile template from costing more than a slow request.

/// Template text, in bytes (AWS quota: mapping template size, 300 KB).
pub const MAX_TEMPLATE_BYTES: usize = 300 * 1024;
/// Rounds of one `#foreach` (AWS quota). As in Velocity, the loop ends there; what follows it is rendered.
pub const MAX_FOREACH_ROUNDS: usize = 1000;
/// Blocks, brackets, method arguments and interpolated strings within each other, while parsing.
pub const MAX_NESTING: usize = 32;
/// Blocks, expressions and values within each other while rendering: room for a template as deep as [`MAX_NESTING`] that
/// prints a body as deep as JSON can be (128), and little enough for a small stack.
pub const MAX_RENDER_DEPTH: usize = 200;
/// How often a `#define`d block may be open at once (Velocity 1.7: `directive.define.max.depth`).
pub const MAX_DEFINE_DEPTH: usize = 2;
/// Characters the parser may look at, again and again included.
pub const MAX_PARSE_WORK: usize = 64 * MAX_TEMPLATE_BYTES;
/// Steps of one rendering: a node, an element, or [`BYTES_PER_STEP`] bytes of text.
pub const MAX_STEPS: u64 = 1_000_000;
/// Text worth one step.
pub const BYTES_PER_STEP: u64 = 64;
/// Bytes of strings, lists and maps one rendering may make, those no longer held included.
pub const MAX_MADE_BYTES: u64 = 128 * 1024 * 1024;
/// What a rendering may put out, and the longest string it may make, in bytes (a function's payload limit).
pub const MAX_OUTPUT_BYTES: usize = 6 * 1024 * 1024;
/// Elements of a range such as `[1..100]`.
pub const MAX_RANGE: i128 = 100_000;
/// A regular expression's text, in bytes.
pub const MAX_REGEX_BYTES: usize = 1024;
/// A regular expression, compiled, in bytes.
pub const MAX_REGEX_PROGRAM_BYTES: usize = 256 * 1024;
/// A JSONPath's text, in bytes.
pub const MAX_PATH_BYTES: usize = 4 * 1024;
