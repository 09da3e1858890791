//! What is wrong with a template, and what is left out of it: where, what, and how to mend it.

use crate::document::{At, Node, Unreadable, paths};
use crate::limits;
use serde::Serialize;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::{Path, PathBuf};

/// One problem. Everything is looked at to its end, so that all of them are told at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    pub place: Place,
    pub message: String,
    pub remedy: String,
}

/// Something that is fine, but should be known: what is skipped, and what is done otherwise than on AWS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Note {
    pub place: Place,
    pub message: String,
}

/// A place in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Place {
    /// As it was named, or where the value came from: `--parameter`.
    pub file: String,
    /// From 1; 0 if it is about the file as a whole.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
    /// Within the document: `Resources.ChatFunction.Properties.Handler`.
    pub path: String,
}

/// A template that cannot be served, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Problems {
    pub problems: Vec<Problem>,
    /// How many more there are than are written out.
    pub more: usize,
}

impl Problems {
    pub(crate) fn extend(&mut self, more: Self) {
        self.problems.extend(more.problems);
        self.more += more.more;
    }
}

impl fmt::Display for Place {
    /// `template.yaml:12:7`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        Ok(())
    }
}

impl fmt::Display for Problem {
    /// `template.yaml:12:7: Resources.Chat: what is wrong; what to do`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if !self.place.path.is_empty() {
            write!(f, "{}: ", self.place.path)?;
        }
        write!(f, "{}; {}", self.message, self.remedy)
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.problems.iter().map(Problem::to_string).collect();
        f.write_str(&lines.join("\n"))?;
        if self.more > 0 {
            write!(f, "\nand {} more", self.more)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// What was found so far.
///
/// Shared, not handed down mutably: names of resources are worked out when something first refers to them.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    files: RefCell<Vec<PathBuf>>,
    problems: RefCell<Vec<Found>>,
    notes: RefCell<Vec<Found>>,
    seen: RefCell<HashSet<(u16, u32, String)>>,
    more: RefCell<usize>,
}

#[derive(Debug)]
struct Found {
    at: At,
    message: String,
    remedy: String,
}

impl Findings {
    /// Places in this file are told with this number.
    pub(crate) fn file(&self, path: &Path) -> u16 {
        let mut files = self.files.borrow_mut();
        files.push(path.to_owned());
        u16::try_from(files.len() - 1).unwrap_or(u16::MAX)
    }

    pub(crate) fn problem(&self, at: At, message: impl Into<String>, remedy: impl Into<String>) {
        let message = message.into();
        if !self.seen.borrow_mut().insert((at.file, at.id, message.clone())) {
            return;
        }
        let mut problems = self.problems.borrow_mut();
        if problems.len() < limits::PROBLEMS {
            problems.push(Found { at, message, remedy: remedy.into() });
        } else {
            *self.more.borrow_mut() += 1;
        }
    }

    pub(crate) fn note(&self, at: At, message: impl Into<String>) {
        let message = message.into();
        let mut notes = self.notes.borrow_mut();
        if notes.len() < limits::PROBLEMS && self.seen.borrow_mut().insert((at.file, at.id, message.clone())) {
            notes.push(Found { at, message, remedy: String::new() });
        }
    }

    pub(crate) fn unreadable(&self, unreadable: Unreadable) {
        self.problem(unreadable.at, unreadable.message, unreadable.remedy);
    }

    pub(crate) fn found_problems(&self) -> bool {
        !self.problems.borrow().is_empty()
    }

    /// All of it, with paths: `documents` are the files' roots, by number.
    pub(crate) fn finish(self, documents: &HashMap<u16, &Node>) -> (Problems, Vec<Note>) {
        let (problems, notes) = (self.problems.into_inner(), self.notes.into_inner());
        let files = self.files.into_inner();
        let mut wanted: HashMap<u16, HashSet<u32>> = HashMap::new();
        for found in problems.iter().chain(&notes) {
            wanted.entry(found.at.file).or_default().insert(found.at.id);
        }
        let known: HashMap<u16, HashMap<u32, String>> =
            wanted.iter().filter_map(|(file, ids)| Some((*file, paths(documents.get(file)?, ids)))).collect();
        let place = |at: At| Place {
            file: files.get(usize::from(at.file)).map(|path| path.display().to_string()).unwrap_or_default(),
            line: at.line,
            column: at.column,
            path: known.get(&at.file).and_then(|paths| paths.get(&at.id)).cloned().unwrap_or_default(),
        };
        let mut problems: Vec<_> = problems
            .into_iter()
            .map(|found| Problem { place: place(found.at), message: found.message, remedy: found.remedy })
            .collect();
        problems.sort_by(|one, other| one.place.cmp(&other.place));
        let mut notes: Vec<_> =
            notes.into_iter().map(|found| Note { place: place(found.at), message: found.message }).collect();
        notes.sort_by(|one, other| one.place.cmp(&other.place));
        (Problems { problems, more: self.more.into_inner() }, notes)
    }
}

/// What somebody who wrote `name` probably meant.
pub(crate) fn did_you_mean<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    const ENOUGH: f64 = 0.8;
    let (wanted, mut best) = (name.to_lowercase(), None);
    for candidate in known {
        let likeness = strsim::jaro_winkler(&wanted, &candidate.to_lowercase());
        if likeness >= ENOUGH && best.is_none_or(|(most, _)| likeness > most) {
            best = Some((likeness, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// A remedy for a name that does not exist.
pub(crate) fn use_one_of<'n>(name: &str, known: impl IntoIterator<Item = &'n str>, otherwise: &str) -> String {
    const NAMED: usize = 12;
    let known: Vec<&str> = known.into_iter().collect();
    match did_you_mean(name, known.iter().copied()) {
        Some(candidate) => format!("did you mean `{candidate}`?"),
        None if known.is_empty() || known.len() > NAMED => otherwise.to_owned(),
        None => format!("use one of: {}", known.join(", ")),
    }
}
