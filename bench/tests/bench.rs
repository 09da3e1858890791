//! The bench on a small scale: the parts it starts, the figures it prints, and that it notices what goes wrong.

use serde_json::Value;
use std::process::{Command, Output};

fn bench(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sluicegate-bench"))
        .args(arguments)
        .output()
        .expect("the bench was built with this test")
}

#[test]
fn a_small_fan_out_delivers_everything_and_prints_figures() {
    let output = bench(&["--only=fan-out", "--connections=20", "--pairs=1", "--json"]);

    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    for (row, pending) in report["fan_out"].as_array().unwrap().iter().zip([1, 8]) {
        assert_eq!((&row["connections"], &row["pending"]), (&20.into(), &pending.into()));
        for figure in [&row["ratio"], &row["hub"]["cpu_ns_per_delivery"], &row["raw"]["deliveries_per_second"]] {
            assert!(figure.as_f64().unwrap() > 0.0, "{row}");
        }
    }
}

#[test]
fn a_server_that_does_not_start_is_named() {
    let output = bench(&["--only=change", "--server=/nowhere/sluicegate"]);

    let problem = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(problem.contains("/nowhere"), "{problem}");
}

#[test]
fn more_connections_than_files_are_refused_with_the_remedy() {
    let output = bench(&["--only=idle", "--idle-connections=2000000000"]);

    let problem = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(problem.contains("ulimit"), "{problem}");
}
