//! The limit on open files, raised as far as it goes; from it follows how many connections there can be.

use crate::config::{Config, Maximum};

/// Files that are neither WebSockets nor HTTP connections: tables and their logs, listeners, pollers, standard streams.
const RESERVED: u64 = 256;

#[derive(Debug, thiserror::Error)]
#[error(
    "max_connections is {}, but this process may open {limit} files, which leaves room for {room} connections; \
     raise the limit (ulimit -n, or LimitNOFILE= in a systemd unit) or lower max_connections or max_http_connections",
    wanted.map_or("auto".to_owned(), |wanted| wanted.to_string())
)]
pub struct TooFewFiles {
    wanted: Option<u32>,
    limit: u64,
    room: u32,
}

/// Raises the soft limit to the hard one and returns how many WebSockets may be open at once.
pub fn connections_that_fit(config: &Config) -> Result<u32, TooFewFiles> {
    // Where the limit cannot be read it is left to the operating system to refuse; nothing is promised either way.
    let limit = rlimit::increase_nofile_limit(u64::MAX).unwrap_or(u64::MAX);
    fit(config.max_connections, config.max_http_connections, limit)
}

fn fit(wanted: Maximum, http: u32, limit: u64) -> Result<u32, TooFewFiles> {
    let room = u32::try_from(limit.saturating_sub(RESERVED + u64::from(http))).unwrap_or(u32::MAX);
    match wanted {
        Maximum::Auto if room == 0 => Err(TooFewFiles { wanted: None, limit, room }),
        Maximum::Auto => Ok(room),
        Maximum::At(wanted) if wanted > room => Err(TooFewFiles { wanted: Some(wanted), limit, room }),
        Maximum::At(wanted) => Ok(wanted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_must_fit_beside_everything_else() {
        for (wanted, http, limit, expected) in [
            (Maximum::Auto, 1000, 20_000, Some(18_744)),
            (Maximum::At(18_744), 1000, 20_000, Some(18_744)),
            (Maximum::At(18_745), 1000, 20_000, None),
            (Maximum::Auto, 1000, 1024, None),
            (Maximum::Auto, 1, u64::MAX, Some(u32::MAX)),
        ] {
            assert_eq!(fit(wanted, http, limit).ok(), expected, "{wanted:?} {http} {limit}");
        }
    }

    #[test]
    fn the_refusal_says_what_to_do() {
        let message = fit(Maximum::At(50_000), 4096, 20_000).unwrap_err().to_string();
        for part in ["50000", "20000", "15648", "ulimit -n", "LimitNOFILE"] {
            assert!(message.contains(part), "{message}");
        }
        assert!(fit(Maximum::Auto, 4096, 1024).unwrap_err().to_string().starts_with("max_connections is auto"));
    }
}
