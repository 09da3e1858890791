//! What a rendering has used up.

use super::{Failure, Halt, Render};
use crate::error::RenderErrorKind;
use crate::limits::{BYTES_PER_STEP, MAX_MADE_BYTES, MAX_OUTPUT_BYTES, MAX_STEPS};
use crate::value::Value;

#[derive(Debug)]
pub(super) struct Meter {
    steps_left: u64,
    pub(super) bytes_left: u64,
}

impl Default for Meter {
    fn default() -> Self {
        Self { steps_left: MAX_STEPS, bytes_left: MAX_MADE_BYTES }
    }
}

impl Render<'_> {
    pub(super) fn step(&mut self) -> Result<(), Halt> {
        self.steps(1)
    }

    pub(super) fn steps(&mut self, count: u64) -> Result<(), Halt> {
        match self.meter.steps_left.checked_sub(count) {
            Some(left) => {
                self.meter.steps_left = left;
                Ok(())
            }
            None => Err(self.over_limit(format!("the template takes more than {MAX_STEPS} steps"))),
        }
    }

    /// Counts reading `bytes` of text.
    pub(super) fn read(&mut self, bytes: usize) -> Result<(), Halt> {
        self.steps(bytes as u64 / BYTES_PER_STEP)
    }

    /// Counts making `bytes`.
    pub(super) fn make(&mut self, bytes: usize) -> Result<(), Halt> {
        self.read(bytes)?;
        match self.meter.bytes_left.checked_sub(bytes as u64) {
            Some(left) => {
                self.meter.bytes_left = left;
                Ok(())
            }
            None => Err(self.over_limit(format!("the template makes more than {MAX_MADE_BYTES} bytes of values"))),
        }
    }

    /// Counts making lists or maps of `count` values.
    pub(super) fn make_values(&mut self, count: usize) -> Result<(), Halt> {
        self.steps(count as u64)?;
        self.make(count.saturating_mul(size_of::<Value>()))
    }

    pub(super) fn push(&mut self, out: &mut String, text: &str) -> Result<(), Halt> {
        if out.len() + text.len() > MAX_OUTPUT_BYTES {
            return Err(self.over_limit(format!("the text grows past {MAX_OUTPUT_BYTES} bytes")));
        }
        self.make(text.len())?;
        out.push_str(text);
        Ok(())
    }

    /// A string that is no longer than output may be.
    pub(super) fn text(&mut self, text: impl AsRef<str>) -> Result<Value, Halt> {
        let text = text.as_ref();
        if text.len() > MAX_OUTPUT_BYTES {
            return Err(self.over_limit(format!("a string grows past {MAX_OUTPUT_BYTES} bytes")));
        }
        self.make(text.len())?;
        Ok(Value::from(text))
    }

    pub(super) fn over_limit(&self, message: String) -> Halt {
        self.failed(RenderErrorKind::Limit, message)
    }

    pub(super) fn bad_call(&self, message: String) -> Halt {
        self.failed(RenderErrorKind::Call, message)
    }

    pub(super) fn failed(&self, kind: RenderErrorKind, message: String) -> Halt {
        Halt::Failed(Box::new(Failure { at: self.at, kind, message }))
    }
}
