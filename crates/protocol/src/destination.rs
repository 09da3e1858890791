//! Where on-failure notices, dead letters and the records of asynchronous invocations go.

use std::fmt;
use std::sync::Arc;

/// A queue, topic or function that takes a text, by its ARN.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Destination {
    /// `arn:{partition}:sqs:{region}:{account}:{name}`
    Queue(Arc<str>),
    /// `arn:{partition}:sns:{region}:{account}:{name}`
    Topic(Arc<str>),
    /// `arn:{partition}:lambda:{region}:{account}:function:{name}[:{qualifier}]`
    Function(Arc<str>),
}

/// Why an ARN is no destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotADestination {
    /// A text that is no ARN of a resource.
    NotAnArn,
    /// Of a service that takes no texts here, such as `s3` or `events`.
    Service(String),
}

impl Destination {
    pub fn parse(arn: &str) -> Result<Self, NotADestination> {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let ["arn", _partition, service, _region, _account, resource] = parts[..] else {
            return Err(NotADestination::NotAnArn);
        };
        match service {
            "sqs" if is_name(resource) => Ok(Self::Queue(arn.into())),
            "sns" if is_name(resource) => Ok(Self::Topic(arn.into())),
            "lambda" if resource.strip_prefix("function:").is_some_and(|name| !name.is_empty()) => {
                Ok(Self::Function(arn.into()))
            }
            "sqs" | "sns" | "lambda" => Err(NotADestination::NotAnArn),
            other => Err(NotADestination::Service(other.to_owned())),
        }
    }

    pub fn arn(&self) -> &str {
        match self {
            Self::Queue(arn) | Self::Topic(arn) | Self::Function(arn) => arn,
        }
    }

    /// The name of the queue, topic or function, without a function's qualifier.
    pub fn name(&self) -> &str {
        let resource = self.arn().splitn(6, ':').nth(5).unwrap_or_default();
        let name = resource.strip_prefix("function:").unwrap_or(resource);
        name.split(':').next().unwrap_or(name)
    }

    /// Of a queue or topic that keeps an order; not every source takes one.
    pub fn is_fifo(&self) -> bool {
        !matches!(self, Self::Function(_)) && self.arn().ends_with(".fifo")
    }
}

/// A subscription has a further part behind the name of its topic.
fn is_name(resource: &str) -> bool {
    !resource.is_empty() && !resource.contains(':')
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.arn())
    }
}

impl fmt::Display for NotADestination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnArn => f.write_str("it is no ARN of a queue, topic or function"),
            Self::Service(service) => write!(f, "`{service}` takes nothing here"),
        }
    }
}

impl std::error::Error for NotADestination {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_are_queues_topics_and_functions() {
        for (arn, name) in [
            ("arn:aws:sqs:eu-west-1:123456789012:failed", "failed"),
            ("arn:aws-cn:sns:cn-north-1:123456789012:news.fifo", "news.fifo"),
            ("arn:aws:lambda:eu-west-1:123456789012:function:mourner", "mourner"),
            ("arn:aws:lambda:eu-west-1:123456789012:function:mourner:live", "mourner"),
        ] {
            let destination = Destination::parse(arn).unwrap();
            assert_eq!((destination.arn(), destination.name()), (arn, name));
            assert_eq!(destination.is_fifo(), name.ends_with(".fifo"));
        }
    }

    #[test]
    fn other_arns_are_refused() {
        for (arn, expected) in [
            ("", NotADestination::NotAnArn),
            ("failed", NotADestination::NotAnArn),
            ("arn:aws:sqs:eu-west-1:123456789012:", NotADestination::NotAnArn),
            ("arn:aws:sns:eu-west-1:123456789012:news:6b0e71bd", NotADestination::NotAnArn),
            ("arn:aws:lambda:eu-west-1:123456789012:layer:l", NotADestination::NotAnArn),
            ("arn:aws:s3:::bucket", NotADestination::Service("s3".to_owned())),
            ("arn:aws:events:eu-west-1:1:event-bus/default", NotADestination::Service("events".to_owned())),
        ] {
            assert_eq!(Destination::parse(arn), Err(expected), "{arn}");
        }
    }
}
