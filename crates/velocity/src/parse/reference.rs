//! `$name`, `$!name`, `${name}`, and what is asked of it.

use super::cursor::{continues_identifier, starts_identifier};
use super::{Fault, Parser};
use crate::syntax::{Reference, Step};

impl Parser<'_> {
    /// `None`, with nothing read, where the `$` begins no reference.
    ///
    /// Quiet references are not told apart: in API Gateway every reference that resolves to nothing is silent.
    pub(super) fn try_reference(&mut self) -> Result<Option<Reference>, Fault> {
        let start = self.cursor.at;
        let rest = self.cursor.rest();
        let Some(after) = rest.strip_prefix('$') else {
            return Ok(None);
        };
        let after = after.strip_prefix('!').unwrap_or(after);
        let (name, is_formal) = after.strip_prefix('{').map_or((after, false), |inside| (inside, true));
        if !name.starts_with(starts_identifier) {
            return Ok(None);
        }
        self.cursor.at += rest.len() - name.len();
        let name = self.cursor.eat_while(continues_identifier).into();
        let reference = self.nested(|parser| {
            let steps = parser.steps()?;
            Ok(Reference { name, steps, at: parser.origin(start) })
        })?;
        if is_formal && !self.cursor.eat("}") {
            let written: String = self.cursor.text[start..self.cursor.at].chars().take(60).collect();
            return Err(self.fault(start, format!("the reference {written} is not closed"), "close it with }"));
        }
        Ok(Some(reference))
    }

    fn steps(&mut self) -> Result<Vec<Step>, Fault> {
        let mut steps = Vec::new();
        loop {
            self.cursor.spend(1)?;
            let rest = self.cursor.rest();
            if rest.starts_with('[') {
                steps.push(self.index()?);
            } else if rest.strip_prefix('.').is_some_and(|after| after.starts_with(|c: char| c.is_ascii_alphabetic())) {
                self.cursor.at += 1;
                let name = self.cursor.eat_while(continues_identifier).into();
                steps.push(if self.cursor.eat("(") {
                    Step::Method { name, arguments: self.separated(")")? }
                } else {
                    Step::Property(name)
                });
            } else {
                return Ok(steps);
            }
        }
    }

    fn index(&mut self) -> Result<Step, Fault> {
        let start = self.cursor.at;
        self.cursor.at += 1;
        let remedy = "write an index such as [0] or ['key']; to print a bracket after a reference write ${name}[";
        let index = self.primary().map_err(|fault| Fault { remedy: remedy.to_owned(), ..fault })?;
        self.cursor.eat_whitespace();
        if !self.cursor.eat("]") {
            return Err(self.fault(start, "the index is not closed", remedy));
        }
        Ok(Step::Index(index))
    }
}
