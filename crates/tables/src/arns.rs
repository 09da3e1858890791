//! The ARNs this server gives out, and the way back from them.

/// What the engine writes where region and account belong; it appears nowhere outside this crate.
const ENGINE_PLACE: &str = ":dynoxide:000000000000:";

#[derive(Clone, Debug)]
pub(crate) struct Arns {
    region: String,
    account: String,
}

impl Arns {
    pub(crate) fn new(region: String, account: String) -> Self {
        Self { region, account }
    }

    pub(crate) fn region(&self) -> &str {
        &self.region
    }

    pub(crate) fn table(&self, name: &str) -> String {
        format!("{}{name}", self.table_prefix())
    }

    pub(crate) fn stream(&self, table: &str, label: &str) -> String {
        format!("{}{table}/stream/{label}", self.table_prefix())
    }

    /// Table name and label of a stream ARN of this server.
    pub(crate) fn parse_stream<'a>(&self, arn: &'a str) -> Option<(&'a str, &'a str)> {
        let (table, label) = arn.strip_prefix(&self.table_prefix())?.split_once("/stream/")?;
        (!table.is_empty() && !label.is_empty()).then_some((table, label))
    }

    /// The table's name, where `name` is the table's ARN: AWS takes either.
    pub(crate) fn table_name<'a>(&self, name: &'a str) -> Option<&'a str> {
        name.strip_prefix(&self.table_prefix()).filter(|rest| !rest.contains('/'))
    }

    /// Text of the engine with its stand-ins for region and account replaced by ours.
    pub(crate) fn localized(&self, text: &str) -> String {
        text.replace(ENGINE_PLACE, &format!(":{}:{}:", self.region, self.account))
    }

    fn table_prefix(&self) -> String {
        format!("arn:aws:dynamodb:{}:{}:table/", self.region, self.account)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_arn_leads_back_to_its_table_and_label() {
        let arns = Arns::new("eu-west-1".into(), "123456789012".into());
        let arn = arns.stream("Rooms", "2026-09-21T14:13:20.000");
        assert_eq!(arn, "arn:aws:dynamodb:eu-west-1:123456789012:table/Rooms/stream/2026-09-21T14:13:20.000");
        assert_eq!(arns.parse_stream(&arn), Some(("Rooms", "2026-09-21T14:13:20.000")));
        for other in [
            "arn:aws:dynamodb:us-east-1:123456789012:table/Rooms/stream/2026-09-21T14:13:20.000",
            "arn:aws:dynamodb:eu-west-1:123456789012:table/Rooms",
            "arn:aws:dynamodb:eu-west-1:123456789012:table/Rooms/stream/",
            "Rooms",
        ] {
            assert_eq!(arns.parse_stream(other), None, "{other}");
        }
    }
}
