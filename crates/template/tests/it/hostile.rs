//! Templates that somebody made to hurt: a precise problem, in time, within bounded memory.

use crate::disk::Written;
use sluicegate_template::{Options, limits, load};
use std::fmt::Write;
use std::path::Path;
use std::time::{Duration, Instant};

/// Generous: a debug build on a busy machine. What has no bound takes minutes, or all memory.
const IN_TIME: Duration = Duration::from_secs(30);

fn problems(text: String) -> String {
    let (files, started) = (Written::template(text), Instant::now());
    let outcome = load(Path::new("template.yaml"), &files, &Options::default());
    assert!(started.elapsed() < IN_TIME, "took {:?}", started.elapsed());
    match outcome {
        Ok(stacks) => format!("{} stacks", stacks.len()),
        Err(problems) => problems.to_string(),
    }
}

/// `a` names ten of `b`, each of which names ten of `c`, and so on.
fn bomb() -> String {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let inner = vec![format!("*a{}", level - 1); 10].join(", ");
        writeln!(text, "a{level}: &a{level} [{inner}]").unwrap();
    }
    text
}

/// Names that each consist of two of the next.
fn doubling() -> String {
    let mut text = "Resources:\n".to_owned();
    for level in 0..60 {
        let next = level + 1;
        writeln!(text, "  Q{level}: {{Type: AWS::SNS::Topic, Properties: {{TopicName: !Sub '${{Q{next}.TopicName}}${{Q{next}.TopicName}}'}}}}").unwrap();
    }
    text + "  Q60: {Type: AWS::SNS::Topic, Properties: {TopicName: xxxxxxxxxx}}\n"
}

/// Each resource named after the next, as many as there may be.
fn chain() -> String {
    let mut text = "Resources:\n".to_owned();
    for link in 0..499 {
        let nested =
            (0..20).fold(format!("!GetAtt Q{}.QueueName", link + 1), |inner, _| format!("!Join ['', [{inner}]]"));
        writeln!(text, "  Q{link}: {{Type: AWS::SQS::Queue, Properties: {{QueueName: {nested}}}}}").unwrap();
    }
    text + "  Q499: {Type: AWS::SQS::Queue}\n"
}

fn conditions() -> String {
    let mut text = "Resources: {}\nConditions:\n".to_owned();
    for link in 0..2000 {
        writeln!(text, "  C{link}: !Not [!Condition C{}]", link + 1).unwrap();
    }
    text + "  C2000: !Equals [a, a]\n"
}

/// A list that is as long as it may be, named as often as there is room.
fn repeated_parameter() -> String {
    let names = vec!["!Ref P"; 50_000].join(", ");
    format!(
        "Parameters: {{P: {{Type: CommaDelimitedList, Default: '{}'}}}}\nResources: {{}}\nOutputs: {{O: {{Value: !ToJsonString [{names}]}}}}\n",
        ",".repeat(4000)
    )
}

fn loops() -> String {
    let ten = "[a, b, c, d, e, f, g, h, i, j]";
    let mut text = "Resources:\n".to_owned();
    for level in 0..8 {
        let indent = "  ".repeat(level + 1);
        writeln!(text, "{indent}Fn::ForEach::L{level}:\n{indent}- N{level}\n{indent}- {ten}\n{indent}-").unwrap();
    }
    text + &"  ".repeat(9) + "Q${N0}${N1}${N2}${N3}${N4}${N5}${N6}${N7}: {Type: AWS::SQS::Queue}\n"
}

#[test]
fn what_has_no_end_is_refused_with_its_limit() {
    let nested = |open: &str, close: &str, depth| format!("Resources: {}{}", open.repeat(depth), close.repeat(depth));
    for (name, text, expected) in [
        ("bomb", bomb(), format!("the document has more than {} values, aliases expanded", limits::DOCUMENT_NODES)),
        (
            "10 MB",
            "#".repeat(10 << 20),
            format!("the file has {} bytes; a template has at most {}", 10 << 20, limits::DOCUMENT_BYTES),
        ),
        ("lists", nested("[", "]", 200), format!("maps and lists lie more than {} deep", limits::DOCUMENT_DEPTH)),
        ("maps", nested("{a: ", "}", 1000), format!("maps and lists lie more than {} deep", limits::DOCUMENT_DEPTH)),
        (
            "json",
            format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)),
            format!("more than {} deep", limits::DOCUMENT_DEPTH),
        ),
        ("many", "- x\n".repeat(500_000), format!("more than {} values", limits::DOCUMENT_NODES)),
        ("itself", "a: &a [*a]\n".into(), "this alias names a value that contains it".into()),
        ("two", "a: 1\n---\nb: 2\n".into(), "a second document begins here".into()),
        ("key", "? {a: 1}\n: 2\n".into(), "a map or list cannot be a key".into()),
        ("doubling", doubling(), "TopicName is no name; write 1 to 1024 characters".into()),
        ("chain", chain(), format!("functions and references wait for more than {} others", limits::EVALUATION_DEPTH)),
        ("conditions", conditions(), "this is no condition".into()),
        ("repeated", repeated_parameter(), format!("the template means more than {} bytes", limits::EVALUATED_BYTES)),
        ("loops", loops(), format!("loops make more than {} values", limits::DOCUMENT_NODES)),
        (
            "resources",
            (0..501)
                .fold("Resources:\n".into(), |text, number| format!("{text}  R{number}: {{Type: AWS::SQS::Queue}}\n")),
            format!("the template has 501 resources; at most {}", limits::RESOURCES),
        ),
        (
            "problems",
            (0..400).fold("Resources:\n".into(), |text, number| {
                format!("{text}  R{number}: {{Type: AWS::SQS::Queue, Properties: {{DelaySeconds: x}}}}\n")
            }),
            format!("and {} more", 400 - limits::PROBLEMS),
        ),
    ] {
        let problems = problems(text);
        assert!(problems.contains(&expected), "{name}: {}", problems.chars().take(500).collect::<String>());
    }
}

/// Stacks in each other, and side by side, as many as one likes.
#[test]
fn nested_stacks_are_bounded() {
    let stack = |name: &str, file: &str| {
        format!("  {name}: {{Type: AWS::CloudFormation::Stack, Properties: {{TemplateURL: {file}}}}}\n")
    };
    let mut files = Written::default();
    for level in 0..20 {
        let mut text = "Resources:\n".to_owned();
        for number in 0..10 {
            text += &stack(&format!("N{number}"), &format!("level{}.yaml", level + 1));
        }
        files.0.insert(format!("level{level}.yaml").into(), text);
    }
    let started = Instant::now();
    let told = load(Path::new("level0.yaml"), &files, &Options::default()).unwrap_err().to_string();
    assert!(started.elapsed() < IN_TIME, "took {:?}", started.elapsed());
    assert!(told.contains(&format!("stacks lie more than {} deep in each other", limits::NESTED_DEPTH)), "{told}");
    assert!(told.contains(&format!("more than {} stacks", limits::STACKS)), "{told}");
}

#[test]
fn large_documents_take_time_in_proportion() {
    let lines = |count: usize| {
        (0..count).fold("Metadata:\n".to_owned(), |text, number| text + &format!("  key{number}: [a, 'b', \"c\"]\n"))
    };
    let took = |text: String| {
        let started = Instant::now();
        problems(text);
        started.elapsed()
    };
    let (short, long) = (took(lines(5_000)), took(lines(50_000)));
    assert!(long < short * 40 + Duration::from_secs(2), "10 times as long took {short:?} and {long:?}");
}

#[test]
fn no_beginning_of_a_template_is_a_surprise() {
    let text = include_str!("cases/sam-websocket.yaml");
    for end in (0..text.len()).step_by(7) {
        problems(text[..end].to_owned());
        problems(text[end..].to_owned());
    }
    let text = include_str!("cases/streams.json");
    for end in (0..text.len()).step_by(13) {
        problems(text[..end].to_owned());
    }
}
