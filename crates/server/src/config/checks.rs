//! Rules that concern several settings, or a setting and the world.

use super::{Config, Problem, Switch};
use sluicegate_protocol::limits::MESSAGE_BYTES;
use std::net::SocketAddr;
use std::time::Duration;

/// The longest a mapping may gather changes: AWS's limit for `MaximumBatchingWindowInSeconds`.
const MAX_BATCH_WINDOW: Duration = Duration::from_secs(300);
/// Below this the HTTP parser has no room for an ordinary request.
const MIN_HEAD_BYTES: usize = 8 * 1024;

pub(super) fn problems(config: &Config) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut require = |holds: bool, key: &str, message: String| {
        if !holds {
            problems.push(Problem::new(key, message));
        }
    };
    for (key, address, exposed) in
        [("listen", config.listen, exposed_tables(config)), ("admin", config.admin, Some(ADMIN))]
    {
        if let Some(danger) = exposed.filter(|_| !may_bind(config, address)) {
            require(false, key, remote_refused(address, danger));
        }
    }
    require(
        config.listen != config.admin || config.listen.port() == 0,
        "admin",
        format!("{} is the address of listen as well; give admin another port", config.admin),
    );
    require(
        config.watch == Switch::Off || config.template.0.is_some() || !config.api.0.is_empty(),
        "watch",
        "there is nothing to watch; give a template or an API file as well".into(),
    );
    require(
        config.batch_window <= MAX_BATCH_WINDOW,
        "batch_window",
        format!("{} is longer than five minutes", humantime::format_duration(config.batch_window)),
    );
    for (key, duration) in [
        ("idle_timeout", config.idle_timeout),
        ("max_connection_age", config.max_connection_age),
        ("header_timeout", config.header_timeout),
        ("request_timeout", config.request_timeout),
        ("dead_peer_timeout", config.dead_peer_timeout),
    ] {
        require(duration >= Duration::from_millis(1), key, "must be longer than nothing".into());
    }
    require(
        config.max_frame <= config.max_message,
        "max_frame",
        format!("{} bytes are more than max_message allows", config.max_frame.0),
    );
    require(
        config.outbound_queue.0 >= MESSAGE_BYTES,
        "outbound_queue",
        format!("{} bytes are less than one message of 128 KB", config.outbound_queue.0),
    );
    require(config.max_head.0 >= MIN_HEAD_BYTES, "max_head", format!("must be at least {MIN_HEAD_BYTES} bytes"));
    problems
}

fn may_bind(config: &Config, address: SocketAddr) -> bool {
    address.ip().is_loopback() || config.allow_insecure_remote == Switch::On
}

/// What the operators' port lets everybody do who reaches it.
const ADMIN: &str = "it asks nobody who is calling";

/// What the public port lets everybody do who reaches it: with credentials it verifies signatures, and the rest is as open as
/// the APIs it serves say.
fn exposed_tables(config: &Config) -> Option<&'static str> {
    (!config.credentials.are_configured()).then_some(
        "without [[credentials]] signatures are not verified: whoever connects could read and write every table and \
         every connection",
    )
}

fn remote_refused(address: SocketAddr, danger: &str) -> String {
    format!(
        "{address} can be reached from other machines, and {danger}. Use a loopback address such as 127.0.0.1:{}, or, \
         behind a firewall of your own, say --allow-insecure-remote",
        address.port()
    )
}

#[cfg(test)]
mod tests {
    use super::super::Sources;
    use super::*;
    use std::collections::HashMap;

    /// The places of the problems of a command line, joined.
    fn refused(flags: &[(&str, &str)]) -> String {
        let flags: HashMap<_, _> = flags.iter().map(|(key, text)| (key.to_string(), text.to_string())).collect();
        let sources = Sources::collect(flags, []).unwrap();
        match Config::load(&sources) {
            Ok(_) => String::new(),
            Err(problems) => problems.0.iter().map(|problem| problem.place.as_str()).collect::<Vec<_>>().join(" "),
        }
    }

    #[test]
    fn settings_that_contradict_each_other_are_refused() {
        for (flags, expected) in [
            (&[][..], ""),
            (&[("listen", "0.0.0.0:80")], "listen"),
            (&[("listen", "[::]:80"), ("admin", "10.0.0.1:81")], "listen admin"),
            (&[("listen", "0.0.0.0:80"), ("allow_insecure_remote", "true")], ""),
            (&[("admin", "127.0.0.1:8080")], "admin"),
            (&[("listen", "127.0.0.1:0"), ("admin", "127.0.0.1:0")], ""),
            (&[("batch_window", "301s")], "batch_window"),
            (&[("idle_timeout", "0")], "idle_timeout"),
            (&[("max_frame", "256KB")], "max_frame"),
            (&[("outbound_queue", "1KB")], "outbound_queue"),
            (&[("max_head", "100")], "max_head"),
            (&[("max_headers", "0")], "--max-headers"),
        ] {
            assert_eq!(refused(flags), expected, "{flags:?}");
        }
    }
}
