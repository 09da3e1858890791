//! Whose gateway this is, as ARNs say it.

use sluicegate_protocol::StageId;
use std::fmt::{self, Display, Formatter};

/// The region and account that stand in ARNs, and that signatures must be made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub region: String,
    /// Twelve digits.
    pub account_id: String,
}

impl Default for Account {
    fn default() -> Self {
        Self { region: "us-east-1".to_owned(), account_id: "000000000000".to_owned() }
    }
}

impl Account {
    /// `arn:aws:execute-api:{region}:{account}:{api}/{stage}/{rest}`; `rest` is a route key, or a method and a path.
    pub(crate) fn execute_api_arn(&self, stage: &StageId, rest: &str) -> String {
        self.arn_in(&self.account_id, stage, rest)
    }

    /// The same with all but the last four digits of the account hidden, as in messages to callers.
    pub(crate) fn masked_arn(&self, stage: &StageId, rest: &str) -> String {
        let shown = self.account_id.len().saturating_sub(4);
        self.arn_in(&format!("********{}", self.account_id.get(shown..).unwrap_or_default()), stage, rest)
    }

    /// The ARN of a function.
    pub(crate) fn function_arn(&self, function: &str) -> impl Display {
        let Self { region, account_id } = self;
        fmt::from_fn(move |f: &mut Formatter<'_>| write!(f, "arn:aws:lambda:{region}:{account_id}:function:{function}"))
    }

    fn arn_in(&self, account: &str, stage: &StageId, rest: &str) -> String {
        format!("arn:aws:execute-api:{}:{account}:{stage}/{rest}", self.region)
    }
}
