//! What is said from outside: names, places, parameters, exports.

use crate::disk::Written;
use sluicegate_template::{Environment, Options, Stack, load, parse_parameters};
use std::collections::BTreeMap;
use std::path::Path;

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
}

fn stack(text: &str, options: &Options) -> Result<Stack, String> {
    let loaded = load(Path::new("template.yaml"), &Written::template(text), options);
    loaded.map(|mut stacks| stacks.remove(0)).map_err(|problems| problems.to_string())
}

#[test]
fn a_stack_believes_to_be_where_it_is_told() {
    let text = "Resources: {Q: {Type: AWS::SQS::Queue}}\nOutputs: {Arn: {Value: !GetAtt Q.Arn}, In: {Value: !ImportValue other}}\n";
    let options = Options {
        stack_name: Some("blue".into()),
        environment: Environment::new("cn-north-1", "123456789012"),
        imports: map(&[("other", "exported")]),
        ..Options::default()
    };
    let stack = stack(text, &options).unwrap();
    assert_eq!(stack.queues[0].url, "https://sqs.cn-north-1.amazonaws.com.cn/123456789012/blue-Q");
    assert_eq!(stack.outputs[0].value, "arn:aws-cn:sqs:cn-north-1:123456789012:blue-Q");
    assert_eq!(stack.outputs[1].value, "exported");
}

#[test]
fn given_values_count_before_defaults_and_are_checked() {
    let template = |parameter: &str| {
        format!("Parameters: {{P: {{{parameter}}}}}\nResources: {{}}\nOutputs: {{It: {{Value: !Sub '${{P}}'}}}}\n")
    };
    for (parameter, given, expected) in [
        ("Type: String, Default: a", &[][..], Ok("a")),
        ("Type: String, Default: a", &[("P", "b")][..], Ok("b")),
        ("Type: Number", &[("P", "1.5")][..], Ok("1.5")),
        ("Type: Number", &[("P", "x")][..], Err("the value of `P` is no number: `x`; write digits")),
        ("Type: Number, MinValue: 2", &[("P", "1")][..], Err("the value of `P` breaks its MinValue of 2; it is 1")),
        ("Type: String, MaxLength: 2", &[("P", "abc")][..], Err("breaks its MaxLength of 2; it is 3")),
        ("Type: String, AllowedPattern: '[a-z]+'", &[("P", "abc")][..], Ok("abc")),
        ("Type: String, AllowedPattern: '[a-z]+'", &[("P", "a1")][..], Err("does not match its AllowedPattern [a-z]+")),
        (
            "Type: String, AllowedPattern: '(a+)+b'",
            &[("P", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac")][..],
            Err("its AllowedPattern"),
        ),
        (
            "Type: String, AllowedValues: [a], ConstraintDescription: say a",
            &[("P", "b")][..],
            Err("is not allowed; say a"),
        ),
        (
            "Type: String",
            &[][..],
            Err("the parameter `P` has no value; give one with --parameter P=…, or add a Default"),
        ),
        (
            "Type: String, Default: a",
            &[("Q", "b")][..],
            Err("--parameter: a value is given for `Q`, which is no parameter; use one of: P"),
        ),
        (
            "Type: String, Defualt: a",
            &[("P", "b")][..],
            Err("a parameter has no attribute `Defualt`; did you mean `Default`?"),
        ),
    ] {
        let options = Options { parameters: map(given), ..Options::default() };
        match (stack(&template(parameter), &options), expected) {
            (Ok(stack), Ok(value)) => assert_eq!(stack.outputs[0].value, value, "{parameter}"),
            (Err(problems), Err(part)) => assert!(problems.contains(part), "{parameter}: {problems}"),
            (found, _) => panic!("{parameter}: {found:?}"),
        }
    }
}

#[test]
fn parameter_files_are_read_in_every_spelling() {
    for text in [
        r#"[{"ParameterKey": "A", "ParameterValue": "1"}]"#,
        r#"["A=1"]"#,
        r#"{"A": "1"}"#,
        r#"{"A": 1}"#,
        r#"{"Parameters": {"A": "1"}}"#,
        "A: 1\n",
    ] {
        assert_eq!(parse_parameters(Path::new("p.json"), text).unwrap(), map(&[("A", "1")]), "{text}");
    }
    for (text, expected) in [
        ("[", "p.json:1:2: not JSON: the document ends where a value should be; complete it"),
        (r#"[{"ParameterKey": "A"}]"#, "p.json:1:2: 0: this is no parameter; write"),
        (r#"{"A": [1]}"#, "p.json:1:2: A: `A` is a list; write text"),
        ("text", "p.json:1:1: these are no parameters"),
    ] {
        let problems = parse_parameters(Path::new("p.json"), text).unwrap_err().to_string();
        assert!(problems.contains(expected), "{text}: {problems}");
    }
}

#[test]
fn addresses_can_be_made_local() {
    let text = "Resources:\n  Api: {Type: AWS::ApiGatewayV2::Api, Properties: {ProtocolType: WEBSOCKET, RouteSelectionExpression: a}}\n\
                Outputs:\n  Url: {Value: !Sub 'wss://${Api}.execute-api.${AWS::Region}.amazonaws.com/prod and https://other'}\n";
    let stack = stack(text, &Options::default()).unwrap();
    let api = &stack.apis[0].definition.api_id;
    let local = stack.localised(&stack.outputs[0].value, |id, scheme| {
        Some(format!("{}://127.0.0.1:8080/{id}", if scheme == "wss" { "ws" } else { "http" }))
    });
    assert_eq!(local, format!("ws://127.0.0.1:8080/{api}/prod and https://other"));
}

#[test]
fn the_same_template_gives_the_same_stack() {
    let text = include_str!("cases/streams.json");
    assert_eq!(stack(text, &Options::default()), stack(text, &Options::default()));
}
