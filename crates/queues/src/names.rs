//! Names of queues and topics, their ARNs and URLs.

use crate::dialled::Dialled;
use crate::limits::{QUEUE_NAME_CHARS, TOPIC_NAME_CHARS};
use crate::refusal::{INVALID_VALUE, Refusal};

/// Where this server believes to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) region: String,
    pub(crate) account: String,
    /// What URLs of queues begin with where nobody dialled anything: `http://127.0.0.1:8080`.
    pub(crate) base_url: String,
}

impl Place {
    pub(crate) fn queue_url(&self, name: &str) -> String {
        format!("{}/{}/{name}", self.base_url, self.account)
    }

    /// As somebody reaches it who has dialled this.
    pub(crate) fn queue_url_for(&self, dialled: Dialled<'_>, name: &str) -> String {
        match dialled {
            Dialled::Own => self.queue_url(name),
            Dialled::Host { scheme, host } => format!("{scheme}://{host}/{}/{name}", self.account),
        }
    }

    pub(crate) fn queue_arn(&self, name: &str) -> String {
        format!("arn:{}:sqs:{}:{}:{name}", self.partition(), self.region, self.account)
    }

    pub(crate) fn topic_arn(&self, name: &str) -> String {
        format!("arn:{}:sns:{}:{}:{name}", self.partition(), self.region, self.account)
    }

    /// As policies name the function of an ARN: like `Invoke`, in this place whatever the ARN says, and `$LATEST` unsaid.
    pub(crate) fn function_arn(&self, arn: &str) -> String {
        let named = arn.split(':').skip(6).filter(|word| *word != "$LATEST").collect::<Vec<_>>().join(":");
        format!("arn:{}:lambda:{}:{}:function:{named}", self.partition(), self.region, self.account)
    }

    fn partition(&self) -> &'static str {
        match self.region.as_str() {
            region if region.starts_with("cn-") => "aws-cn",
            region if region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        }
    }

    /// The queue that a URL names, whatever its host: functions are given addresses of AWS and of here.
    pub(crate) fn queue_of_url<'u>(&self, url: &'u str) -> Result<&'u str, Refusal> {
        let path = match url.split_once("://") {
            Some((_, rest)) => rest.split_once('/').map_or("", |(_, path)| path),
            None => url.trim_start_matches('/'),
        };
        match path.trim_end_matches('/').split_once('/') {
            Some((account, name)) if account == self.account && !name.contains('/') => Ok(name),
            // The name alone will do, as with AWS.
            None if !path.is_empty() && !url.contains("://") => Ok(path),
            Some(_) | None => Err(Refusal::no_queue()),
        }
    }

    /// The name in the ARN of a queue that could be here.
    pub(crate) fn queue_of_arn<'a>(&self, arn: &'a str) -> Option<&'a str> {
        self.own(arn, "sqs")
    }

    pub(crate) fn topic_of_arn<'a>(&self, arn: &'a str) -> Option<&'a str> {
        self.own(arn, "sns").filter(|name| !name.contains(':'))
    }

    /// `{topic}:{id}` of the ARN of a subscription.
    pub(crate) fn subscription_of_arn<'a>(&self, arn: &'a str) -> Option<(&'a str, &'a str)> {
        self.own(arn, "sns")?.split_once(':')
    }

    fn own<'a>(&self, arn: &'a str, service: &str) -> Option<&'a str> {
        let mut words = arn.splitn(6, ':');
        let is_arn = words.next() == Some("arn") && words.next() == Some(self.partition());
        let here = words.next() == Some(service)
            && words.next() == Some(self.region.as_str())
            && words.next() == Some(self.account.as_str());
        words.next().filter(|name| is_arn && here && !name.is_empty())
    }
}

/// The name of the function in its ARN; its qualifier goes by the board, as all versions here are the same.
pub(crate) fn function_of_arn(arn: &str) -> Option<&str> {
    let mut words = arn.split(':');
    let is_function = words.next() == Some("arn") && words.nth(1) == Some("lambda") && words.nth(2) == Some("function");
    let name = words.next().filter(|name| is_function && !name.is_empty());
    let is_qualified_once = words.next() != Some("") && words.next().is_none();
    name.filter(|_| is_qualified_once)
}

/// A queue's name that AWS would take, and that is none of a FIFO queue.
pub(crate) fn check_queue(name: &str) -> Result<(), Refusal> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.ends_with(".fifo") {
        return Err(Refusal::value(name, "QueueName", "FIFO queues do not exist here; use a standard queue"));
    }
    if name.is_empty() || name.len() > QUEUE_NAME_CHARS || !name.chars().all(fits) {
        return Err(Refusal::new(
            &INVALID_VALUE,
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
        ));
    }
    Ok(())
}

pub(crate) fn check_topic(name: &str) -> Result<(), Refusal> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.ends_with(".fifo") {
        return Err(Refusal::sns("Topic Name: FIFO topics do not exist here; use a standard topic"));
    }
    if name.is_empty() || name.len() > TOPIC_NAME_CHARS || !name.chars().all(fits) {
        return Err(Refusal::sns("Topic Name"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place { region: "us-east-1".into(), account: "000000000000".into(), base_url: "http://127.0.0.1:8080".into() }
    }

    #[test]
    fn urls_name_queues_whatever_their_host() {
        for (url, expected) in [
            ("http://127.0.0.1:8080/000000000000/jobs", Some("jobs")),
            ("https://sqs.us-east-1.amazonaws.com/000000000000/jobs", Some("jobs")),
            ("https://sqs.us-east-1.amazonaws.com/000000000000/jobs/", Some("jobs")),
            ("/000000000000/jobs", Some("jobs")),
            ("jobs", Some("jobs")),
            ("https://sqs.us-east-1.amazonaws.com/111111111111/jobs", None),
            ("https://sqs.us-east-1.amazonaws.com/jobs", None),
            ("https://sqs.us-east-1.amazonaws.com", None),
            ("/000000000000/jobs/more", None),
            ("", None),
        ] {
            assert_eq!(place().queue_of_url(url).ok(), expected, "{url}");
        }
        assert_eq!(place().queue_of_url(&place().queue_url("a")), Ok("a"));
    }

    #[test]
    fn arns_of_others_name_nothing_here() {
        let place = place();
        assert_eq!(place.queue_of_arn(&place.queue_arn("jobs")), Some("jobs"));
        assert_eq!(place.topic_of_arn(&place.topic_arn("news")), Some("news"));
        assert_eq!(place.topic_of_arn("arn:aws:sns:us-east-1:000000000000:news:1"), None);
        assert_eq!(place.subscription_of_arn("arn:aws:sns:us-east-1:000000000000:news:1"), Some(("news", "1")));
        for arn in [
            "arn:aws:sqs:eu-west-1:000000000000:jobs",
            "arn:aws:sqs:us-east-1:111111111111:jobs",
            "arn:aws-cn:sqs:us-east-1:000000000000:jobs",
            "arn:awsx:sqs:us-east-1:000000000000:jobs",
            "arn:aws:sns:us-east-1:000000000000:jobs",
            "arn:aws:sqs:us-east-1:000000000000:",
            "jobs",
        ] {
            assert_eq!(place.queue_of_arn(arn), None, "{arn}");
        }
        assert_eq!(function_of_arn("arn:aws:lambda:us-east-1:000000000000:function:f:live"), Some("f"));
        for arn in ["layer:f", "function:", "function:f:", "function:f:function:g"] {
            assert_eq!(function_of_arn(&format!("arn:aws:lambda:us-east-1:000000000000:{arn}")), None, "{arn}");
        }
        let canonical = "arn:aws:lambda:us-east-1:000000000000:function:f";
        assert_eq!(place.function_arn("arn:awsx:lambda:eu-west-1:1:function:f:$LATEST"), canonical);
    }
}
