//! The operations this endpoint knows: a closed set, so that a metric label or a `match` never meets a stranger.

macro_rules! operations {
    ($($service:ident { $($name:ident)* })*) => {
        /// An operation of the DynamoDB or the DynamoDB Streams API.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub(crate) enum Operation { $($($name,)*)* }

        impl Operation {
            pub(crate) fn name(self) -> &'static str {
                match self { $($(Self::$name => stringify!($name),)*)* }
            }

            pub(crate) fn parse(name: &str) -> Option<Self> {
                match name { $($(stringify!($name) => Some(Self::$name),)*)* _ => None }
            }

            fn service(self) -> Service {
                match self { $($(Self::$name => Service::$service,)*)* }
            }
        }
    };
}

operations! {
    Tables {
        CreateTable UpdateTable DeleteTable DescribeTable ListTables
        PutItem GetItem UpdateItem DeleteItem Query Scan
        BatchGetItem BatchWriteItem TransactGetItems TransactWriteItems
        ExecuteStatement BatchExecuteStatement ExecuteTransaction
        UpdateTimeToLive DescribeTimeToLive
        TagResource UntagResource ListTagsOfResource
        SearchVectors
    }
    Streams { ListStreams DescribeStream GetShardIterator GetRecords }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Service {
    Tables,
    Streams,
}

impl Operation {
    /// Reads `X-Amz-Target`. The two services share an endpoint here but not their names: `DynamoDB_20120810.GetRecords`
    /// is as unknown as it is at AWS.
    pub(crate) fn of_target(target: &str) -> Option<Self> {
        let (service, name) = target.split_once('.')?;
        let service = match service {
            "DynamoDB_20120810" => Service::Tables,
            "DynamoDBStreams_20120810" => Service::Streams,
            _ => return None,
        };
        Self::parse(name).filter(|operation| operation.service() == service)
    }

    pub(crate) fn is_streams(self) -> bool {
        self.service() == Service::Streams
    }

    /// Whether a `ValidationException` of the request's own members is announced by its count. The write operations on
    /// one item do so, the others give the bare sentence.
    pub(crate) fn counts_validation_errors(self) -> bool {
        matches!(self, Self::PutItem | Self::UpdateItem | Self::DeleteItem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_names_an_operation_of_its_own_service() {
        for (target, expected) in [
            ("DynamoDB_20120810.PutItem", Some(Operation::PutItem)),
            ("DynamoDBStreams_20120810.GetRecords", Some(Operation::GetRecords)),
            ("DynamoDB_20120810.GetRecords", None),
            ("DynamoDBStreams_20120810.PutItem", None),
            ("DynamoDB_20111205.PutItem", None),
            ("DynamoDB_20120810.putItem", None),
            ("PutItem", None),
            ("", None),
        ] {
            assert_eq!(Operation::of_target(target), expected, "{target}");
        }
    }
}
