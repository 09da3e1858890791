//! A stack for people to read.

use super::paint::Paint;
use sluicegate_template::{Api, Code, EventSource, Function, Problem, Stack, Table, kinds};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Every stack, one after the other.
pub(super) fn text(stacks: &[Stack], paint: Paint) -> String {
    stacks.iter().map(|stack| one(stack, paint)).collect::<Vec<_>>().join("\n")
}

/// What is right, and `serve` refuses all the same; empty if there is nothing.
pub(super) fn unserved(problems: &[Problem], paint: Paint) -> String {
    let mut page = Page { text: String::new(), paint };
    page.section("Not served yet", problems, |page, problem| page.line(2, &problem.to_string()));
    page.text
}

fn one(stack: &Stack, paint: Paint) -> String {
    let mut page = Page { text: String::new(), paint };
    let (name, format) = (paint.strong(&stack.name), stack.format.title());
    page.line(0, &format!("{name}  {}", paint.faint(format!("{format}, {}", stack.template.display()))));
    page.section("Parameters", &stack.parameters.iter().collect::<Vec<_>>(), |page, (name, value)| {
        page.line(2, &format!("{name} = {value}"));
    });
    page.section("APIs", &stack.apis, Page::api);
    page.section("Functions", &stack.functions, Page::function);
    page.section("Layers", &stack.layers, |page, layer| {
        page.line(2, &format!("{}  {}", layer.name, code(&layer.content)))
    });
    page.section("Tables", &stack.tables, Page::table);
    page.section("Mappings", &stack.mappings, |page, mapping| {
        let source = match &mapping.source {
            EventSource::TableStream(table) => format!("stream of {table}"),
            EventSource::Queue(queue) => format!("queue {queue}"),
        };
        let state = if mapping.enabled { "" } else { "  disabled" };
        page.line(2, &format!("{source} → {}{state}", mapping.function));
    });
    page.section("Queues", &stack.queues, |page, queue| page.line(2, &queue.name));
    page.section("Topics", &stack.topics, |page, topic| page.line(2, &topic.name));
    page.section("Subscriptions", &stack.subscriptions, |page, one| {
        page.line(2, &format!("{} → {} {}", one.topic, one.protocol, one.endpoint));
    });
    page.section("Outputs", &stack.outputs, |page, output| {
        page.line(2, &format!("{} = {}", output.name, output.value))
    });
    page.section("Skipped", &skipped(stack), |page, line| page.line(2, line));
    page.section("Notes", &stack.notes, |page, note| {
        let place = page.paint.faint(&note.place);
        page.line(2, &format!("{place}: {}", note.message));
    });
    page.text
}

/// Types with how many there are; those that nobody misses at the end.
fn skipped(stack: &Stack) -> Vec<String> {
    let mut counts: BTreeMap<(bool, &str), usize> = BTreeMap::new();
    for one in &stack.skipped {
        *counts.entry((kinds::is_implied(&one.kind), &one.kind)).or_default() += 1;
    }
    let line = |((implied, kind), count): ((bool, &str), usize)| {
        let why = if implied { " (not needed here)" } else { "" };
        if count == 1 { format!("{kind}{why}") } else { format!("{kind} ×{count}{why}") }
    };
    counts.into_iter().map(line).collect()
}

struct Page {
    text: String,
    paint: Paint,
}

impl Page {
    fn line(&mut self, indent: usize, text: &str) {
        let _ = writeln!(self.text, "{:indent$}{text}", "");
    }

    fn section<T>(&mut self, title: &str, items: &[T], write: impl Fn(&mut Self, &T)) {
        if !items.is_empty() {
            let title = self.paint.heading(title);
            self.line(0, &title);
            items.iter().for_each(|item| write(self, item));
        }
    }

    fn api(&mut self, api: &Api) {
        let definition = &api.definition;
        let (id, by) = (self.paint.faint(&definition.api_id), &definition.route_selection_expression);
        self.line(2, &format!("{} {id}  routes by {by}", definition.name));
        let width = definition.routes.iter().map(|route| route.route_key.chars().count()).max().unwrap_or_default();
        for route in &definition.routes {
            let authorization = match route.authorization_type.as_deref() {
                None | Some("NONE") => String::new(),
                Some(other) => format!("  {other}"),
            };
            let id =
                route.target.as_deref().map(|target| target.trim_start_matches("integrations/")).unwrap_or_default();
            let integration = definition.integrations.get(id);
            let target = integration.map_or_else(
                || "nothing".to_owned(),
                |one| {
                    let uri = one.integration_uri.as_deref().unwrap_or_default();
                    format!("{} {}", one.integration_type, called(uri)).trim_end().to_owned()
                },
            );
            self.line(4, &format!("{:width$} → {target}{authorization}", route.route_key));
        }
        for stage in &definition.stages {
            self.line(4, &format!("stage {}", stage.stage_name));
        }
        for domain in &definition.domain_names {
            self.line(4, &format!("{}/{} → stage {}", domain.domain_name, domain.api_mapping_key, domain.stage));
        }
    }

    fn function(&mut self, function: &Function) {
        let what = [function.runtime.as_str(), function.handler.as_str()].join(" ");
        self.line(2, &format!("{}  {what}  {}", function.name, self.paint.faint(code(&function.code))));
    }

    fn table(&mut self, table: &Table) {
        let mut text = format!("{}  key {}", table.name, table.key.partition_key);
        if let Some(sort) = &table.key.sort_key {
            let _ = write!(text, ", {sort}");
        }
        let indexes = table.global_indexes.iter().chain(&table.local_indexes).map(|index| index.name.as_str());
        let indexes: Vec<&str> = indexes.collect();
        if !indexes.is_empty() {
            let _ = write!(text, "  indexes {}", indexes.join(", "));
        }
        if let Some(stream) = table.stream {
            let _ = write!(text, "  stream {}", stream.view_type.as_str());
        }
        if let Some(attribute) = &table.time_to_live {
            let _ = write!(text, "  expires by {attribute}");
        }
        self.line(2, &text);
    }
}

fn code(code: &Code) -> String {
    match code {
        Code::Folder(path) | Code::Zip(path) | Code::File(path) => path.display().to_string(),
        Code::Inline(text) => format!("inline, {} bytes", text.len()),
    }
}

/// The function in an invocation URI; any other URI as it is.
fn called(uri: &str) -> &str {
    let function = uri.rsplit_once(":function:").map(|(_, name)| name);
    function.map_or(uri, |name| name.strip_suffix("/invocations").unwrap_or(name))
}
