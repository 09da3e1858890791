//! API keys and usage plans. Those of REST APIs do not concern us.

use super::{Parts, Site};
use crate::stack::{ApiKey, ApiStage, PlanThrottle, Quota, UsagePlan};
use crate::values::Values;
use std::ops::RangeInclusive;

const KEY: &str = "AWS::ApiGateway::ApiKey";
const PLAN: &str = "AWS::ApiGateway::UsagePlan";
const SUBSCRIPTION: &str = "AWS::ApiGateway::UsagePlanKey";
/// How long a key's value may be, as on AWS.
const VALUE_BYTES: RangeInclusive<usize> = 20..=128;

impl Site<'_, '_> {
    /// The plans with a stage of ours, and the keys that are in them.
    pub(super) fn usage(&self, parts: &mut Parts) {
        for (resource, values) in self.of_kinds(&[PLAN]) {
            let stages: Vec<ApiStage> = values
                .children("ApiStages")
                .iter()
                .map(|one| ApiStage { api_id: one.required_text("ApiId"), stage: one.required_text("Stage") })
                .collect();
            let is_ours = |stage: &ApiStage| {
                let is_it = |id: &str| id == stage.api_id;
                parts.apis.iter().any(|api| is_it(&api.definition.api_id))
                    || self.is_elsewhere(|stack| stack.apis.iter().any(|api| is_it(&api.definition.api_id)))
            };
            if !stages.iter().any(is_ours) {
                self.leave_out(resource, &mut parts.skipped);
                continue;
            }
            parts.usage_plans.push(UsagePlan {
                id: self.scope.ref_of(resource),
                name: values.text("UsagePlanName").unwrap_or_else(|| resource.logical_id.clone()),
                api_stages: stages.into_iter().filter(is_ours).collect(),
                keys: Vec::new(),
                throttle: values.child("Throttle").as_ref().and_then(throttle),
                quota: values.child("Quota").as_ref().and_then(quota),
            });
        }
        for (resource, values) in self.of_kinds(&[SUBSCRIPTION]) {
            values.missing("KeyType");
            let _ = values.word("KeyType", &[("API_KEY", ())]);
            let (plan, key) = (values.required_text("UsagePlanId"), values.required_text("KeyId"));
            match parts.usage_plans.iter_mut().find(|one| one.id == plan) {
                Some(plan) => plan.keys.push(key),
                None => self.leave_out(resource, &mut parts.skipped),
            }
        }
        for (resource, values) in self.of_kinds(&[KEY]) {
            let id = self.scope.ref_of(resource);
            if !parts.usage_plans.iter().any(|plan| plan.keys.contains(&id)) {
                self.leave_out(resource, &mut parts.skipped);
                continue;
            }
            let value = values.text("Value");
            if value.as_ref().is_some_and(|value| !VALUE_BYTES.contains(&value.len())) {
                let (least, most) = (VALUE_BYTES.start(), VALUE_BYTES.end());
                let remedy = format!("use {least} to {most} characters, or leave it out");
                values.problem(values.at_of("Value"), "this is no value of an API key", remedy);
            }
            let enabled = values.flag("Enabled").unwrap_or(false);
            if !enabled {
                let message = "the API key is not enabled: it opens nothing, here and on AWS; set Enabled: true";
                self.scope.findings.note(resource.at, message);
            }
            let name = values.text("Name").unwrap_or_else(|| resource.logical_id.clone());
            let (logical_id, place) = (resource.logical_id.clone(), self.place(resource));
            parts.api_keys.push(ApiKey { logical_id, place, id, name, value, enabled });
        }
    }
}

fn throttle(written: &Values<'_>) -> Option<PlanThrottle> {
    written.only(&["RateLimit", "BurstLimit"]);
    let rate_limit = written.number("RateLimit")?;
    // Whoever gives a rate alone means that there is no burst on top of it.
    let burst_limit = written.count("BurstLimit", 0..=u32::MAX).unwrap_or(rate_limit.ceil() as u32);
    Some(PlanThrottle { rate_limit, burst_limit })
}

fn quota(written: &Values<'_>) -> Option<Quota> {
    written.only(&["Limit", "Offset", "Period"]);
    written.missing("Limit");
    written.missing("Period");
    let _ = written.word("Period", &[("DAY", ()), ("WEEK", ()), ("MONTH", ())]);
    Some(Quota { limit: written.count("Limit", 0..=u32::MAX)?, period: written.text("Period")? })
}
