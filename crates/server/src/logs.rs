//! Log lines, on standard error: text for people or one JSON object per line.

use crate::config::{Config, LogFormat, Problem, Problems};
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::Subscriber;

/// Sends log lines and panics to standard error, for the whole process. Called once, by `main`.
pub fn install(config: &Config) -> Result<(), Problems> {
    let filter = EnvFilter::try_new(&config.log).map_err(|error| {
        let message = format!("\"{}\" is not a filter ({error}); write a level such as info", config.log);
        Problems(vec![Problem::new("log", message)])
    })?;
    let lines = Subscriber::builder().with_env_filter(filter).with_writer(std::io::stderr);
    // Fails only where a subscriber is installed already; then that one has the lines.
    let _ = match config.log_format {
        LogFormat::Text => {
            tracing::subscriber::set_global_default(lines.with_ansi(std::io::stderr().is_terminal()).finish())
        }
        LogFormat::Json => {
            tracing::subscriber::set_global_default(lines.json().flatten_event(true).with_current_span(false).finish())
        }
    };
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let message = panic.payload_as_str().unwrap_or("no message");
        tracing::error!(place, "panic: {message}; this is a bug in sluicegate, please report it");
    }));
    Ok(())
}
