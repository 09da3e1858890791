//! `sluicegate check`, as a shell runs it.

use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Output};

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../template/tests/it/cases");

fn check(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sluicegate")).arg("check").args(arguments).current_dir(CASES).output().unwrap()
}

fn problems(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn read(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_good_template_is_told_as_json_to_a_pipe() {
    let output = check(&["chat.yaml", "--region", "eu-west-1", "--account", "123456789012", "--stack-name", "blue"]);
    assert_eq!((output.status.code(), problems(&output).as_str()), (Some(0), ""));
    let stack = &read(&output)["stacks"][0];
    assert_eq!(stack["functions"][0]["arn"], "arn:aws:lambda:eu-west-1:123456789012:function:blue-ConnectFunction");
    assert_eq!(stack["apis"][0]["definition"]["routes"][0]["routeKey"], "$connect");
    assert_eq!(read(&output)["problems"], Value::Array(Vec::new()));
}

#[test]
fn what_serve_would_refuse_is_listed() {
    let template = json!({
        "Transform": "AWS::Serverless-2016-10-31",
        "Resources": {
            "Counts": {
                "Type": "AWS::DynamoDB::Table",
                "Properties": {
                    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
                    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
                    "BillingMode": "PAY_PER_REQUEST",
                    "StreamSpecification": {"StreamViewType": "NEW_IMAGE"}
                }
            },
            "Sum": {
                "Type": "AWS::Serverless::Function",
                "Properties": {
                    "Runtime": "nodejs22.x",
                    "Handler": "index.handler",
                    "InlineCode": "exports.handler = async () => {}",
                    "Events": {"Changes": {"Type": "DynamoDB", "Properties": {
                        "Stream": {"Fn::GetAtt": ["Counts", "StreamArn"]},
                        "StartingPosition": "LATEST",
                        "TumblingWindowInSeconds": 60
                    }}}
                }
            }
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("template.json");
    std::fs::write(&path, template.to_string()).unwrap();
    let output = check(&[path.to_str().unwrap()]);
    assert_eq!((output.status.code(), problems(&output).as_str()), (Some(0), ""));
    let told = read(&output)["unserved"].to_string();
    assert!(told.contains("TumblingWindowInSeconds of event source mappings is not served yet"), "{told}");
    assert_eq!(read(&check(&["chat.yaml"]))["unserved"], Value::Array(Vec::new()));
}

#[test]
fn a_folder_is_looked_into() {
    let stacks = read(&check(&["cdk"]))["stacks"].as_array().unwrap().len();
    assert_eq!(stacks, 3);
    let output = check(&["code"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        problems(&output).contains("code: error: the folder holds no template; name a template"),
        "{}",
        problems(&output)
    );
}

#[test]
fn problems_are_lines_with_places_and_an_exit_code() {
    let output = check(&["mistakes.yaml"]);
    assert_eq!(output.status.code(), Some(1));
    let told = problems(&output);
    for expected in [
        "mistakes.yaml:3:1: error: Resource: a template has no section `Resource`; did you mean `Resources`?\n",
        "mistakes.yaml:33:18: error: Resources.Function.Properties.Environment.Variables.TABLE: there is no parameter or resource",
        " problems\n",
    ] {
        assert!(told.contains(expected), "{told}");
    }
    let listed = read(&output)["problems"].as_array().unwrap().len();
    assert_eq!(told.lines().count(), listed + 1);
}

#[test]
fn what_only_the_gateway_knows_is_told_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("api.yaml");
    let text = "Resources:\n  Api:\n    Type: AWS::ApiGatewayV2::Api\n    Properties: {ProtocolType: WEBSOCKET, RouteSelectionExpression: '${request.body'}\n";
    std::fs::write(&file, text).unwrap();
    let output = check(&[file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let told = problems(&output);
    assert!(
        told.contains("api.yaml:2:3: error: Resources.Api: API ") && told.contains("route selection expression"),
        "{told}"
    );
}

#[test]
fn parameters_come_from_flags_and_files() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let good = file(
        "good.json",
        r#"[{"ParameterKey": "StageName", "ParameterValue": "Test"}, {"ParameterKey": "TableName", "ParameterValue": "one"}]"#,
    );
    let parameters =
        read(&check(&["chat.yaml", "--parameters", &good, "--parameter", "TableName=two"]))["stacks"][0]["parameters"]
            .clone();
    assert_eq!(parameters, serde_json::json!({"StageName": "Test", "TableName": "two"}));

    let bad = file("bad.json", "[1]");
    for (arguments, code, expected) in [
        (
            &["chat.yaml", "--parameter", "StageName=Nope"][..],
            1,
            "Parameters.StageName: the value of `StageName` is `Nope`, which is not allowed; use one of: Prod, Test",
        ),
        (
            &["chat.yaml", "--parameter", "StagName=Test"],
            1,
            "--parameter: error: a value is given for `StagName`, which is no parameter; did you mean `StageName`?",
        ),
        (
            &["chat.yaml", "--parameter", "StageName"],
            2,
            "--parameter: error: `StageName` has no value; write --parameter Key=Value",
        ),
        (&["chat.yaml", "--parameters", &bad], 2, "bad.json:1:2: error: 0: this is no parameter"),
        (&["chat.yaml", "--parameters", "nowhere.json"], 2, "nowhere.json: error: cannot be read: No such file"),
        (&["nowhere.yaml"], 1, "nowhere.yaml: error: cannot be read: No such file"),
        (&["chat.yaml", "--paramter", "a"], 2, "--parameter"),
    ] {
        let output = check(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        assert!(problems(&output).contains(expected), "{arguments:?}: {}", problems(&output));
    }
}

#[test]
fn a_device_that_never_ends_is_refused() {
    if Path::new("/dev/zero").exists() {
        let output = check(&["/dev/zero"]);
        assert!(problems(&output).contains("it has more than 8 MB"), "{}", problems(&output));
    }
}
