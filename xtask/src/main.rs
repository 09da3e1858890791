//! Chores that are not part of the product.
//!
//! - `cargo run -p xtask -- docs` writes the generated pages under `docs/`
//! - `cargo run -p xtask -- tidy` checks the house rules; `cargo test -p xtask` does the same

mod docs;
mod tidy;
mod workspace;

use std::process::ExitCode;

fn main() -> ExitCode {
    let outcome = match std::env::args().nth(1).as_deref() {
        Some("docs") => docs::write(),
        Some("tidy") => tidy::check(),
        _ => Err("usage: cargo run -p xtask -- docs|tidy".into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}
