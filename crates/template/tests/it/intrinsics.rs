//! Functions of templates, each as an output: what it gives, or what is wrong with it.

use crate::disk::Written;
use sluicegate_template::{Options, load};
use std::path::Path;

const TEMPLATE: &str = r#"
Parameters:
  Text: {Type: String, Default: hello}
  List: {Type: CommaDelimitedList, Default: 'a, b,c'}
  Number: {Type: Number, Default: 3}
  Image: {Type: 'AWS::SSM::Parameter::Value<String>', Default: /some/name}
Mappings:
  Regions: {us-east-1: {Zone: A, Names: [x, y]}}
Conditions:
  IsYes: !Equals [!Ref Text, hello]
  IsNo: !Not [!Condition IsYes]
  Both: !And [!Condition IsYes, !Condition IsNo]
  Either: !Or [!Condition IsYes, !Condition IsNo]
Resources:
  Api: {Type: AWS::ApiGatewayV2::Api, Properties: {ProtocolType: WEBSOCKET, RouteSelectionExpression: a}}
  Queue: {Type: AWS::SQS::Queue}
  Topic: {Type: AWS::SNS::Topic, Properties: {TopicName: !Sub '${Text}-news'}}
  Bucket: {Type: AWS::S3::Bucket}
  Role: {Type: AWS::IAM::Role}
  Users: {Type: AWS::Cognito::UserPool}
  Own: {Type: Custom::Thing}
  Absent: {Type: AWS::SQS::Queue, Condition: IsNo}
Outputs:
  It: {Value: "#;

fn outcome(value: &str) -> String {
    let files = Written::template(format!("{TEMPLATE}{value}}}\n"));
    match load(Path::new("template.yaml"), &files, &Options { stack_name: Some("s".into()), ..Options::default() }) {
        Ok(stacks) => stacks[0].outputs[0].value.clone(),
        Err(problems) => problems
            .problems
            .iter()
            .map(|one| format!("! {}; {}", one.message, one.remedy))
            .collect::<Vec<_>>()
            .join("\n"),
    }
}

#[test]
fn every_function_gives_its_value() {
    for (value, expected) in [
        ("!Ref Text", "hello"),
        ("!Ref Number", "3"),
        ("!Ref Image", "/some/name"),
        ("!Ref AWS::Region", "us-east-1"),
        ("!Ref AWS::AccountId", "000000000000"),
        ("!Ref AWS::Partition", "aws"),
        ("!Ref AWS::URLSuffix", "amazonaws.com"),
        ("!Ref AWS::StackName", "s"),
        ("!Select [0, !Split ['/', !Select [5, !Split [':', !Ref AWS::StackId]]]]", "stack"),
        ("{Ref: Text}", "hello"),
        ("!Join ['-', [!Ref Text, 1, true]]", "hello-1-true"),
        ("!Join [',', !Ref List]", "a,b,c"),
        ("!Sub '${Text} ${ Text } ${!Text} $Text ${AWS::Region}'", "hello hello ${Text} $Text us-east-1"),
        ("!Sub ['${A}${Text}', {A: !Ref Number}]", "3hello"),
        ("!Sub '${Queue.QueueName}'", "s-Queue"),
        ("!Sub 'no end ${Text'", "no end ${Text"),
        ("!Select [1, !Ref List]", "b"),
        ("!Select ['0', !Split [':', 'x:y']]", "x"),
        ("!If [IsYes, 1, 2]", "1"),
        ("!If [IsNo, !Ref Nobody, 2]", "2"),
        ("!If [Both, 1, 2]", "2"),
        ("!If [Either, 1, 2]", "1"),
        ("!Join ['', [a, !If [IsNo, b, !Ref 'AWS::NoValue'], c]]", "ac"),
        ("!FindInMap [Regions, !Ref 'AWS::Region', Zone]", "A"),
        ("!FindInMap [Regions, mars, Zone, {DefaultValue: none}]", "none"),
        ("!Select [1, !FindInMap [Regions, us-east-1, Names]]", "y"),
        ("!Base64 hello", "aGVsbG8="),
        ("!Select [1, !Cidr [10.0.0.0/16, 2, 8]]", "10.0.1.0/24"),
        ("!Select [0, !GetAZs '']", "us-east-1a"),
        ("!Length [1, 2, 3]", "3"),
        ("!ToJsonString {a: [1, !Ref Text]}", r#"{"a":[1,"hello"]}"#),
        ("!GetAtt Queue.Arn", "arn:aws:sqs:us-east-1:000000000000:s-Queue"),
        ("{'Fn::GetAtt': Queue.Arn}", "arn:aws:sqs:us-east-1:000000000000:s-Queue"),
        ("!GetAtt [Queue, Arn]", "arn:aws:sqs:us-east-1:000000000000:s-Queue"),
        ("!Ref Queue", "https://sqs.us-east-1.amazonaws.com/000000000000/s-Queue"),
        ("!Ref Topic", "arn:aws:sns:us-east-1:000000000000:hello-news"),
        ("!GetAtt Bucket.Arn", "arn:aws:s3:::s-bucket"),
        ("!GetAtt Role.Arn", "arn:aws:iam::000000000000:role/s-Role"),
        ("!Ref Own", "s-Own"),
        ("!GetAtt Own.Anything.AtAll", "s-Own.Anything.AtAll"),
    ] {
        assert_eq!(outcome(value), expected, "{value}");
    }
}

#[test]
fn every_mistake_is_told_with_a_remedy() {
    for (value, expected) in [
        ("!Ref Txt", "! there is no parameter or resource `Txt`; did you mean `Text`?"),
        ("!Ref AWS::Regoin", "! there is no pseudo parameter `AWS::Regoin`; did you mean `AWS::Region`?"),
        ("!Ref [a]", "! Ref names nothing; write the name of a parameter or a resource"),
        ("!Ref List", "! the Value of an output should be text; write text, or a function that gives text"),
        ("!Ref AWS::NoValue", "! the Value of an output should be text; write text, or a function that gives text"),
        ("!GetAtt Queue.Arm", "! `Queue` (AWS::SQS::Queue) has no attribute `Arm`; did you mean `Arn`?"),
        (
            "!GetAtt Queue",
            "! Fn::GetAtt names no attribute; write [resource, attribute], or resource.attribute in YAML",
        ),
        ("!GetAtt Text.Arn", "! `Text` is a parameter, and has no attributes; use Ref"),
        (
            "!Ref Absent",
            "! `Absent` is not created: its condition `IsNo` does not hold; refer to it only where it exists: Fn::If: [IsNo, …, …]",
        ),
        (
            "!Sub '${Queue.Nope}'",
            "! `Queue` (AWS::SQS::Queue) has no attribute `Nope`; use one of: Arn, QueueName, QueueUrl",
        ),
        ("!Sub '${List}'", "! `${List}` is a list; only text can be put into text; join a list with Fn::Join"),
        ("!Sub {a: b}", "! Fn::Sub wants text, and this is a map; write text, or [text, {Name: value}]"),
        ("!Join [a]", "! Fn::Join is not written like this; write [delimiter, [value, …]]"),
        ("!Join ['', [[a]]]", "! Fn::Join wants texts, and this is a list; write [delimiter, [value, …]]"),
        ("!Select [3, !Ref List]", "! Fn::Select wants item 3, and there are 3; items are counted from 0"),
        ("!Select [x, [a]]", "! `x` is no index; write [index, [value, …]], counted from 0"),
        ("!Split ['', a]", "! Fn::Split has no delimiter; write [delimiter, text]"),
        ("!If [Maybe, 1, 2]", "! there is no condition `Maybe`; use one of: Both, Either, IsNo, IsYes"),
        ("!FindInMap [Regions, us-east-2, Zone]", "! Mappings have no `us-east-2` here; did you mean `us-east-1`?"),
        (
            "!ImportValue Elsewhere",
            "! no stack exports `Elsewhere`; load the stack that exports it together with this one",
        ),
        (
            "!Cidr [x, 1, 1]",
            "! Fn::Cidr cannot cut these blocks; write [block such as 10.0.0.0/16, count from 1 to 256, bits of each block's hosts]",
        ),
        ("!Equals [a, a]", "! Fn::Equals stands where a value should; name it in Conditions and choose with Fn::If"),
        (
            "!Transform {Name: Mine}",
            "! macros run on AWS only; run `sam build`, or process the template where the macro exists, and use what comes out",
        ),
        ("{'Fn::Subb': x}", "! there is no function `Fn::Subb`; did you mean `Fn::Sub`?"),
        ("{'Fn::Sub': x, also: y}", "! `Fn::Sub` stands beside other keys; a function is the only key of its map"),
    ] {
        assert_eq!(outcome(value), expected, "{value}");
    }
}
