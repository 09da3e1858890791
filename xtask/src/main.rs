//! Chores that are not part of the product.
//!
//! - `cargo run -p xtask -- docs` writes the generated pages under `docs/`
//! - `cargo run -p xtask -- tidy` checks the house rules; `cargo test -p xtask` does the same
//! - `cargo run -p xtask -- counts` (`make counts`) counts the instructions of the hot paths and compares them with `bench/instructions.toml`;
//!   `--accept "why"` writes what has changed there

mod counts;
mod docs;
mod tidy;
mod workspace;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["docs"] => docs::write(),
        ["tidy"] => tidy::check(),
        ["counts"] => counts::compare(),
        ["counts", "--accept", why] => counts::accept(why),
        _ => Err("usage: cargo run -p xtask -- docs|tidy|counts [--accept \"why\"]".into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}
