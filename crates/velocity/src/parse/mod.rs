//! From text to [`syntax`](crate::syntax), as Velocity 1.7's parser reads it: API Gateway runs that generation of the
//! engine, which shows in its whitespace. Text runs up to the next `$`, `#` or `\`; a directive takes the line's end
//! after its closing bracket with it; only `#set` takes blanks before it, and only where no text precedes them.

mod cursor;
mod directive;
mod expression;
mod literal;
mod reference;

use crate::error::{TemplateError, place};
use crate::limits::{MAX_NESTING, MAX_TEMPLATE_BYTES};
use crate::syntax::Node;
use cursor::Cursor;

/// What is wrong at which byte, and how to mend it.
#[derive(Debug)]
pub(crate) struct Fault {
    at: usize,
    message: String,
    remedy: String,
    severity: Severity,
}

#[derive(Debug, PartialEq, Eq)]
enum Severity {
    /// Another reading may be tried.
    Syntax,
    /// A limit: nothing else may be tried.
    Fatal,
}

impl Fault {
    fn syntax(at: usize, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { at, message: message.into(), remedy: remedy.into(), severity: Severity::Syntax }
    }

    fn fatal(at: usize, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { at, message: message.into(), remedy: remedy.into(), severity: Severity::Fatal }
    }
}

/// What ended a block.
#[derive(Debug, PartialEq, Eq)]
enum Ending {
    End,
    Else,
    ElseIf,
    TextEnd,
}

struct Parser<'t> {
    cursor: Cursor<'t>,
    depth: usize,
}

pub(crate) fn template(text: &str) -> Result<Vec<Node>, TemplateError> {
    if text.len() > MAX_TEMPLATE_BYTES {
        return Err(TemplateError {
            line: 1,
            column: 1,
            message: format!("the template has {} bytes, more than {MAX_TEMPLATE_BYTES}", text.len()),
            remedy: "shorten it, or move work into the integration".to_owned(),
        });
    }
    let cursor = Cursor { text, at: 0, literal_at: None, work: 0 };
    Parser { cursor, depth: 0 }.whole_text().map_err(|fault| {
        let (line, column) = place(text, fault.at);
        TemplateError { line, column, message: fault.message, remedy: fault.remedy }
    })
}

impl Parser<'_> {
    fn whole_text(&mut self) -> Result<Vec<Node>, Fault> {
        let mut nodes = Vec::new();
        let stray = |what: &str, at| {
            Fault::syntax(
                at,
                format!("{what} without an open #if or #foreach"),
                "remove it, or open its block before it",
            )
        };
        match self.block(&mut nodes)? {
            (Ending::TextEnd, _) => Ok(nodes),
            (Ending::End, at) => Err(stray("#end", at)),
            (Ending::Else, at) => Err(stray("#else", at)),
            (Ending::ElseIf, at) => Err(stray("#elseif", at)),
        }
    }

    /// Reads up to and with the directive that ends the block, and says which and where it is.
    fn block(&mut self, nodes: &mut Vec<Node>) -> Result<(Ending, usize), Fault> {
        loop {
            let start = self.cursor.at;
            self.cursor.spend(1)?;
            if self.eat_set_start() {
                nodes.push(self.set(start)?);
                continue;
            }
            let ending = match self.cursor.peek() {
                None => Some(Ending::TextEnd),
                Some('$') => {
                    self.dollar(nodes)?;
                    None
                }
                Some('#') => self.hash(nodes)?,
                Some('\\') => {
                    self.backslashes(nodes)?;
                    None
                }
                Some(_) => {
                    let run = self.cursor.eat_while(|c| !matches!(c, '$' | '#' | '\\'));
                    self.cursor.spend(run.len())?;
                    push_text(nodes, run);
                    None
                }
            };
            if let Some(ending) = ending {
                return Ok((ending, self.origin(start)));
            }
        }
    }

    fn dollar(&mut self, nodes: &mut Vec<Node>) -> Result<(), Fault> {
        match self.try_reference()? {
            Some(reference) => nodes.push(Node::Print(reference)),
            None => {
                self.cursor.at += 1;
                push_text(nodes, "$");
            }
        }
        Ok(())
    }

    /// Backslashes escape only what follows them directly, and only a reference or a known directive.
    fn backslashes(&mut self, nodes: &mut Vec<Node>) -> Result<(), Fault> {
        let run = self.cursor.eat_while(|c| c == '\\');
        let (halves, is_escaped) = (&run[..run.len() / 2], run.len() % 2 == 1);
        let start = self.cursor.at;
        if self.cursor.peek() == Some('$') {
            let Some(reference) = self.try_reference()? else {
                push_text(nodes, run);
                return Ok(());
            };
            push_text(nodes, halves);
            if is_escaped {
                push_text(nodes, &self.cursor.text[start..self.cursor.at]);
            } else {
                nodes.push(Node::Print(reference));
            }
            return Ok(());
        }
        if is_escaped && let Some(directive) = self.eat_known_directive_name() {
            push_text(nodes, halves);
            push_text(nodes, directive);
        } else if !is_escaped && self.is_at_halving_directive() {
            push_text(nodes, halves);
        } else {
            push_text(nodes, run);
        }
        Ok(())
    }

    fn origin(&self, at: usize) -> usize {
        self.cursor.origin(at)
    }

    fn fault(&self, at: usize, message: impl Into<String>, remedy: impl Into<String>) -> Fault {
        Fault::syntax(self.origin(at), message, remedy)
    }

    /// Runs `inner` one level deeper; the parser's stack is as deep as the template nests.
    fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        if self.depth >= MAX_NESTING {
            let at = self.origin(self.cursor.at);
            return Err(Fault::fatal(at, format!("nested deeper than {MAX_NESTING}"), "nest less"));
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }
}

fn push_text(nodes: &mut Vec<Node>, text: &str) {
    if !text.is_empty() {
        nodes.push(Node::Text(text.into()));
    }
}
