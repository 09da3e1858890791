//! YAML, from the events of saphyr-parser. Aliases are expanded here, and every node they make is counted.

use super::{At, Builder, Entry, Kind, Node, Unreadable, scalar, tag};
use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};
use std::collections::{HashMap, HashSet};

type Place = (usize, usize);

const MERGE: &str = "<<";

pub(super) fn parse(text: &str, builder: &mut Builder) -> Result<Node, Unreadable> {
    let mut reader = Reader { open: Vec::new(), anchors: HashMap::new(), root: None, builder };
    let mut documents = 0;
    for event in Parser::new_from_str(text) {
        let (event, span) = match event {
            Ok(event) => event,
            Err(error) => {
                let place = (error.marker().line(), error.marker().col() + 1);
                let message = format!("not YAML: {}", error.info());
                return Err(reader.builder.unreadable(place, message, "mind indentation, quotes and colons"));
            }
        };
        if let Event::DocumentStart(_) = event {
            documents += 1;
            if documents > 1 {
                let message = "a second document begins here";
                return Err(reader.builder.unreadable(place(&span), message, "keep one template per file"));
            }
        }
        reader.event(event, &span)?;
    }
    let empty = |builder: &Builder| builder.unreadable((1, 1), "the file is empty", "write a template into it");
    reader.root.ok_or_else(|| empty(reader.builder))
}

fn place(span: &Span) -> Place {
    (span.start.line(), span.start.col() + 1)
}

struct Reader<'b> {
    /// Collections that are not yet closed, the innermost last.
    open: Vec<Open>,
    /// Anchored values, and how many nodes each has.
    anchors: HashMap<usize, (Node, usize)>,
    root: Option<Node>,
    builder: &'b mut Builder,
}

struct Open {
    at: At,
    anchor: usize,
    function: Option<String>,
    kind: OpenKind,
}

enum OpenKind {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, keys: HashSet<String>, key: Option<(String, At)>, merged: Vec<Entry> },
}

impl Reader<'_> {
    fn event(&mut self, event: Event<'_>, span: &Span) -> Result<(), Unreadable> {
        let place = place(span);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let function = self.function(tag.as_deref(), place);
                if let Some(open) = self.open.last_mut()
                    && let OpenKind::Map { key: key @ None, .. } = &mut open.kind
                {
                    let at = self.builder.at(place)?;
                    *key = Some((text.into_owned(), at));
                    return Ok(());
                }
                let at = self.builder.at(place)?;
                let as_text = style != ScalarStyle::Plain || tag.as_deref().is_some_and(is_string);
                let kind = if as_text { Kind::Text(text.into_owned()) } else { scalar::plain(&text) };
                self.finished(Node { at, kind }, anchor, function, place)
            }
            Event::SequenceStart(anchor, tag) => {
                let kind = OpenKind::List(Vec::new());
                self.start(anchor, tag.as_deref(), kind, place)
            }
            Event::MappingStart(anchor, tag) => {
                let (entries, keys, merged) = (Vec::new(), HashSet::new(), Vec::new());
                self.start(anchor, tag.as_deref(), OpenKind::Map { entries, keys, key: None, merged }, place)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(place),
            Event::Alias(anchor) => {
                let Some((node, nodes)) = self.anchors.get(&anchor) else {
                    let message = "this alias names a value that contains it";
                    return Err(self.builder.unreadable(place, message, "write the value out"));
                };
                self.builder.count(*nodes, place)?;
                let node = node.clone();
                self.builder.check_depth(self.open.len() + depth(&node), place)?;
                self.put(node, place)
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => {
                Ok(())
            }
        }
    }

    fn start(&mut self, anchor: usize, tag: Option<&Tag>, kind: OpenKind, place: Place) -> Result<(), Unreadable> {
        self.builder.check_depth(self.open.len() + 1, place)?;
        let function = self.function(tag, place);
        let of_key = match self.open.last() {
            Some(Open { kind: OpenKind::Map { key: None, .. }, .. }) => {
                return Err(self.builder.unreadable(place, "a map or list cannot be a key", "use text as a key"));
            }
            Some(Open { kind: OpenKind::Map { key: Some((_, at)), .. }, .. }) => Some(*at),
            Some(Open { kind: OpenKind::List(_), .. }) | None => None,
        };
        let at = match of_key {
            Some(at) => at,
            None => self.builder.at(place)?,
        };
        self.open.push(Open { at, anchor, function, kind });
        Ok(())
    }

    fn end(&mut self, place: Place) -> Result<(), Unreadable> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let kind = match open.kind {
            OpenKind::List(items) => Kind::List(items),
            OpenKind::Map { mut entries, keys, merged, .. } => {
                // What the map says itself counts before what it merges.
                let mut keys = keys;
                entries.extend(merged.into_iter().filter(|entry| keys.insert(entry.key.clone())));
                Kind::Map(entries)
            }
        };
        self.finished(Node { at: open.at, kind }, open.anchor, open.function, place)
    }

    /// A value is complete: it becomes what its tag says, is remembered under its anchor, and put where it belongs.
    fn finished(
        &mut self,
        node: Node,
        anchor: usize,
        function: Option<String>,
        place: Place,
    ) -> Result<(), Unreadable> {
        let node = match function {
            Some(function) => {
                self.builder.count(2, place)?;
                tag::call(function, node.at, node)
            }
            None => node,
        };
        if anchor > 0 {
            let nodes = size(&node);
            self.builder.count(nodes, place)?;
            self.anchors.insert(anchor, (node.clone(), nodes));
        }
        self.put(node, place)
    }

    fn put(&mut self, node: Node, place: Place) -> Result<(), Unreadable> {
        match self.open.last_mut().map(|open| &mut open.kind) {
            None => self.root = Some(node),
            Some(OpenKind::List(items)) => items.push(node),
            Some(OpenKind::Map { entries, keys, key, merged }) => match key.take() {
                Some((name, _)) if name == MERGE => {
                    let maps =
                        if matches!(node.kind, Kind::List(_)) { node.items() } else { std::slice::from_ref(&node) };
                    merged.extend(maps.iter().flat_map(|map| map.entries().iter().cloned()));
                }
                Some((name, at)) => self.builder.add(entries, keys, Entry { key: name, at, value: node }),
                // An alias in the place of a key.
                None => match node.to_text() {
                    Some(name) => *key = Some((name, node.at)),
                    None => {
                        return Err(self.builder.unreadable(
                            place,
                            "a map or list cannot be a key",
                            "use text as a key",
                        ));
                    }
                },
            },
        }
        Ok(())
    }

    /// The function that a tag calls. A tag that does not exist is told, and its value could be anything.
    fn function(&mut self, tag: Option<&Tag>, place: Place) -> Option<String> {
        // `!` alone means text.
        let tag = tag.filter(|tag| !tag.is_yaml_core_schema() && !tag.suffix.is_empty())?;
        let function = tag::function(&tag.suffix).filter(|_| tag.handle == "!");
        if function.is_none() {
            let message = format!("the tag {}{} does not exist", tag.handle, tag.suffix);
            let complaint = self.builder.unreadable(place, message, tag::REMEDY);
            self.builder.complaints.push(complaint);
            return Some(tag::UNKNOWN.to_owned());
        }
        function
    }
}

fn is_string(tag: &Tag) -> bool {
    (tag.is_yaml_core_schema() && tag.suffix == "str") || tag.suffix.is_empty()
}

fn size(node: &Node) -> usize {
    match &node.kind {
        Kind::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Kind::Map(entries) => 1 + entries.iter().map(|entry| 1 + size(&entry.value)).sum::<usize>(),
        Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) | Kind::Broken => 1,
    }
}

fn depth(node: &Node) -> usize {
    match &node.kind {
        Kind::List(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Kind::Map(entries) => 1 + entries.iter().map(|entry| depth(&entry.value)).max().unwrap_or(0),
        Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) | Kind::Broken => 0,
    }
}
