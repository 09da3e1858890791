//! Terraform plans (`terraform show -json`), best effort: resources become those of CloudFormation, and are then treated alike.
//!
//! A plan does not know what only exists after it was applied: ids, ARNs, addresses. Links between resources are taken from
//! the configuration beside it, which says what an attribute refers to, but not how it is put together.

use super::terraform_blocks::{block, stage, table};
use super::terraform_names::{Shape, TYPES};
use crate::assemble::{self, Options, Source};
use crate::document::{At, Document, Entry, Kind, Node, parse};
use crate::files::Files;
use crate::limits;
use crate::parameters;
use crate::problem::{Findings, Problems};
use crate::resource::Resource;
use crate::sam::Expanded;
use crate::sections::Sections;
use crate::stack::{Format, Stack};
use std::path::Path;

/// Resources of a plan, at most: those that do not concern us as well.
const PLANNED: usize = 10 * limits::RESOURCES;
/// Modules in modules, and outputs of outputs.
const DEPTH: usize = 20;

pub(super) fn load(
    source: &Source<'_>,
    options: &Options,
    files: &dyn Files,
    findings: Findings,
) -> Result<Vec<Stack>, Problems> {
    let root = source.root;
    let file = findings.file(Path::new("--parameter"));
    parameters::unknown(&[], &options.parameters, At { file, ..At::default() }, &findings);
    let planned = root.get("planned_values").and_then(|values| values.get("root_module"));
    if planned.is_none() {
        let remedy = "give a plan: terraform plan -out tfplan && terraform show -json tfplan";
        findings.problem(At { line: 0, ..root.at }, "this is a state, not a plan", remedy);
    }
    let mut plan = Plan { root, source, files, findings: &findings, planned: Vec::new() };
    if let Some(module) = planned {
        plan.gather(module, 0);
    }
    let resources = plan.planned.iter().map(|one| plan.resource(one)).collect();
    let sections = Sections {
        is_sam: false,
        description: None,
        parameters: &[],
        mappings: None,
        conditions: &[],
        globals: None,
        resources: Vec::new(),
        outputs: &[],
    };
    let expanded = Expanded { resources, ..Expanded::default() };
    assemble::stack(source, Format::Terraform, &sections, expanded, options, files, findings)
}

struct Plan<'p> {
    root: &'p Node,
    source: &'p Source<'p>,
    files: &'p dyn Files,
    findings: &'p Findings,
    planned: Vec<Planned<'p>>,
}

/// A resource as it will be.
#[derive(Clone, Copy)]
struct Planned<'p> {
    /// `module.chat.aws_lambda_function.connect["a"]`
    address: &'p str,
    kind: &'p str,
    at: At,
    index: Option<&'p Node>,
    values: &'p Node,
}

impl<'p> Plan<'p> {
    fn gather(&mut self, module: &'p Node, depth: usize) {
        let text = |node: &'p Node, key: &str| node.get(key).and_then(Node::as_text);
        for node in module.get("resources").map(Node::items).unwrap_or_default() {
            if text(node, "mode") == Some("data") || self.planned.len() == PLANNED {
                continue;
            }
            if let (Some(address), Some(kind), Some(values)) =
                (text(node, "address"), text(node, "type"), node.get("values"))
            {
                self.planned.push(Planned { address, kind, at: node.at, index: node.get("index"), values });
            }
        }
        let children = module.get("child_modules").map(Node::items).unwrap_or_default();
        children.iter().filter(|_| depth < DEPTH).for_each(|child| self.gather(child, depth + 1));
    }

    fn resource(&self, planned: &Planned<'p>) -> Resource {
        let names = TYPES.iter().find(|(kind, ..)| *kind == planned.kind);
        let mut properties = Vec::new();
        for (attribute, property, shape) in names.map(|(_, _, attributes)| *attributes).unwrap_or_default() {
            if let Some(value) = self.property(planned, attribute, *shape) {
                properties.push((*property, value));
            }
        }
        properties.extend(self.more(planned));
        Resource {
            logical_id: planned.address.to_owned(),
            at: planned.at,
            path: planned.address.to_owned(),
            kind: names.map_or(planned.kind, |(_, name, _)| name).to_owned(),
            kind_at: planned.at,
            properties: Node::map(planned.at, properties),
            condition: None,
            depends_on: Vec::new(),
            metadata: None,
            ignore_globals: None,
        }
    }

    fn property(&self, planned: &Planned<'p>, attribute: &str, shape: Shape) -> Option<Node> {
        let known = planned.values.get(attribute).filter(|value| value.kind != Kind::Null);
        match shape {
            Shape::Plain => known.cloned(),
            Shape::Link => self.link(planned, attribute).or_else(|| known.cloned()),
            Shape::Call => match self.linked(planned, attribute) {
                Some((target, "invoke_arn" | "arn" | "qualified_arn" | "qualified_invoke_arn")) => {
                    Some(invocation(planned.at, &target))
                }
                _ => known.cloned(),
            },
            Shape::Target => match self.linked(planned, attribute) {
                Some((target, _)) => {
                    let parts = vec![Node::text(planned.at, "integrations"), reference(planned.at, target.address)];
                    Some(call(planned.at, "Fn::Join", vec![Node::text(planned.at, "/"), Node::list(planned.at, parts)]))
                }
                None => known.cloned(),
            },
            Shape::Json => known.map(|text| self.parsed(text)),
        }
    }

    /// What is written differently in CloudFormation.
    fn more(&self, planned: &Planned<'p>) -> Vec<(&'static str, Node)> {
        match planned.kind {
            "aws_lambda_function" => self.function(planned),
            "aws_lambda_layer_version" => self.code(planned).map(|code| ("Content", code)).into_iter().collect(),
            "aws_dynamodb_table" => table(planned.values, planned.at),
            "aws_apigatewayv2_stage" => stage(planned.values, planned.at),
            "aws_apigatewayv2_route" => {
                let parameters = planned.values.get("request_parameter").map(Node::items).unwrap_or_default().iter();
                let pairs = parameters.filter_map(|one| {
                    let required = Node::map(one.at, [("Required", one.get("required")?.clone())]);
                    Some((one.get("request_parameter_key")?.as_text()?.to_owned(), required))
                });
                let map = Node::map(planned.at, pairs);
                if map.entries().is_empty() { Vec::new() } else { vec![("RequestParameters", map)] }
            }
            "aws_lambda_event_source_mapping" => {
                let filters = block(planned.values, "filter_criteria").and_then(|criteria| criteria.get("filter"));
                let patterns =
                    filters.map(Node::items).unwrap_or_default().iter().filter_map(|filter| filter.get("pattern"));
                let patterns: Vec<Node> =
                    patterns.map(|text| Node::map(text.at, [("Pattern", text.clone())])).collect();
                if patterns.is_empty() {
                    return Vec::new();
                }
                vec![("FilterCriteria", Node::map(planned.at, [("Filters", Node::list(planned.at, patterns))]))]
            }
            _ => Vec::new(),
        }
    }

    fn function(&self, planned: &Planned<'p>) -> Vec<(&'static str, Node)> {
        let mut properties: Vec<_> = self.code(planned).map(|code| ("Code", code)).into_iter().collect();
        let reserved = planned.values.get("reserved_concurrent_executions");
        // -1 is none.
        properties.extend(
            reserved
                .filter(|value| value.to_text().is_some_and(|text| !text.starts_with('-')))
                .map(|value| ("ReservedConcurrentExecutions", value.clone())),
        );
        if let Some(layers) = self.links(planned, "layers") {
            properties.push(("Layers", layers));
        }
        if let Some(variables) = block(planned.values, "environment").and_then(|block| block.get("variables")) {
            properties
                .push(("Environment", Node::map(planned.at, [("Variables", self.variables(planned, variables))])));
        }
        properties
    }

    /// Those that are known, and one that is not if it is clear what it refers to.
    fn variables(&self, planned: &Planned<'p>, known: &Node) -> Node {
        let unknown = self.unknown(planned.address);
        let names = unknown.and_then(|after| block(after, "environment")).and_then(|block| block.get("variables"));
        let names: Vec<&Entry> = names.map(Node::entries).unwrap_or_default().iter().collect();
        let mut entries: Vec<Entry> =
            known.entries().iter().filter(|entry| entry.value.kind != Kind::Null).cloned().collect();
        let expressions = self.expressions(planned).and_then(|all| block(all, "environment"));
        let links = expressions
            .and_then(|block| block.get("variables"))
            .map(|node| self.targets(planned, node))
            .unwrap_or_default();
        for entry in &names {
            match links.as_slice() {
                [(target, attribute)] if names.len() == 1 => {
                    let value = value_of(planned.at, target, attribute);
                    entries.push(Entry { key: entry.key.clone(), at: planned.at, value });
                }
                _ => {
                    let message = format!(
                        "the variable `{}` of {} is known after apply only; it is left out",
                        entry.key, planned.address
                    );
                    self.findings.note(planned.at, message);
                }
            }
        }
        Node { at: planned.at, kind: Kind::Map(entries) }
    }

    /// `filename`, the folder it is archived from, or a place in a bucket.
    fn code(&self, planned: &Planned<'p>) -> Option<Node> {
        let text = |name: &str| planned.values.get(name).and_then(Node::as_text);
        if let Some(key) = text("s3_key") {
            return Some(Node::map(planned.at, [("S3Key", Node::text(planned.at, key))]));
        }
        let archive = self.archive(text("filename"));
        match (text("filename"), archive) {
            (Some(file), _) if self.files.entry(&self.source.folder.join(file)).is_some() => {
                Some(Node::text(planned.at, file))
            }
            (_, Some(folder)) => Some(Node::text(planned.at, folder)),
            (Some(file), None) => Some(Node::text(planned.at, file)),
            (None, None) => None,
        }
    }

    /// What `data.archive_file` packs into a file.
    fn archive(&self, file: Option<&str>) -> Option<&'p str> {
        let prior = self
            .root
            .get("prior_state")
            .and_then(|state| state.get("values"))
            .and_then(|values| values.get("root_module"));
        let resources = prior.and_then(|module| module.get("resources")).map(Node::items).unwrap_or_default();
        let archives = resources.iter().filter(|one| one.get("type").and_then(Node::as_text) == Some("archive_file"));
        archives.filter_map(|one| one.get("values")).find_map(|values| {
            let text = |name: &str| values.get(name).and_then(Node::as_text);
            let source = text("source_dir").or_else(|| text("source_file"))?;
            (file.is_some() && text("output_path") == file).then_some(source)
        })
    }

    fn parsed(&self, text: &Node) -> Node {
        match text.as_text().map(|written| parse(self.source.number, written)) {
            Some(Ok(Document { root, .. })) => Node { at: text.at, kind: root.kind },
            _ => text.clone(),
        }
    }

    fn link(&self, planned: &Planned<'p>, attribute: &str) -> Option<Node> {
        let (target, of) = self.linked(planned, attribute)?;
        Some(value_of(planned.at, &target, of))
    }

    fn links(&self, planned: &Planned<'p>, attribute: &str) -> Option<Node> {
        let targets = self.targets(planned, self.expressions(planned)?.get(attribute)?);
        let values: Vec<Node> = targets.iter().map(|(target, of)| value_of(planned.at, target, of)).collect();
        if values.is_empty() { planned.values.get(attribute).cloned() } else { Some(Node::list(planned.at, values)) }
    }

    /// The resource that an attribute refers to first, and which of its attributes.
    fn linked(&self, planned: &Planned<'p>, attribute: &str) -> Option<(Planned<'p>, &'p str)> {
        self.targets(planned, self.expressions(planned)?.get(attribute)?).into_iter().next()
    }

    fn targets(&self, planned: &Planned<'p>, expression: &'p Node) -> Vec<(Planned<'p>, &'p str)> {
        let references =
            expression.get("references").map(Node::items).unwrap_or_default().iter().filter_map(Node::as_text);
        let mut found: Vec<(Planned<'p>, &'p str)> = Vec::new();
        for reference in references {
            if let Some(target) = self.target(&module_of(planned.address), reference, planned.index, 0)
                && !found.iter().any(|(one, of)| one.address == target.0.address && *of == target.1)
            {
                found.push(target);
            }
        }
        found
    }

    /// What a reference in a module means: `aws_x.y.attribute`, `var.x` of the module, `module.m.output`.
    fn target(
        &self,
        module: &[&str],
        reference: &'p str,
        index: Option<&Node>,
        depth: usize,
    ) -> Option<(Planned<'p>, &'p str)> {
        let words: Vec<&str> = reference.split('.').collect();
        if depth == DEPTH {
            return None;
        }
        match words.as_slice() {
            ["var", name, ..] => {
                let (call, outer) = module.split_last()?;
                let expression =
                    self.configuration(outer)?.get("module_calls")?.get(call)?.get("expressions")?.get(name)?;
                let references = expression.get("references")?.items().iter().filter_map(Node::as_text);
                references.into_iter().find_map(|one| self.target(outer, one, index, depth + 1))
            }
            ["module", call, output, ..] => {
                let name = call.split('[').next().unwrap_or(call);
                let mut inner = module.to_vec();
                inner.push(name);
                let expression = self.configuration(&inner)?.get("outputs")?.get(output)?.get("expression")?;
                let references = expression.get("references")?.items().iter().filter_map(Node::as_text);
                references.into_iter().find_map(|one| self.target(&inner, one, index, depth + 1))
            }
            [kind, name, attribute] => {
                let name = name.split('[').next().unwrap_or(name);
                let prefix: String = module.iter().map(|one| format!("module.{one}.")).collect();
                let address = format!("{prefix}{kind}.{name}");
                let instances = self.planned.iter().filter(|one| without_indexes(one.address) == address);
                let instances: Vec<&Planned<'p>> = instances.collect();
                let same =
                    |one: &&&Planned<'p>| index.is_some() && one.index.map(Node::to_text) == index.map(Node::to_text);
                let chosen = instances.iter().find(same).or(instances.first())?;
                Some((**chosen, attribute.split('[').next().unwrap_or(attribute)))
            }
            _ => None,
        }
    }

    fn expressions(&self, planned: &Planned<'p>) -> Option<&'p Node> {
        let module = module_of(planned.address);
        let plain = without_indexes(planned.address);
        let prefix: String = module.iter().map(|one| format!("module.{one}.")).collect();
        let address = plain.strip_prefix(&prefix).unwrap_or(&plain);
        let resources = self.configuration(&module)?.get("resources")?.items();
        resources.iter().find(|one| one.get("address").and_then(Node::as_text) == Some(address))?.get("expressions")
    }

    fn configuration(&self, module: &[&str]) -> Option<&'p Node> {
        let root = self.root.get("configuration")?.get("root_module")?;
        module.iter().take(DEPTH).try_fold(root, |within, call| within.get("module_calls")?.get(call)?.get("module"))
    }

    fn unknown(&self, address: &str) -> Option<&'p Node> {
        let changes = self.root.get("resource_changes")?.items();
        changes
            .iter()
            .find(|one| one.get("address").and_then(Node::as_text) == Some(address))?
            .get("change")?
            .get("after_unknown")
    }
}

/// The names of the modules that an address goes through.
fn module_of(address: &str) -> Vec<&str> {
    let (mut names, mut rest) = (Vec::new(), address);
    while let Some(after) = rest.strip_prefix("module.") {
        let end = after.find(['.', '[']).unwrap_or(after.len());
        names.push(&after[..end]);
        rest = after[end..].split_once('.').map_or("", |(_, rest)| rest);
    }
    names
}

fn without_indexes(address: &str) -> String {
    let mut plain = String::new();
    let mut rest = address;
    while let Some((before, after)) = rest.split_once('[') {
        plain.push_str(before);
        rest = after.split_once(']').map_or("", |(_, rest)| rest);
    }
    plain + rest
}

fn reference(at: At, name: &str) -> Node {
    Node::map(at, [("Ref", Node::text(at, name))])
}

fn call(at: At, function: &str, arguments: Vec<Node>) -> Node {
    Node::map(at, [(function, Node::list(at, arguments))])
}

fn get_att(at: At, name: &str, attribute: &str) -> Node {
    call(at, "Fn::GetAtt", vec![Node::text(at, name), Node::text(at, attribute)])
}

fn invocation(at: At, target: &Planned<'_>) -> Node {
    let function = if target.kind == "aws_lambda_function" {
        get_att(at, target.address, "Arn")
    } else {
        reference(at, target.address)
    };
    crate::sam::invocation_uri(&function)
}

/// An attribute of another resource.
fn value_of(at: At, target: &Planned<'_>, attribute: &str) -> Node {
    let name = target.address;
    match (target.kind, attribute) {
        ("aws_sns_topic" | "aws_lambda_layer_version" | "aws_lambda_alias", "arn") => reference(at, name),
        (_, "arn") => get_att(at, name, "Arn"),
        (_, "invoke_arn") => invocation(at, target),
        ("aws_dynamodb_table", "stream_arn") => get_att(at, name, "StreamArn"),
        ("aws_apigatewayv2_api", "api_endpoint") => get_att(at, name, "ApiEndpoint"),
        ("aws_apigatewayv2_stage", "name") | (_, "id" | "function_name" | "name" | "url" | "domain_name") => {
            reference(at, name)
        }
        (_, other) => Node::text(at, format!("{name}.{other}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        assert_eq!(module_of("module.a.module.b[\"x.y\"].aws_x.y"), ["a", "b"]);
        assert_eq!(module_of("aws_x.y[0]"), [""; 0]);
        assert_eq!(without_indexes("module.a[\"x\"].aws_x.y[0]"), "module.a.aws_x.y");
    }
}
