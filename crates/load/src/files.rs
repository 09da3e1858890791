//! The limit on open files, raised as far as it goes; more connections than fit are refused before the first is opened.

/// Files that are not connections: pipes, pollers, standard streams, `/proc`, requests under way.
pub const RESERVED_FILES: u64 = 160;

#[derive(Debug, thiserror::Error)]
#[error(
    "{connections} connections need more than the {limit} files this process may open: raise the hard limit (ulimit -Hn, or \
     LimitNOFILE= in a systemd unit) or ask for at most {room}"
)]
pub struct TooFewFiles {
    connections: usize,
    limit: u64,
    room: u64,
}

/// Raises the soft limit to the hard one and makes sure that this many connections fit. Processes started from here inherit it.
pub fn make_room(connections: usize) -> Result<(), TooFewFiles> {
    // Where the limit cannot be read it is left to the operating system to refuse.
    fit(connections, rlimit::increase_nofile_limit(u64::MAX).unwrap_or(u64::MAX))
}

fn fit(connections: usize, limit: u64) -> Result<(), TooFewFiles> {
    let room = limit.saturating_sub(RESERVED_FILES);
    if connections as u64 <= room { Ok(()) } else { Err(TooFewFiles { connections, limit, room }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused_with_the_remedy() {
        assert!(fit(19_000, 20_000).is_ok());
        let refusal = fit(20_000, 20_000).unwrap_err().to_string();
        for part in ["20000 connections", "19840", "ulimit -Hn", "LimitNOFILE"] {
            assert!(refusal.contains(part), "{refusal}");
        }
    }
}
