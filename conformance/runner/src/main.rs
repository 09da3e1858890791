//! `make conformance`: runs the cases, prints a table, and writes the page.

use clap::Parser;
use sluicegate_conformance::{
    Against, Endpoint, Key, Known, Suite, folder, page, page_path, run_all, table, usual_definition,
};
use std::process::ExitCode;

/// Runs the conformance cases of WebSocket APIs.
#[derive(Debug, Parser)]
struct Arguments {
    /// The stage to test, as ws://host:port/stage; a gateway in this process if not given. It must serve the usual API.
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// An access key that may do everything at that endpoint; cases of `@connections` need it.
    #[arg(long, env = "AWS_ACCESS_KEY_ID", requires = "secret_access_key", value_name = "ID")]
    access_key_id: Option<String>,
    #[arg(long, env = "AWS_SECRET_ACCESS_KEY", hide_env_values = true, value_name = "SECRET")]
    secret_access_key: Option<String>,
    #[arg(long, env = "AWS_REGION", default_value = "us-east-1")]
    region: String,
    /// Writes docs/reference/conformance.md.
    #[arg(long, conflicts_with = "endpoint")]
    write: bool,
    /// Prints the usual API, for who wants to serve it elsewhere, and what its functions must do.
    #[arg(long)]
    print_api: bool,
    /// Cases to run, such as C042; all if none is given.
    cases: Vec<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(code) => code,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<ExitCode, String> {
    if arguments.print_api {
        println!("{:#}", usual_definition());
        println!(
            "connect, disconnect and default return {{\"statusCode\":200}}; echo returns its event, as text, in body."
        );
        return Ok(ExitCode::SUCCESS);
    }
    let suite = Suite::read(&folder())?.only(&arguments.cases);
    let (against, known) = match &arguments.endpoint {
        Some(url) => (Against::Endpoint(Endpoint::new(url, owner(&arguments))?), Known::default()),
        None => (Against::Ourselves, Known::read(&folder())?),
    };
    let finished = run_all(suite, &against).await;
    if arguments.write && arguments.cases.is_empty() {
        let path = page_path();
        std::fs::write(&path, page(&finished, &known)).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    print!("{}", table(&finished, &known));
    let known = if arguments.cases.is_empty() { known } else { known.among(&arguments.cases) };
    Ok(if known.check(&finished).is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn owner(arguments: &Arguments) -> Option<Key> {
    let id = arguments.access_key_id.clone()?;
    let secret = arguments.secret_access_key.clone()?;
    Some(Key { id, secret, region: arguments.region.clone() })
}
