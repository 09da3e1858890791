//! API keys and the plans they belong to: which stages, how fast, how often.
//!
//! Counts are kept in memory: a restart begins every quota anew.

use super::Refusal;
use crate::api::definition::{ApiKeyDefinition, UsageDefinition, UsagePlanDefinition};
use crate::api::problem::{Checker, Problems};
use parking_lot::Mutex;
use sluicegate_protocol::StageId;
use std::collections::HashMap;
use time::OffsetDateTime;

/// AWS's limits for a key's value.
const KEY_CHARS: std::ops::RangeInclusive<usize> = 20..=128;

/// All keys, by what clients send.
#[derive(Default)]
pub(crate) struct UsagePlans {
    keys: HashMap<String, Key>,
}

/// A key that was let through.
#[derive(Debug)]
pub(super) struct ApiKey<'a> {
    pub(super) id: &'a str,
    pub(super) value: &'a str,
}

struct Key {
    id: String,
    enabled: bool,
    plans: Vec<Subscription>,
}

/// A key's share of a plan.
struct Subscription {
    stages: Vec<StageId>,
    throttle: Option<Mutex<TokenBucket>>,
    quota: Option<Mutex<Quota>>,
}

#[derive(Debug)]
struct TokenBucket {
    /// Tokens per millisecond.
    rate: f64,
    burst: f64,
    tokens: f64,
    updated_ms: u64,
}

struct Quota {
    limit: u64,
    period: Period,
    /// The number of the period that `used` counts.
    current: i64,
    used: u64,
}

#[derive(Clone, Copy, Debug)]
enum Period {
    Day,
    Week,
    Month,
}

impl UsagePlans {
    /// # Errors
    /// All problems of the keys and plans.
    pub(crate) fn compile(written: &UsageDefinition) -> Result<Self, Problems> {
        let mut checker = Checker::default();
        let mut keys = HashMap::new();
        for key in &written.api_keys {
            checker.at(format!("API key {}", key.id), |checker| {
                let plans = subscriptions(key, &written.usage_plans);
                check_key(key, checker);
                let compiled = Key { id: key.id.clone(), enabled: key.enabled, plans };
                if keys.insert(key.value.clone(), compiled).is_some() {
                    checker.problem("another key has the same value", "give each its own");
                }
            });
        }
        for plan in &written.usage_plans {
            checker.at(format!("usage plan {}", plan.id), |checker| check_plan(plan, &written.api_keys, checker));
        }
        checker.finish(Self { keys })
    }

    /// Lets a key through to a stage, and counts it.
    pub(super) fn admit<'a>(
        &'a self,
        value: Option<&'a str>,
        stage: &StageId,
        now_ms: u64,
    ) -> Result<ApiKey<'a>, Refusal> {
        let (value, key) = value.and_then(|value| Some((value, self.keys.get(value)?))).ok_or(Refusal::Forbidden)?;
        let plan = key.plans.iter().find(|plan| key.enabled && plan.stages.contains(stage));
        let plan = plan.ok_or(Refusal::Forbidden)?;
        // The rate first: what it refuses does not use up the quota.
        if plan.throttle.as_ref().is_some_and(|bucket| !bucket.lock().take(now_ms)) {
            return Err(Refusal::TooManyRequests);
        }
        if plan.quota.as_ref().is_some_and(|quota| !quota.lock().take(now_ms)) {
            return Err(Refusal::QuotaExceeded);
        }
        Ok(ApiKey { id: &key.id, value })
    }
}

fn subscriptions(key: &ApiKeyDefinition, plans: &[UsagePlanDefinition]) -> Vec<Subscription> {
    let own = plans.iter().filter(|plan| plan.keys.contains(&key.id));
    own.map(|plan| Subscription {
        stages: plan.api_stages.iter().map(|at| StageId::new(at.api_id.as_str(), at.stage.as_str())).collect(),
        throttle: plan.throttle.as_ref().map(|limit| {
            let burst = f64::from(limit.burst_limit);
            Mutex::new(TokenBucket { rate: limit.rate_limit / 1000.0, burst, tokens: burst, updated_ms: 0 })
        }),
        quota: plan.quota.as_ref().map(|quota| {
            let period = Period::parse(&quota.period).unwrap_or(Period::Month);
            Mutex::new(Quota { limit: quota.limit, period, current: i64::MIN, used: 0 })
        }),
    })
    .collect()
}

fn check_key(key: &ApiKeyDefinition, checker: &mut Checker) {
    if key.id.is_empty() {
        checker.problem("the key has no id", "give it one");
    }
    if !KEY_CHARS.contains(&key.value.len()) {
        checker.problem(
            "the value is too short or too long",
            format!("use {} to {} characters", KEY_CHARS.start(), KEY_CHARS.end()),
        );
    }
}

fn check_plan(plan: &UsagePlanDefinition, keys: &[ApiKeyDefinition], checker: &mut Checker) {
    for id in plan.keys.iter().filter(|id| !keys.iter().any(|key| key.id == **id)) {
        checker.problem(format!("there is no API key `{id}`"), "name the id of a key");
    }
    if let Some(throttle) = &plan.throttle
        && !(throttle.rate_limit.is_finite() && throttle.rate_limit >= 0.0)
    {
        checker.problem(format!("rateLimit {}", throttle.rate_limit), "use a number of requests per second");
    }
    if let Some(quota) = &plan.quota
        && Period::parse(&quota.period).is_none()
    {
        checker.problem(format!("quota period `{}`", quota.period), "use DAY, WEEK or MONTH");
    }
}

impl TokenBucket {
    fn take(&mut self, now_ms: u64) -> bool {
        let passed = now_ms.saturating_sub(self.updated_ms) as f64;
        self.tokens = (self.tokens + passed * self.rate).min(self.burst);
        self.updated_ms = self.updated_ms.max(now_ms);
        let enough = self.tokens >= 1.0;
        if enough {
            self.tokens -= 1.0;
        }
        enough
    }
}

impl Quota {
    fn take(&mut self, now_ms: u64) -> bool {
        let period = self.period.number(now_ms);
        if period > self.current {
            (self.current, self.used) = (period, 0);
        }
        let enough = self.used < self.limit;
        if enough {
            self.used += 1;
        }
        enough
    }
}

impl Period {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "DAY" => Some(Self::Day),
            "WEEK" => Some(Self::Week),
            "MONTH" => Some(Self::Month),
            _ => None,
        }
    }

    /// Counts periods since long ago; weeks begin on Sunday.
    fn number(self, now_ms: u64) -> i64 {
        let day = (now_ms / 86_400_000) as i64;
        match self {
            Self::Day => day,
            // The first of January 1970 was a Thursday.
            Self::Week => (day + 4).div_euclid(7),
            Self::Month => {
                let date = OffsetDateTime::from_unix_timestamp(day * 86_400).unwrap_or(OffsetDateTime::UNIX_EPOCH);
                i64::from(date.year()) * 12 + i64::from(u8::from(date.month()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const KEY: &str = "0123456789abcdefghij";
    /// 2026-03-04, a Wednesday.
    const NOW: u64 = 1_772_619_630_000;
    const DAY: u64 = 86_400_000;

    fn plans(plan: serde_json::Value) -> UsagePlans {
        let mut plan = plan;
        plan["id"] = "p".into();
        plan["keys"] = json!(["k"]);
        plan["apiStages"] = json!([{"apiId": "chat", "stage": "prod"}]);
        let written = json!({"apiKeys": [{"id": "k", "value": KEY}], "usagePlans": [plan]});
        UsagePlans::compile(&serde_json::from_value(written).unwrap()).unwrap_or_else(|problems| panic!("{problems}"))
    }

    fn outcomes(plans: &UsagePlans, times: &[u64]) -> Vec<&'static str> {
        let stage = StageId::new("chat", "prod");
        let outcome = |now| match plans.admit(Some(KEY), &stage, now) {
            Ok(_) => "ok",
            Err(Refusal::QuotaExceeded) => "quota",
            Err(Refusal::TooManyRequests) => "rate",
            Err(_) => "forbidden",
        };
        times.iter().map(|now| outcome(*now)).collect()
    }

    #[test]
    fn rates_and_quotas_are_counted() {
        let week_end = NOW + 4 * DAY;
        for (plan, times, expected) in [
            (json!({}), &[NOW, NOW][..], &["ok", "ok"][..]),
            (
                json!({"throttle": {"rateLimit": 1, "burstLimit": 2}}),
                &[NOW, NOW, NOW, NOW + 999, NOW + 1000, NOW + 1000, NOW + 9000, NOW + 9000, NOW + 9000],
                &["ok", "ok", "rate", "rate", "ok", "rate", "ok", "ok", "rate"],
            ),
            (json!({"throttle": {"rateLimit": 0, "burstLimit": 0}}), &[NOW], &["rate"]),
            (
                json!({"quota": {"limit": 1, "period": "DAY"}}),
                &[NOW, NOW, NOW + DAY, NOW + DAY, NOW],
                &["ok", "quota", "ok", "quota", "quota"],
            ),
            (json!({"quota": {"limit": 1, "period": "WEEK"}}), &[NOW, NOW + DAY, week_end], &["ok", "quota", "ok"]),
            (
                json!({"quota": {"limit": 1, "period": "MONTH"}}),
                &[NOW, NOW + 27 * DAY, NOW + 28 * DAY],
                &["ok", "quota", "ok"],
            ),
            (
                json!({"quota": {"limit": 2, "period": "DAY"}, "throttle": {"rateLimit": 1, "burstLimit": 1}}),
                &[NOW, NOW, NOW + 1000, NOW + 2000],
                &["ok", "rate", "ok", "quota"],
            ),
        ] {
            assert_eq!(outcomes(&plans(plan.clone()), times), expected, "{plan}");
        }
    }

    #[test]
    fn keys_without_a_plan_for_the_stage_are_refused() {
        let plans = plans(json!({}));
        for (value, api, stage, expected) in [
            (Some(KEY), "chat", "prod", true),
            (Some(KEY), "chat", "dev", false),
            (Some(KEY), "other", "prod", false),
            (Some("0123456789abcdefghiJ"), "chat", "prod", false),
            (Some(""), "chat", "prod", false),
            (None, "chat", "prod", false),
        ] {
            assert_eq!(plans.admit(value, &StageId::new(api, stage), NOW).is_ok(), expected, "{value:?} {api} {stage}");
        }
        let disabled = json!({
            "apiKeys": [{"id": "k", "value": KEY, "enabled": false}],
            "usagePlans": [{"keys": ["k"], "apiStages": [{"apiId": "chat", "stage": "prod"}]}],
        });
        let disabled = UsagePlans::compile(&serde_json::from_value(disabled).unwrap())
            .unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!(outcomes(&disabled, &[NOW]), ["forbidden"]);
    }

    #[test]
    fn problems_are_reported_without_the_value() {
        let written = json!({
            "apiKeys": [{"id": "a", "value": "short"}, {"id": "b", "value": KEY}, {"id": "c", "value": KEY}],
            "usagePlans": [{"id": "p", "keys": ["x"], "quota": {"limit": 1, "period": "YEAR"},
                            "throttle": {"rateLimit": -1.0}}],
        });
        let definition: UsageDefinition = serde_json::from_value(written).unwrap();
        assert!(!format!("{definition:?}").contains(KEY));
        let problems = UsagePlans::compile(&definition).err().expect("problems");
        let places: Vec<_> = problems.0.iter().map(|problem| problem.place.as_str()).collect();
        assert_eq!(places, ["API key a", "API key c", "usage plan p", "usage plan p", "usage plan p"], "{problems}");
        assert!(!problems.to_string().contains(KEY));
    }
}
