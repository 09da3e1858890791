//! `sluicegate load` as it is used: the binary, against the server.

use serde_json::Value;
use sluicegate::config::FileList;
use sluicegate_testkit::TestServer;
use std::process::Output;

const BINARY: &str = env!("CARGO_BIN_EXE_sluicegate");

async fn load(arguments: &[&str]) -> Output {
    let mut command = tokio::process::Command::new(BINARY);
    command.arg("load").args(arguments).kill_on_drop(true);
    for variable in ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"] {
        command.env_remove(variable);
    }
    command.output().await.unwrap()
}

async fn measured(arguments: &[&str]) -> Value {
    let output = load(arguments).await;
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_scenario_runs_against_the_server() {
    let server = TestServer::start().await;
    let (url, http) = (format!("ws://{}/live-metrics/prod", server.listen()), format!("http://{}", server.listen()));
    let ping = r#"{"action":"ping","id":"{mark}"}"#;
    let table = ["--table", "iops-dashboard-metrics", "--key", "entity_id", "--endpoint", &http];
    let few = ["-c", "20", "--messages", "10", "--warm-up", "0s"];
    let pid = std::process::id().to_string();

    for (scenario, more) in [
        ("echo", [&few[..], &["--message", ping]].concat()),
        ("change", [&few[..], &table, &["--rate", "50", "--pid", &pid]].concat()),
        ("slow-readers", [&few[..], &table, &["--share", "0.1"]].concat()),
        ("idle", vec!["-c", "20", "--hold", "100ms"]),
        ("storm", vec!["-c", "20", "--rounds", "2"]),
    ] {
        let report = measured(&[&[scenario, &url], &more[..]].concat()).await;
        assert_eq!((&report["scenario"], &report["outcome"]), (&scenario.into(), &"complete".into()), "{report}");
        if scenario == "change" {
            assert_eq!(report["deliveries"]["received"], 200, "{report}");
            assert!(report["server"]["cpu_us_per_delivery"].as_f64().unwrap() > 0.0, "{report}");
        }
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn posts_through_the_management_api_reach_everybody() {
    let api = tempfile::tempdir().unwrap();
    let file = api.path().join("posts.json");
    // No $default: the error for an unknown route tells a client its connection id.
    let definition = r#"{"apiId": "posts", "routeSelectionExpression": "$request.body.action", "integrations": {},
        "routes": [], "stages": [{"stageName": "prod"}]}"#;
    std::fs::write(&file, definition).unwrap();
    let server = TestServer::with(|config| config.api = FileList(vec![file])).await;
    let (url, http) =
        (format!("ws://{}/posts/prod", server.listen()), format!("http://{}/posts/prod", server.listen()));

    let report = measured(&["fan-out", &url, "--post", &http, "-c", "20", "--messages", "10", "--warm-up", "0s"]).await;

    assert_eq!((&report["outcome"], &report["deliveries"]["received"]), (&"complete".into(), &200.into()), "{report}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_says_how_it_went() {
    let server = TestServer::start().await;
    let url = format!("ws://{}/live-metrics/prod", server.listen());
    let unknown = ["--message", r#"{"action":"{mark}","x":"y"}"#, "--size", "1"];
    for (arguments, status, said) in [
        (vec!["echo", &url, "--message", "no mark"], 2, "it has no {mark}"),
        (vec!["echo", "ws://127.0.0.1:1/", "-c", "1"], 1, "Connection refused"),
        (vec!["idle", &url, "-c", "9000000"], 1, "ulimit -Hn"),
        (vec!["idle", &url, "-c", "1", "--pid", "4000000000"], 1, "the figures of process 4000000000 cannot be read"),
        (
            vec![
                "echo",
                &url,
                "-c",
                "2",
                "--message",
                r#"{"x":"{mark}"}"#,
                "--messages",
                "2",
                "--warm-up=0s",
                "--timeout=1s",
            ],
            3,
            "lost 2 of 2 deliveries: connection 0 lacks 1, first message 0",
        ),
        ([&["echo", &url, "-c", "1"], &unknown[..]].concat(), 2, "{fill}"),
    ] {
        let output = load(&arguments).await;
        let problem = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {problem}");
        assert!(problem.contains(said), "{arguments:?}: {problem}");
    }
    server.stop().await;
}

#[tokio::test]
async fn the_help_explains_each_scenario_with_examples() {
    let all = load(&["--help"]).await;
    let all = String::from_utf8(all.stdout).unwrap();
    for scenario in ["fan-out", "change", "echo", "idle", "storm", "slow-readers"] {
        assert!(all.contains(scenario), "{all}");
        let help = String::from_utf8(load(&[scenario, "--help"]).await.stdout).unwrap();
        assert!(help.contains(&format!("sluicegate load {scenario} ws")), "{help}");
        assert!(!help.contains("secret-access-key"), "{help}");
    }
}
