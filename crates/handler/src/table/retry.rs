//! When a call is worth another try, and how long to wait before it.

use sluicegate_protocol::ApiError;
use std::time::Duration;

/// Attempts in all, as the AWS SDKs make for DynamoDB: some five seconds of waiting.
pub(super) const ATTEMPTS: u32 = 10;
const FIRST_PAUSE: Duration = Duration::from_millis(25);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Whether the same call may succeed later: too many at the moment, or a fault of the server.
pub(super) fn is_passing(error: &ApiError) -> bool {
    const THROTTLES: [&str; 4] = [
        "ThrottlingException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "LimitExceededException",
    ];
    error.is_server_fault() || THROTTLES.contains(&&*error.code)
}

/// Doubles per attempt; half of it is random, so that many callers do not come back together.
pub(super) async fn pause(attempt: u32) {
    let longest = FIRST_PAUSE.saturating_mul(2u32.saturating_pow(attempt)).min(LONGEST_PAUSE);
    tokio::time::sleep(longest.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
}
