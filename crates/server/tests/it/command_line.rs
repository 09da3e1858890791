//! Where settings come from, and what a mistake leads to.

use sluicegate::Config;
use sluicegate::config::Sources;
use sluicegate_testkit::ServerProcess;
use std::collections::HashMap;
use std::time::Duration;

const BINARY: &str = env!("CARGO_BIN_EXE_sluicegate");

fn pairs(pairs: &[(&str, &str)]) -> HashMap<String, String> {
    pairs.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
}

#[test]
fn what_is_given_nearer_to_the_command_counts() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sluicegate.toml");
    std::fs::write(&file, "idle_timeout = \"3s\"\nheader_timeout = \"3s\"\nrequest_timeout = \"3s\"\n").unwrap();
    let flags = pairs(&[("config", file.to_str().unwrap()), ("idle_timeout", "1s")]);
    let variables = pairs(&[("SLUICEGATE_IDLE_TIMEOUT", "2s"), ("SLUICEGATE_HEADER_TIMEOUT", "2s")]);

    let config = Config::load(&Sources::collect(flags, variables).unwrap()).unwrap();

    let seconds = Duration::from_secs;
    assert_eq!(config.idle_timeout, seconds(1), "flag before variable and file");
    assert_eq!(config.header_timeout, seconds(2), "variable before file");
    assert_eq!(config.request_timeout, seconds(3), "file before default");
    assert_eq!(config.drain_timeout, seconds(10), "default");
}

#[test]
fn with_a_template_no_bundled_application_runs_unless_it_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sluicegate.toml");
    std::fs::write(
        &file,
        "template = \"t.yaml\"\nparameter = [\"Subnets=a,b\", \"Stage=dev\"]\nstack_name = \"blue\"\n",
    )
    .unwrap();
    let config = |flags: &[(&str, &str)], variables: &[(&str, &str)]| {
        Config::load(&Sources::collect(pairs(flags), pairs(variables)).unwrap()).unwrap()
    };
    let path = file.to_str().unwrap();
    let read = config(&[("config", path)], &[]);
    assert_eq!(read.parameter.0, pairs(&[("Subnets", "a,b"), ("Stage", "dev")]).into_iter().collect());
    assert_eq!(read.stack_name.0.as_deref(), Some("blue"));
    for (flags, variables, applications) in [
        (&[][..], &[][..], 1),
        (&[("config", path)], &[], 0),
        (&[("template", "t.yaml")], &[], 0),
        (&[], &[("SLUICEGATE_TEMPLATE", "t.yaml"), ("SLUICEGATE_PARAMETER", "A=1\nB=2")], 0),
        (&[("template", "t.yaml"), ("app", "live-metrics")], &[], 1),
        (&[("template", "t.yaml")], &[("SLUICEGATE_APP", "live-metrics")], 1),
        (&[("template", "none")], &[("SLUICEGATE_TEMPLATE", "t.yaml")], 1),
    ] {
        assert_eq!(config(flags, variables).app.0.len(), applications, "{flags:?} {variables:?}");
    }
}

#[test]
fn variables_that_name_no_setting_are_reported() {
    let variables = pairs(&[("SLUICEGATE_LISTNE", "x"), ("SLUICEGATE_SERVICE_HOST", "10.0.0.1"), ("HOME", "/")]);
    let warnings = Sources::collect(HashMap::new(), variables).unwrap().warnings.join("\n");
    assert!(warnings.contains("SLUICEGATE_LISTNE is not a setting, did you mean \"SLUICEGATE_LISTEN\"?"), "{warnings}");
    assert!(!warnings.contains("HOME "), "{warnings}");
}

#[tokio::test]
async fn a_mistake_stops_the_start_and_says_where_it_is() {
    let data = tempfile::tempdir().unwrap();
    std::fs::write(data.path().join("wrong.toml"), "# settings\nlisten = \"127.0.0.1:0\"\nlisen = \"x\"\n").unwrap();
    let keys = "\n[[credentials]]\naccess_key_id = \"A\"\nuser = \"ann\"\nsecret_env = \"NO_SUCH_SECRET\"\n";
    std::fs::write(data.path().join("keys.toml"), keys).unwrap();
    for (arguments, expected) in [
        (&["--config", "wrong.toml"][..], "wrong.toml:3:1: unknown key \"lisen\", did you mean \"listen\"?"),
        (&["--config", "missing.toml"], "missing.toml: cannot read the configuration file"),
        (&["--listen", "8080"], "--listen: \"8080\" is not an address"),
        (&["--lisen", "127.0.0.1:1"], "--listen"),
        (&["--app", "live-metric"], "did you mean \"live-metrics\"?"),
        (&["--collector", "fast"], "--collector: \"fast\" is neither off nor a duration"),
        (&["--log", "sluicegate=loud"], "is not a filter"),
        (&["--listen", "0.0.0.0:0"], "without [[credentials]] signatures are not verified"),
        (&["--admin", "0.0.0.0:0"], "--allow-insecure-remote"),
        (&["--config", "keys.toml"], "keys.toml:2:1: the environment variable NO_SUCH_SECRET is not set"),
    ] {
        let (code, message) = ServerProcess::refused(BINARY, data.path(), arguments).await;
        assert_eq!(code, Some(2), "{arguments:?}: {message}");
        assert!(message.contains(expected), "{arguments:?}: {message}");
    }
}

#[tokio::test]
async fn what_the_machine_refuses_is_said_with_a_remedy() {
    let data = tempfile::tempdir().unwrap();
    let server = ServerProcess::start(BINARY, data.path(), &["--collector", "off"]).await;
    let taken = server.listen().to_string();
    let other = tempfile::tempdir().unwrap();
    for (folder, arguments, expected) in [
        (
            &data,
            &["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"][..],
            "is in use by another sluicegate (process ",
        ),
        (&other, &["--listen", &taken, "--admin", "127.0.0.1:0"], "choose another port with --listen"),
        (&other, &["--listen", "127.0.0.1:0", "--admin", &taken], "choose another port with --admin"),
        (
            &other,
            &["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--max-connections", "4000000000"],
            "ulimit -n",
        ),
    ] {
        let (code, message) = ServerProcess::refused(BINARY, folder.path(), arguments).await;
        assert_eq!(code, Some(1), "{arguments:?}: {message}");
        assert!(message.contains(expected), "{arguments:?}: {message}");
    }
    server.kill().await;
}

#[tokio::test]
async fn a_remote_address_can_be_asked_for() {
    let data = tempfile::tempdir().unwrap();
    let arguments = ["--collector", "off", "--allow-insecure-remote", "--listen=0.0.0.0:0"];
    let server = ServerProcess::start(BINARY, data.path(), &arguments).await;
    assert!(server.ready()["listen"].as_str().unwrap().starts_with("0.0.0.0:"));
    server.kill().await;
}
