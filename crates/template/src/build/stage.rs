//! Stages, deployments, and domain names that lead to stages.

use super::Site;
use super::api::Apis;
use crate::document::Kind;
use crate::problem::use_one_of;
use crate::resource::Resource;
use crate::stack::{AccessLogSettings, DomainNameDefinition, RouteSettings, StageDefinition};
use crate::values::Values;

const SETTINGS: &[&str] =
    &["ThrottlingRateLimit", "ThrottlingBurstLimit", "DataTraceEnabled", "DetailedMetricsEnabled", "LoggingLevel"];

impl Apis {
    pub(super) fn stage(&mut self, api: usize, site: &Site<'_, '_>, _: &Resource, values: &Values<'_>) {
        let stage = StageDefinition {
            stage_name: values.required_text("StageName"),
            auto_deploy: values.flag("AutoDeploy").unwrap_or(false),
            deployment_id: values.text("DeploymentId"),
            description: values.text("Description"),
            stage_variables: values.text_map("StageVariables"),
            default_route_settings: values.child("DefaultRouteSettings").map(|one| settings(&one)).unwrap_or_default(),
            route_settings: values
                .entries("RouteSettings")
                .iter()
                .filter(|entry| matches!(entry.value.kind, Kind::Map(_)))
                .map(|entry| (entry.key.clone(), settings(&Values::new(entry.value.clone(), site.scope.findings))))
                .collect(),
            access_log_settings: values.child("AccessLogSettings").map(|written| {
                written.only(&["DestinationArn", "Format"]);
                let (destination_arn, format) = (written.text("DestinationArn"), written.required_text("Format"));
                AccessLogSettings { destination_arn, format }
            }),
        };
        let stages = &mut self.definition(api).stages;
        if stages.iter().any(|earlier| earlier.stage_name == stage.stage_name) {
            let message = format!("the API has another stage `{}`", stage.stage_name);
            values.problem(values.at_of("StageName"), message, "remove one, or rename it");
        }
        stages.push(stage);
    }

    /// A deployment may name a stage: it is then deployed to it, and the stage comes to be if there is none.
    pub(super) fn deployment(&mut self, api: usize, site: &Site<'_, '_>, resource: &Resource, values: &Values<'_>) {
        let Some(name) = values.text("StageName") else { return };
        let id = site.scope.ref_of(resource);
        let stages = &mut self.definition(api).stages;
        match stages.iter_mut().find(|stage| stage.stage_name == name) {
            Some(stage) => drop(stage.deployment_id.get_or_insert(id)),
            None => {
                stages.push(StageDefinition {
                    stage_name: name,
                    deployment_id: Some(id),
                    ..StageDefinition::default()
                });
            }
        }
    }

    pub(super) fn mapping(&mut self, api: usize, _: &Site<'_, '_>, _: &Resource, values: &Values<'_>) {
        let mapping = DomainNameDefinition {
            domain_name: values.required_text("DomainName"),
            api_mapping_key: values.text("ApiMappingKey").filter(|key| key != "(none)").unwrap_or_default(),
            stage: values.required_text("Stage"),
        };
        let definition = self.definition(api);
        let known: Vec<&str> = definition.stages.iter().map(|stage| stage.stage_name.as_str()).collect();
        if !mapping.stage.is_empty() && !known.contains(&mapping.stage.as_str()) {
            let remedy = use_one_of(&mapping.stage, known.iter().copied(), "name a stage of the same API");
            values.problem(values.at_of("Stage"), format!("the API has no stage `{}`", mapping.stage), remedy);
        }
        definition.domain_names.push(mapping);
    }
}

fn settings(written: &Values<'_>) -> RouteSettings {
    written.only(SETTINGS);
    RouteSettings {
        throttling_rate_limit: written.number("ThrottlingRateLimit"),
        throttling_burst_limit: written.count("ThrottlingBurstLimit", 0..=u32::MAX),
        data_trace_enabled: written.flag("DataTraceEnabled"),
        detailed_metrics_enabled: written.flag("DetailedMetricsEnabled"),
        logging_level: written.text("LoggingLevel"),
    }
}
