//! Event source mappings: which stream or queue calls which function, and how.

use super::{Parts, Site, function_of};
use crate::document::Node;
use crate::problem::use_one_of;
use crate::resource::Resource;
use crate::stack::{EventSource, EventSourceMapping, Queue, StartingPosition};
use crate::values::Values;
use sluicegate_pattern::{Filter, FilterError, limits};

impl<'f> Site<'_, 'f> {
    pub(super) fn mapping(
        &self,
        resource: &Resource,
        values: &Values<'f>,
        parts: &Parts,
    ) -> Option<EventSourceMapping> {
        let source = self.source(values, parts);
        let function = self.function_named(values, parts);
        let streams = matches!(source, Some(EventSource::TableStream(_)));
        let starting_position = starting_position(values);
        if streams {
            values.missing("StartingPosition");
        }
        let age = values.integer("MaximumRecordAgeInSeconds", -1..=604_800);
        if age.is_some_and(|age| (0..60).contains(&age)) {
            let at = values.at_of("MaximumRecordAgeInSeconds");
            values.problem(at, "MaximumRecordAgeInSeconds is below 60", "use -1 for no limit, or 60 to 604800");
        }
        let (function, qualifier) = function?;
        Some(EventSourceMapping {
            logical_id: resource.logical_id.clone(),
            place: self.place(resource),
            id: self.scope.ref_of(resource),
            function,
            qualifier,
            enabled: values.flag("Enabled").unwrap_or(true),
            starting_position,
            batch_size: values.integer("BatchSize", 1..=10_000),
            maximum_batching_window_in_seconds: values.integer("MaximumBatchingWindowInSeconds", 0..=300),
            maximum_retry_attempts: values.integer("MaximumRetryAttempts", -1..=10_000),
            maximum_record_age_in_seconds: age,
            bisect_batch_on_function_error: values.flag("BisectBatchOnFunctionError"),
            parallelization_factor: values.integer("ParallelizationFactor", 1..=10),
            tumbling_window_in_seconds: values.integer("TumblingWindowInSeconds", 0..=900),
            function_response_types: response_types(values),
            on_failure: destination(values),
            filters: self.filters(values, streams),
            maximum_concurrency: values
                .child("ScalingConfig")
                .and_then(|config| config.integer("MaximumConcurrency", 2..=1000)),
            source: source?,
        })
    }

    fn source(&self, values: &Values<'_>, parts: &Parts) -> Option<EventSource> {
        let arn = values.required_text("EventSourceArn");
        let at = values.at_of("EventSourceArn");
        let mut words = arn.splitn(6, ':').skip(2);
        let (service, resource) = (words.next().unwrap_or_default(), words.nth(2).unwrap_or_default());
        match service {
            _ if arn.is_empty() => None,
            "dynamodb" => {
                let Some((table, _)) = resource.strip_prefix("table/").and_then(|rest| rest.split_once("/stream/"))
                else {
                    values.problem(
                        at,
                        format!("`{arn}` is no stream of a table"),
                        "use its StreamArn: !GetAtt Table.StreamArn",
                    );
                    return None;
                };
                match parts.tables.iter().find(|one| one.name == table) {
                    Some(found) if found.stream.is_none() => {
                        let remedy = "add StreamSpecification: {StreamViewType: NEW_AND_OLD_IMAGES} to it";
                        values.problem(at, format!("the table `{}` has no stream", found.logical_id), remedy);
                    }
                    Some(_) => {}
                    None if self.is_elsewhere(|stack| stack.table(table).is_some()) => {}
                    None => self.scope.findings.note(at, format!("the table `{table}` is not in this template")),
                }
                Some(EventSource::TableStream(table.to_owned()))
            }
            "sqs" => {
                let is_it = |queue: &Queue| queue.name == resource;
                if !parts.queues.iter().any(is_it) && !self.is_elsewhere(|stack| stack.queues.iter().any(is_it)) {
                    self.scope.findings.note(at, format!("the queue `{resource}` is not in this template"));
                }
                Some(EventSource::Queue(resource.to_owned()))
            }
            _ => {
                let message = format!("events of `{arn}` cannot be had");
                values.problem(at, message, "use the stream of a table, or a queue");
                None
            }
        }
    }

    fn function_named(&self, values: &Values<'_>, parts: &Parts) -> Option<(String, Option<String>)> {
        let text = values.required_text("FunctionName");
        if text.is_empty() {
            return None;
        }
        let (name, qualifier) = function_of(&text);
        // One that is there and could not be built has been complained about.
        let there = |kind: &Resource| kind.kind == "AWS::Lambda::Function" && self.scope.name_of(kind) == name;
        if !self.resources.iter().any(|one| there(one)) && !self.is_elsewhere(|stack| stack.function(name).is_some()) {
            let known = parts.functions.iter().map(|function| function.name.as_str());
            let remedy = use_one_of(name, known, "name a function of this template: !Ref Function");
            values.problem(values.at_of("FunctionName"), format!("there is no function `{name}`"), remedy);
            return None;
        }
        Some((name.to_owned(), qualifier.map(str::to_owned)))
    }

    fn filters(&self, values: &Values<'_>, streams: bool) -> Vec<String> {
        let Some(criteria) = values.child("FilterCriteria") else { return Vec::new() };
        criteria.only(&["Filters"]);
        let written = criteria.children("Filters");
        if written.len() > limits::PATTERNS {
            let message = format!("there are {} filters; at most {}, as on AWS", written.len(), limits::PATTERNS);
            values.problem(criteria.at_of("Filters"), message, "remove some, or put alternatives into one pattern");
        }
        written.iter().filter_map(|filter| self.pattern(filter, streams)).collect()
    }

    fn pattern(&self, filter: &Values<'_>, streams: bool) -> Option<String> {
        filter.only(&["Pattern"]);
        filter.missing("Pattern");
        let node = filter.get("Pattern")?;
        let text = node.to_text().unwrap_or_else(|| node.to_json().to_string());
        match Filter::compile(&[&text]) {
            Ok(pattern) => {
                let remarks = if streams { pattern.remarks_on_dynamodb() } else { Vec::new() };
                for remark in remarks {
                    self.scope.findings.note(node.at, remark.to_string());
                }
                Some(text)
            }
            Err(error) => {
                let (message, remedy) = match error {
                    FilterError::Pattern { error, .. } => {
                        (error.to_string(), r#"write a pattern such as {"eventName": ["INSERT"]}"#)
                    }
                    other => (other.to_string(), "shorten it"),
                };
                filter.problem(node.at, message, remedy);
                None
            }
        }
    }
}

fn starting_position(values: &Values<'_>) -> Option<StartingPosition> {
    let words = &[("TRIM_HORIZON", StartingPosition::TrimHorizon), ("LATEST", StartingPosition::Latest)];
    values.word("StartingPosition", words)
}

fn response_types(values: &Values<'_>) -> Vec<String> {
    let types = values.texts("FunctionResponseTypes");
    for (name, item) in types.iter().zip(values.items("FunctionResponseTypes")) {
        if name != "ReportBatchItemFailures" {
            values.problem(item.at, format!("there is no response type `{name}`"), "use ReportBatchItemFailures");
        }
    }
    types
}

fn destination(values: &Values<'_>) -> Option<String> {
    let config = values.child("DestinationConfig")?;
    config.only(&["OnFailure", "OnSuccess"]);
    let target: Option<&Node> = config.get("OnFailure");
    target?;
    config.child("OnFailure")?.text("Destination")
}
