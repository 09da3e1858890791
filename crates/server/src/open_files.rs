//! The limit on open files, raised as far as it goes; from it follows how many connections there can be.

use crate::config::{Config, Maximum};

/// Files that are neither WebSockets nor HTTP connections: tables and their logs, listeners, pollers, standard streams.
const RESERVED: u64 = 256;
/// Most files are for WebSockets; connections that speak HTTP come and go, and wait their turn when there are too many.
const FILES_PER_HTTP_CONNECTION: u64 = 32;
const MOST_HTTP_CONNECTIONS: u64 = 4096;

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

/// How many connections of each kind there may be at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Places {
    pub websockets: u32,
    /// On each port.
    pub http: u32,
}

/// Raises the soft limit to the hard one and shares what it allows out.
pub fn places(config: &Config) -> Result<Places, TooFewFiles> {
    // Where the limit cannot be read it is left to the operating system to refuse; nothing is promised either way.
    let limit = rlimit::increase_nofile_limit(u64::MAX).unwrap_or(u64::MAX);
    share(config.max_connections, config.max_http_connections, limit)
}

fn share(websockets: Maximum, http: Maximum, limit: u64) -> Result<Places, TooFewFiles> {
    let http = match http {
        Maximum::At(wanted) => wanted,
        Maximum::Auto => (limit / FILES_PER_HTTP_CONNECTION).clamp(1, MOST_HTTP_CONNECTIONS) as u32,
    };
    let room = u32::try_from(limit.saturating_sub(RESERVED + u64::from(http))).unwrap_or(u32::MAX);
    let websockets = match websockets {
        Maximum::Auto if room == 0 => return Err(TooFewFiles { wanted: None, limit, room }),
        Maximum::Auto => room,
        Maximum::At(wanted) if wanted > room => return Err(TooFewFiles { wanted: Some(wanted), limit, room }),
        Maximum::At(wanted) => wanted,
    };
    Ok(Places { websockets, http })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_must_fit_beside_everything_else() {
        for (wanted, http, limit, expected) in [
            (Maximum::Auto, Maximum::At(1000), 20_000, Some((18_744, 1000))),
            (Maximum::At(18_744), Maximum::At(1000), 20_000, Some((18_744, 1000))),
            (Maximum::At(18_745), Maximum::At(1000), 20_000, None),
            (Maximum::Auto, Maximum::At(1000), 1024, None),
            (Maximum::Auto, Maximum::At(1), u64::MAX, Some((u32::MAX, 1))),
            (Maximum::Auto, Maximum::Auto, 20_000, Some((19_119, 625))),
            (Maximum::At(19_000), Maximum::Auto, 20_000, Some((19_000, 625))),
            (Maximum::Auto, Maximum::Auto, 1024, Some((736, 32))),
            (Maximum::Auto, Maximum::Auto, 1_048_576, Some((1_044_224, 4096))),
        ] {
            let shared = share(wanted, http, limit).ok().map(|places| (places.websockets, places.http));
            assert_eq!(shared, expected, "{wanted:?} {http:?} {limit}");
        }
    }

    #[test]
    fn the_refusal_says_what_to_do() {
        let message = share(Maximum::At(50_000), Maximum::At(4096), 20_000).unwrap_err().to_string();
        for part in ["50000", "20000", "15648", "ulimit -n", "LimitNOFILE"] {
            assert!(message.contains(part), "{message}");
        }
        assert!(
            share(Maximum::Auto, Maximum::At(4096), 1024)
                .unwrap_err()
                .to_string()
                .starts_with("max_connections is auto")
        );
    }
}
