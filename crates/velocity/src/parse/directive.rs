//! What begins with `#`.

use super::{Ending, Fault, Parser, Severity, push_text};
use crate::syntax::{Branch, Expression, Node};
use std::sync::Arc;

/// Names that a backslash escapes.
const KNOWN: &[&str] = &["if", "elseif", "else", "end", "set", "foreach", "define", "macro", "break", "stop"];

impl Parser<'_> {
    /// Reads one `#…`. Answers with an ending if it closes the block being read.
    pub(super) fn hash(&mut self, nodes: &mut Vec<Node>) -> Result<Option<Ending>, Fault> {
        let start = self.cursor.at;
        if self.cursor.eat("##") {
            self.skip_line();
            return Ok(None);
        }
        if self.cursor.eat("#*") {
            if self.cursor.eat_past("*#").is_none() {
                return Err(self.fault(start, "the comment is not closed", "close it with *#"));
            }
            return Ok(None);
        }
        if self.cursor.eat("#[[") {
            match self.cursor.eat_past("]]#") {
                Some(raw) => push_text(nodes, raw),
                None => return Err(self.fault(start, "the literal text is not closed", "close it with ]]#")),
            }
            return Ok(None);
        }
        let Some(name) = directive_name(self.cursor.rest()) else {
            self.cursor.at += 1;
            push_text(nodes, "#");
            return Ok(None);
        };
        self.cursor.at += name.length;
        match name.word {
            "if" => nodes.push(self.nested(|parser| parser.if_(start))?),
            "foreach" => nodes.push(self.nested(|parser| parser.foreach(start))?),
            "define" => nodes.push(self.nested(|parser| parser.define(start))?),
            "macro" => self.nested(|parser| parser.macro_(start))?,
            "break" => nodes.push(Node::Break),
            "stop" => nodes.push(Node::Stop),
            "set" => return Err(self.fault(start, "#set needs an assignment", "write #set($name = value)")),
            "end" | "else" => {
                self.cursor.eat_line_end();
                return Ok(Some(if name.word == "end" { Ending::End } else { Ending::Else }));
            }
            "elseif" => return Ok(Some(Ending::ElseIf)),
            _ => self.unknown(start, nodes)?,
        }
        Ok(None)
    }

    /// `#set` with the blanks before it and its opening bracket: one word to Velocity.
    pub(super) fn eat_set_start(&mut self) -> bool {
        let rest = self.cursor.rest();
        let directive = rest.trim_start_matches([' ', '\t']);
        let Some(after) = directive.strip_prefix("#set").or_else(|| directive.strip_prefix("#{set}")) else {
            return false;
        };
        let Some(inside) = after.trim_start_matches(' ').strip_prefix('(') else {
            return false;
        };
        self.cursor.at += rest.len() - inside.len();
        true
    }

    pub(super) fn set(&mut self, start: usize) -> Result<Node, Fault> {
        let remedy = "write #set($name = value)";
        self.cursor.eat_whitespace();
        let Some(target) = self.try_reference()? else {
            return Err(self.fault(self.cursor.at, "#set needs a reference to set", remedy));
        };
        self.cursor.eat_whitespace();
        if !self.cursor.eat("=") {
            return Err(self.fault(self.cursor.at, "#set needs = after its reference", remedy));
        }
        let value = self.expression()?;
        self.close_bracket(start, "#set")?;
        Ok(Node::Set { target, value })
    }

    fn if_(&mut self, start: usize) -> Result<Node, Fault> {
        let mut branches = vec![Branch { condition: self.condition(start, "#if")?, body: Vec::new() }];
        let mut otherwise = None;
        loop {
            let body = match (&mut otherwise, branches.last_mut()) {
                (Some(body), _) => body,
                (None, Some(branch)) => &mut branch.body,
                (None, None) => unreachable!("there is always the first branch"),
            };
            let (ending, at) = self.block(body)?;
            match ending {
                Ending::End => return Ok(Node::If { branches, otherwise: otherwise.unwrap_or_default() }),
                Ending::TextEnd => return Err(self.unclosed(start, "#if")),
                Ending::Else | Ending::ElseIf if otherwise.is_some() => {
                    return Err(Fault::syntax(at, "the #if already has an #else", "put #else last, once"));
                }
                Ending::Else => otherwise = Some(Vec::new()),
                Ending::ElseIf => {
                    let condition = self.condition(at, "#elseif")?;
                    branches.push(Branch { condition, body: Vec::new() });
                }
            }
        }
    }

    fn foreach(&mut self, start: usize) -> Result<Node, Fault> {
        let remedy = "write #foreach($element in $list)";
        self.open_bracket(start, "#foreach")?;
        self.cursor.eat_whitespace();
        let element = self.plain_name("#foreach", remedy)?;
        self.cursor.eat_whitespace();
        if self.word() != "in" {
            return Err(self.fault(self.cursor.at, "#foreach needs the word in after its element", remedy));
        }
        self.cursor.at += "in".len();
        let list = self.expression()?;
        self.close_bracket(start, "#foreach")?;
        let body = self.body(start, "#foreach")?;
        Ok(Node::Foreach { element, list, body, at: self.origin(start) })
    }

    fn define(&mut self, start: usize) -> Result<Node, Fault> {
        self.open_bracket(start, "#define")?;
        self.cursor.eat_whitespace();
        let name = self.plain_name("#define", "write #define($name)")?;
        self.cursor.eat_whitespace();
        self.close_bracket(start, "#define")?;
        let block = Arc::new(self.body(start, "#define")?);
        Ok(Node::Define { name, block })
    }

    /// API Gateway accepts macros and does not define them: their calls are printed as written.
    fn macro_(&mut self, start: usize) -> Result<(), Fault> {
        self.open_bracket(start, "#macro")?;
        if self.cursor.eat_past(")").is_none() {
            return Err(self.fault(start, "the #macro has no closing bracket", "close it with )"));
        }
        self.cursor.eat_line_end();
        self.body(start, "#macro")?;
        Ok(())
    }

    /// A word after `#` that is no directive is text, its arguments too if they read as arguments.
    fn unknown(&mut self, start: usize, nodes: &mut Vec<Node>) -> Result<(), Fault> {
        let name_end = self.cursor.at;
        self.cursor.eat_whitespace();
        if self.cursor.eat("(") {
            let opened = self.cursor.at;
            match self.nested(Self::arguments_of_unknown) {
                Ok(()) => {}
                Err(fault) if fault.severity == Severity::Fatal => return Err(fault),
                Err(_) => {
                    self.cursor.spend(self.cursor.at - opened)?;
                    self.cursor.at = name_end;
                }
            }
        } else {
            self.cursor.at = name_end;
        }
        push_text(nodes, &self.cursor.text[start..self.cursor.at]);
        Ok(())
    }

    fn arguments_of_unknown(&mut self) -> Result<(), Fault> {
        loop {
            self.cursor.eat_whitespace();
            self.cursor.eat(",");
            self.cursor.eat_whitespace();
            if self.cursor.eat(")") {
                return Ok(());
            }
            let word = self.word();
            if word.is_empty() {
                self.primary()?;
            } else {
                self.cursor.at += word.len();
            }
        }
    }

    /// `#name` or `#{name}` of a directive that can be escaped, read as text.
    pub(super) fn eat_known_directive_name(&mut self) -> Option<&str> {
        let name = directive_name(self.cursor.rest()).filter(|name| KNOWN.contains(&name.word))?;
        let text = &self.cursor.rest()[..name.length];
        self.cursor.at += name.length;
        Some(text)
    }

    /// Pairs of backslashes are halved before these; before `#set` Velocity prints them all.
    pub(super) fn is_at_halving_directive(&self) -> bool {
        directive_name(self.cursor.rest()).is_some_and(|name| name.word != "set" && KNOWN.contains(&name.word))
    }

    fn condition(&mut self, at: usize, of: &str) -> Result<Expression, Fault> {
        self.open_bracket(at, of)?;
        let condition = self.expression()?;
        self.close_bracket(at, of)?;
        Ok(condition)
    }

    fn body(&mut self, start: usize, of: &str) -> Result<Vec<Node>, Fault> {
        let mut body = Vec::new();
        let (ending, at) = self.block(&mut body)?;
        match ending {
            Ending::End => Ok(body),
            Ending::TextEnd => Err(self.unclosed(start, of)),
            Ending::Else | Ending::ElseIf => Err(Fault::syntax(
                at,
                format!("{of} has no #else"),
                "close an #if inside it first, or remove the #else",
            )),
        }
    }

    fn unclosed(&self, start: usize, of: &str) -> Fault {
        self.fault(start, format!("the {of} has no #end"), "close it with #end; before a letter write #{end}")
    }

    fn open_bracket(&mut self, start: usize, of: &str) -> Result<(), Fault> {
        self.cursor.eat_whitespace();
        if self.cursor.eat("(") {
            return Ok(());
        }
        Err(self.fault(start, format!("{of} needs brackets"), format!("write {of}(…), or \\{of} to print the word")))
    }

    fn close_bracket(&mut self, start: usize, of: &str) -> Result<(), Fault> {
        self.cursor.eat_whitespace();
        if self.cursor.eat(")") {
            self.cursor.eat_line_end();
            return Ok(());
        }
        let at = if self.cursor.is_at_end() { start } else { self.cursor.at };
        let found = self.cursor.peek().map_or("the template's end".to_owned(), |c| format!("{c:?}"));
        Err(self.fault(
            at,
            format!("{of} is not closed: found {found}"),
            "close it with ), and check what stands before",
        ))
    }

    fn plain_name(&mut self, of: &str, remedy: &str) -> Result<Arc<str>, Fault> {
        let at = self.cursor.at;
        match self.try_reference()? {
            Some(reference) if reference.steps.is_empty() => Ok(reference.name),
            _ => Err(self.fault(at, format!("{of} needs a plain name such as $item"), remedy)),
        }
    }

    fn skip_line(&mut self) {
        self.cursor.eat_while(|c| c != '\n' && c != '\r');
        if !self.cursor.eat("\r\n") && !self.cursor.eat("\n") {
            self.cursor.eat("\r");
        }
    }
}

struct DirectiveName<'t> {
    word: &'t str,
    /// With `#` and braces.
    length: usize,
}

fn directive_name(text: &str) -> Option<DirectiveName<'_>> {
    let after = text.strip_prefix('#')?;
    let (inside, braces) = after.strip_prefix('{').map_or((after, 0), |inside| (inside, 2));
    let length = inside.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(inside.len());
    let word = &inside[..length];
    let starts_well = word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !starts_well || (braces > 0 && !inside[length..].starts_with('}')) {
        return None;
    }
    Some(DirectiveName { word, length: 1 + braces + length })
}
