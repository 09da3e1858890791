//! Throttling: a token bucket per route and stage, and one for the whole node.
//!
//! A connect attempt, a message and a callback each cost one token: of their route first, then of the node, as on AWS
//! (route, stage default, account). All buckets exist from the start, one per route of the deployment, so no request can
//! make the tables grow.

use crate::api::stage_settings::StageSettings;
use parking_lot::Mutex;
use std::collections::HashMap;

/// What a token bucket allows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Tokens that come back per second. 0 allows nothing.
    pub per_second: f64,
    /// Tokens that fit: as many requests may come at once. 0 allows nothing.
    pub burst: u32,
}

/// Limits of the node as a whole: what AWS limits per account and region.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct AccountLimits {
    /// Connect attempts, messages and callbacks of all stages together; `None` is no limit.
    pub requests: Option<Rate>,
    /// Connect attempts of all stages together; `None` is no limit.
    pub connects: Option<Rate>,
}

impl AccountLimits {
    /// Requests in the larger regions.
    pub const AWS_REQUESTS: Rate = Rate { per_second: 10_000.0, burst: 5_000 };
    /// New connections. AWS publishes no burst, so it is a second's worth.
    pub const AWS_CONNECTS: Rate = Rate { per_second: 500.0, burst: 500 };
    /// The limits of an AWS account.
    pub const AWS: Self = Self { requests: Some(Self::AWS_REQUESTS), connects: Some(Self::AWS_CONNECTS) };
}

/// What asks for a token.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Asking<'a> {
    Connect,
    /// A message, by the key of its route; `None` where no route takes it.
    Message(Option<&'a str>),
    /// A request to `@connections`.
    Callback,
}

/// The buckets of the node.
pub(crate) struct Throttle {
    requests: Option<Bucket>,
    connects: Option<Bucket>,
}

/// The buckets of a stage.
pub(crate) struct StageThrottle {
    /// Only routes that are limited have one.
    routes: HashMap<String, Bucket>,
    /// Callbacks have no route, so the stage's default applies to them together.
    callbacks: Option<Bucket>,
}

impl Throttle {
    pub(crate) fn new(limits: AccountLimits) -> Self {
        Self { requests: limits.requests.map(Bucket::new), connects: limits.connects.map(Bucket::new) }
    }

    /// Takes a token wherever one is due. What is refused further on has still paid further in: limits are targets.
    pub(crate) fn allows(&self, stage: &StageThrottle, asking: Asking<'_>, now_ms: u64) -> bool {
        let (own, connects) = match asking {
            Asking::Connect => (stage.routes.get("$connect"), self.connects.as_ref()),
            Asking::Message(route) => (route.and_then(|key| stage.routes.get(key)), None),
            Asking::Callback => (stage.callbacks.as_ref(), None),
        };
        [own, self.requests.as_ref(), connects].into_iter().flatten().all(|bucket| bucket.take(now_ms))
    }
}

impl StageThrottle {
    pub(crate) fn new(settings: &StageSettings) -> Self {
        let routes = settings.routes.iter();
        Self {
            routes: routes.filter_map(|(key, route)| Some((key.clone(), Bucket::new(route.throttle?)))).collect(),
            callbacks: settings.default.throttle.map(Bucket::new),
        }
    }
}

struct Bucket {
    rate: Rate,
    level: Mutex<Level>,
}

struct Level {
    tokens: f64,
    /// When it held them.
    at_ms: u64,
}

impl Bucket {
    fn new(rate: Rate) -> Self {
        Self { rate, level: Mutex::new(Level { tokens: f64::from(rate.burst), at_ms: 0 }) }
    }

    fn take(&self, now_ms: u64) -> bool {
        if self.rate.per_second <= 0.0 {
            return false;
        }
        let mut level = self.level.lock();
        // A clock that was set back refills nothing now, and must not stop the refilling until it has caught up.
        level.at_ms = level.at_ms.min(now_ms);
        let refilled = (now_ms - level.at_ms) as f64 * self.rate.per_second / 1000.0;
        let tokens = (level.tokens + refilled).min(f64::from(self.rate.burst));
        if tokens < 1.0 {
            // Left as it was: adding up many small refills would lose more to rounding than one large one.
            return false;
        }
        *level = Level { tokens: tokens - 1.0, at_ms: now_ms };
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of `count` requests at one moment a bucket allows.
    fn allowed(bucket: &Bucket, now_ms: u64, count: usize) -> usize {
        (0..count).filter(|_| bucket.take(now_ms)).count()
    }

    #[test]
    fn a_bucket_holds_its_burst_and_refills_at_its_rate() {
        const START: u64 = 1_772_619_630_000;
        // Rate and burst; then, at each moment after the start, how many of a hundred requests go through.
        type Row<'a> = ((f64, u32), &'a [(u64, usize)]);
        let rows: [Row<'_>; 10] = [
            ((1.0, 1), &[(0, 1), (0, 0), (999, 0), (1000, 1), (1001, 0)]),
            ((1.0, 5), &[(0, 5), (1000, 1), (3000, 2), (60_000, 5)]),
            ((10.0, 1), &[(0, 1), (99, 0), (100, 1), (1000, 1)]),
            ((0.5, 2), &[(0, 2), (1999, 0), (2000, 1), (6000, 2)]),
            ((1000.0, 3), &[(0, 3), (1, 1), (2, 1), (10, 3)]),
            // The rate alone says how fast tokens come, but only whole ones count.
            ((3.0, 10), &[(0, 10), (333, 0), (334, 1), (667, 1), (1000, 0), (1001, 1)]),
            ((0.0, 5), &[(0, 0), (60_000, 0)]),
            ((5.0, 0), &[(0, 0), (60_000, 0)]),
            ((f64::MIN_POSITIVE, 1), &[(0, 1), (86_400_000, 0)]),
            ((f64::MAX, 2), &[(0, 2), (0, 0), (1, 2)]),
        ];
        for ((per_second, burst), moments) in rows {
            let bucket = Bucket::new(Rate { per_second, burst });
            for (after, expected) in moments {
                assert_eq!(allowed(&bucket, START + after, 100), *expected, "{per_second}/{burst} after {after} ms");
            }
        }
    }

    #[test]
    fn many_refusals_do_not_slow_the_refilling() {
        let bucket = Bucket::new(Rate { per_second: 1.0, burst: 1 });
        assert!(bucket.take(0));
        assert_eq!((1..1000).filter(|now| bucket.take(*now)).count(), 0);
        assert!(bucket.take(1000));
    }

    #[test]
    fn a_clock_that_is_set_back_stops_nothing_for_long() {
        let bucket = Bucket::new(Rate { per_second: 1.0, burst: 1 });
        assert!(bucket.take(1_000_000));
        assert!(!bucket.take(5_000));
        assert!(!bucket.take(5_999));
        assert!(bucket.take(6_000));
    }

    #[test]
    fn a_request_needs_a_token_of_its_route_and_one_of_the_node() {
        let (none, one) = (None, Some(Rate { per_second: 1.0, burst: 1 }));
        let two = Some(Rate { per_second: 1.0, burst: 2 });
        let message = Asking::Message(Some("echo"));
        // Limits of route `echo`, of `$connect`, of callbacks, of the node, of the node's connects; who asks in turn.
        for (echo, connect, callbacks, requests, connects, asking, expected) in [
            (one, none, none, none, none, [message, message], [true, false]),
            (one, none, none, none, none, [message, Asking::Message(Some("other"))], [true, true]),
            (one, none, none, none, none, [Asking::Message(None), Asking::Message(None)], [true, true]),
            (none, one, none, none, none, [Asking::Connect, Asking::Connect], [true, false]),
            (none, one, none, none, none, [Asking::Connect, message], [true, true]),
            (none, none, one, none, none, [Asking::Callback, Asking::Callback], [true, false]),
            (none, none, one, none, none, [Asking::Callback, message], [true, true]),
            (two, none, none, one, none, [message, message], [true, false]),
            (none, none, none, one, none, [Asking::Connect, Asking::Callback], [true, false]),
            (none, none, none, one, none, [Asking::Message(None), Asking::Message(None)], [true, false]),
            (none, none, none, none, one, [Asking::Connect, Asking::Connect], [true, false]),
            (none, none, none, none, one, [Asking::Connect, message], [true, true]),
        ] {
            let limited = |key: &str, rate: Option<Rate>| rate.map(|rate| (key.to_owned(), Bucket::new(rate)));
            let stage = StageThrottle {
                routes: [limited("echo", echo), limited("$connect", connect)].into_iter().flatten().collect(),
                callbacks: callbacks.map(Bucket::new),
            };
            let node = Throttle::new(AccountLimits { requests, connects });
            let allowed = asking.map(|asking| node.allows(&stage, asking, 0));
            assert_eq!(
                allowed, expected,
                "{asking:?} with {echo:?} {connect:?} {callbacks:?} {requests:?} {connects:?}"
            );
        }
    }
}
