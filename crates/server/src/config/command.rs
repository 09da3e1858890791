//! The command line, built from the list of settings.

use super::{SETTINGS, Setting, list_separator};
use clap::{Arg, ArgAction, ArgMatches, Command};
use std::collections::HashMap;

const ABOUT: &str = "A table changes, and every connected client that should know, knows.";

const LONG_ABOUT: &str = "\
Sluicegate runs WebSocket APIs, functions, DynamoDB-compatible tables and their change streams in one process, and \
speaks the AWS wire protocols: SDKs, handlers and WebSocket clients work unchanged.

Start it, open the address it prints, and see this machine's metrics move:

  sluicegate serve --batch-window 0";

const SERVE_LONG_ABOUT: &str = "\
Runs the server until SIGTERM or Ctrl-C, then drains: sockets are closed with 1001, $disconnect runs for each, and \
everything is flushed. A second signal stops at once.

Every setting is also a variable and a key of sluicegate.toml: --idle-timeout is SLUICEGATE_IDLE_TIMEOUT and \
idle_timeout. A flag counts before a variable, a variable before the file.";

/// `sluicegate` with its subcommands.
pub fn command() -> Command {
    Command::new("sluicegate")
        .version(env!("CARGO_PKG_VERSION"))
        .about(ABOUT)
        .long_about(LONG_ABOUT)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(serve())
        .subcommand(crate::check::command())
        .subcommand(sluicegate_load::command())
        .subcommand(
            Command::new("reference")
                .about("Prints a page of docs/reference")
                .arg(Arg::new("page").required(true).value_parser(["configuration", "metrics", "load", "templates"]))
                .hide(true),
        )
}

fn serve() -> Command {
    Command::new("serve")
        .about("Runs the server")
        .long_about(SERVE_LONG_ABOUT)
        // The last flag counts, so that a script's own can be overridden by adding to them.
        .args_override_self(true)
        .arg(
            Arg::new("config")
                .long("config")
                .value_name("FILE")
                .help("The configuration file [default: sluicegate.toml, if there is one]")
                .long_help(
                    "The configuration file.\n\n[default: sluicegate.toml in the working folder, if there is one] \
                     [variable: SLUICEGATE_CONFIG]",
                ),
        )
        .args(SETTINGS.iter().map(argument))
}

fn argument(setting: &'static Setting) -> Arg {
    let text: Vec<&str> = setting.help.iter().map(|line| line.trim()).collect();
    let source = format!("[default: {}] [variable: {}]", setting.default, setting.variable());
    let argument = Arg::new(setting.key)
        .long(setting.flag())
        .value_name(setting.placeholder)
        .help_heading(setting.group.title())
        .help(format!("{} [default: {}]", text.join(" "), setting.default))
        .long_help(format!("{}\n\n{source}", text.join(" ")));
    match setting.placeholder {
        "BOOL" => argument.num_args(0..=1).require_equals(true).default_missing_value("true"),
        // The settings that are lists.
        _ if matches!(setting.key, "app" | "api" | "parameter") => argument.action(ArgAction::Append),
        _ => argument,
    }
}

/// What was given to `serve` on the command line, by key. A flag given several times is a list.
pub fn flags(matches: &ArgMatches) -> HashMap<String, String> {
    let keys = SETTINGS.iter().map(|setting| setting.key).chain(["config"]);
    keys.filter_map(|key| {
        let values: Vec<&str> = matches.get_many::<String>(key)?.map(String::as_str).collect();
        Some((key.to_owned(), values.join(list_separator(key))))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn flags_are_collected_by_key() {
        for (line, expected) in [
            ("serve", ""),
            ("serve --listen 1:2 --app a --app b", "app=a,b listen=1:2"),
            ("serve --allow-insecure-remote --admin x", "admin=x allow_insecure_remote=true"),
            ("serve --allow-insecure-remote=false", "allow_insecure_remote=false"),
            ("serve --listen 1:2 --listen 3:4", "listen=3:4"),
            (
                "serve --batch-window 0 --batch-window 5s --collector 1s --collector off",
                "batch_window=5s collector=off",
            ),
            ("serve --config f.toml", "config=f.toml"),
            ("serve --parameter A=1,2 --parameter B=3", "parameter=A=1,2\nB=3"),
        ] {
            let matches = command().get_matches_from(["sluicegate"].into_iter().chain(line.split(' ')));
            let (_, serve) = matches.subcommand().unwrap();
            let mut pairs: Vec<_> = flags(serve).into_iter().map(|(key, text)| format!("{key}={text}")).collect();
            pairs.sort();
            assert_eq!(pairs.join(" "), expected, "{line}");
        }
    }
}
