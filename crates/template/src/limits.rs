//! What a template may cost. A file from a stranger is read within these bounds or refused with the bound it broke.

/// Of one document. AWS takes templates up to 1 MB; plans of Terraform are longer.
pub const DOCUMENT_BYTES: usize = 8 * 1024 * 1024;
/// Of one document, after aliases were expanded: what a YAML bomb runs into.
pub const DOCUMENT_NODES: usize = 400_000;
/// How deep maps and lists may lie in each other.
pub const DOCUMENT_DEPTH: usize = 80;
/// How many steps of `Ref`, `Fn::GetAtt` and other functions may wait for each other.
pub const EVALUATION_DEPTH: usize = 250;
/// What evaluating one template may produce, in bytes of text and values. Lists and texts can double with each function.
pub const EVALUATED_BYTES: usize = 64 * 1024 * 1024;
/// Resources of a template, as on AWS.
pub const RESOURCES: usize = 500;
/// Parameters of a template, as on AWS.
pub const PARAMETERS: usize = 200;
/// Bytes of a parameter's value, as on AWS.
pub const PARAMETER_BYTES: usize = 4096;
/// Problems that are written out; the rest is counted.
pub const PROBLEMS: usize = 200;
/// Stacks of a cloud assembly, nested assemblies and nested stacks included.
pub const STACKS: usize = 100;
/// How many stacks may lie in each other.
pub const NESTED_DEPTH: usize = 6;
/// How deep assemblies may lie in each other.
pub const ASSEMBLY_DEPTH: usize = 8;
