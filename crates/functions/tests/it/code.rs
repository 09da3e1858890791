//! Code from folders, zips and text: what is right runs, and what is wrong says how.

use crate::lambda::{Lambda, code, folder, inline, problem, write};
use serde_json::json;
use sluicegate_functions::process::{Code, ProcessFunction, Processes, Settings};
use std::io::{Cursor, Write};
use std::path::Path;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// An entry of a zip.
enum Entry<'a> {
    File(&'a str, &'a str),
    Link(&'a str, &'a str),
    /// So many zeros.
    Zeros(&'a str, usize),
}

use Entry::{File, Link, Zeros};

fn zip(at: &Path, entries: &[Entry<'_>], mode: Option<u32>) -> Code {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let mut options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    if let Some(mode) = mode {
        options = options.unix_permissions(mode);
    }
    for entry in entries {
        match entry {
            File(name, text) => {
                writer.start_file(*name, options).unwrap();
                writer.write_all(text.as_bytes()).unwrap();
            }
            Link(name, target) => writer.add_symlink(*name, *target, options).unwrap(),
            Zeros(name, bytes) => {
                writer.start_file(*name, options).unwrap();
                let piece = vec![0; 1024 * 1024];
                (0..bytes / piece.len()).for_each(|_| writer.write_all(&piece).unwrap());
            }
        }
    }
    Code::Zip(write(at, &writer.finish().unwrap().into_inner()))
}

fn node(code: Code) -> ProcessFunction {
    ProcessFunction { code, ..inline("f", "nodejs22.x", "") }
}

const ECHO: &str = "exports.handler = async () => require('./lib/value')";

#[tokio::test]
async fn zips_and_layers_run() {
    let files = tempfile::tempdir().unwrap();
    let at = |name: &str| files.path().join(name);
    let entries = [
        File("index.js", ECHO),
        File("./lib/real.js", "module.exports = [require('layered'), require('over')]"),
        Link("lib/value.js", "real.js"),
        Link("node_modules/.bin/x", "../../index.js"),
    ];
    let mut function = node(zip(&at("code.zip"), &entries, None));
    let module = |name: &'static str| format!("nodejs/node_modules/{name}/index.js");
    let (layered, over) = (module("layered"), module("over"));
    function.layers = vec![
        zip(&at("a.zip"), &[File(&layered, "module.exports = 'a'"), File(&over, "module.exports = 'under'")], None),
        code(&folder(&[])),
        zip(&at("b.zip"), &[File(&over, "module.exports = 'over'")], None),
    ];
    function.layers.remove(1);
    let lambda = Lambda::of([function.clone()]);
    assert_eq!(lambda.invoke("f", 1).await.result(), json!(["a", "over"]));
    // The same zip is not unpacked again, and does as well.
    let again = lambda.processes.load(ProcessFunction { name: "g".into(), ..function }).unwrap();
    assert_eq!(again.arn(), "arn:aws:lambda:us-east-1:000000000000:function:g");
    lambda.processes.stop().await;
}

#[tokio::test]
async fn variables_name_paths_as_they_are_here() {
    let text = "exports.handler = async (name) => process.env[name].split(':').map((path) => {\n\
                  try { return require('fs').readFileSync(path, 'utf8') } catch { return path }\n})";
    let (own, under, over) = (
        folder(&[("index.js", text), ("own.txt", "own")]),
        folder(&[("both.txt", "under"), ("under.txt", "only under")]),
        folder(&[("both.txt", "over")]),
    );
    let mut function = node(code(&own));
    function.layers = vec![code(&under), code(&over)];
    let cases = [
        ("BOTH", "/opt/both.txt", json!(["over"])),
        ("LIST", "/var/task/own.txt:/opt/under.txt:/etc", json!(["own", "only under", "/etc"])),
        ("MISSING", "/opt/missing.txt:/optional", json!(["/opt/missing.txt", "/optional"])),
        ("ROOT", "/var/task", json!([own.path()])),
    ];
    function.environment = cases.iter().map(|(name, value, _)| ((*name).into(), (*value).into())).collect();
    let lambda = Lambda::of([function]);
    for (name, value, expected) in cases {
        assert_eq!(lambda.invoke("f", json!(name)).await.result(), expected, "{value}");
    }
    lambda.processes.stop().await;
}

#[test]
fn code_that_nobody_needs_any_more_is_removed() {
    let data = tempfile::tempdir().unwrap();
    let folders = || std::fs::read_dir(data.path().join("function-code")).unwrap().count();
    let load = |texts: &[&str]| {
        // Each start of a server is one.
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let processes = Processes::new(Settings::new(data.path())).unwrap();
            let load = |(number, text)| processes.load(inline(&format!("f{number}"), "nodejs22.x", text)).unwrap();
            let _loaded: Vec<_> = texts.iter().copied().enumerate().map(load).collect();
            processes.remove_unused_code();
        });
    };
    load(&["1", "2"]);
    assert_eq!(folders(), 2);
    load(&["2", "3", "3"]);
    assert_eq!(folders(), 2);
    load(&[]);
    assert_eq!(folders(), 0);
}

#[tokio::test]
async fn a_bootstrap_of_a_zip_without_modes_is_executable() {
    let files = tempfile::tempdir().unwrap();
    let script = "#!/usr/bin/env python3\nimport http.client, os\nwhile True:\n  \
                  api = http.client.HTTPConnection(os.environ['AWS_LAMBDA_RUNTIME_API'])\n  \
                  api.request('GET', '/2018-06-01/runtime/invocation/next')\n  answer = api.getresponse()\n  answer.read()\n  \
                  id = answer.headers['Lambda-Runtime-Aws-Request-Id']\n  \
                  api.request('POST', f'/2018-06-01/runtime/invocation/{id}/response', '\"ran\"')\n  api.getresponse().read()";
    let code = zip(&files.path().join("code.zip"), &[File("bootstrap", script)], Some(0));
    let function = ProcessFunction::new("f", "provided.al2023".parse().unwrap(), "", code);
    let lambda = Lambda::of([ProcessFunction { timeout: std::time::Duration::from_secs(10), ..function }]);
    assert_eq!(lambda.invoke("f", 1).await.result(), "ran");
    lambda.processes.stop().await;
}

#[tokio::test]
async fn what_is_wrong_with_code_is_told_when_it_is_loaded() {
    let files = tempfile::tempdir().unwrap();
    let at = |name: &str| files.path().join(name);
    let elf = {
        let mut elf = vec![0x7f, b'E', b'L', b'F', 2, 1];
        elf.resize(20, 0);
        elf[18] = if cfg!(target_arch = "x86_64") { 183 } else { 62 };
        elf
    };
    let provided =
        |files: &tempfile::TempDir| ProcessFunction::new("f", "provided.al2".parse().unwrap(), "", code(files));
    let (none, plain, program, text) =
        (folder(&[]), folder(&[]), folder(&[("bootstrap", "")]), folder(&[("bootstrap", "hi")]));
    write(&plain.path().join("bootstrap"), b"#!/bin/sh\n");
    write(&program.path().join("bootstrap"), &elf);
    let cases = [
        (provided(&none), "there is no file `bootstrap` in"),
        (provided(&plain), "is not executable; say `chmod +x`"),
        (provided(&program), "build it for this one"),
        (provided(&text), "is neither a program of this machine nor a script"),
        (node(Code::Folder(at("none"))), "cannot be read: No such file"),
        (node(Code::Folder(write(&at("file"), b"x"))), "is not a folder"),
        (node(Code::Zip(at("none.zip"))), "none.zip cannot be read"),
        (node(Code::Zip(write(&at("no.zip"), b"hello"))), "no.zip cannot be used"),
        (
            ProcessFunction { runtime: "provided.al2".parse().unwrap(), ..inline("f", "nodejs22.x", "") },
            "inline code is possible for",
        ),
        (node(zip(&at("1.zip"), &[File("../x", "")], None)), "`../x` would lie outside of the folder"),
        (node(zip(&at("2.zip"), &[File("a/../../x", "")], None)), "would lie outside"),
        (node(zip(&at("3.zip"), &[File("/etc/x", "")], None)), "`/etc/x` would lie outside"),
        (node(zip(&at("4.zip"), &[File("a\\..\\..\\x", "")], None)), "would lie outside"),
        (node(zip(&at("5.zip"), &[Link("l", "/etc/passwd")], None)), "`l` is a link that leads out of the folder"),
        (node(zip(&at("6.zip"), &[Link("a/l", "../../x")], None)), "`a/l` is a link that leads out"),
        (node(zip(&at("7.zip"), &[Link("a/up", ".."), Link("l", "a/up/../x")], None)), "`l` is a link that leads out"),
        (node(zip(&at("8.zip"), &[Link("d", "e"), File("d/x", "")], None)), "lies below a file or a link"),
        (node(zip(&at("9.zip"), &[File("d", ""), File("d/x", "")], None)), "lies below a file or a link"),
        (
            node(zip(&at("10.zip"), &[Zeros("big", 251 * 1024 * 1024)], None)),
            "it is larger than 262144000 bytes when unpacked",
        ),
        (
            ProcessFunction { timeout: std::time::Duration::from_secs(901), ..inline("f", "nodejs22.x", "") },
            "at most 900 s",
        ),
        (
            ProcessFunction { memory_mb: 64, ..inline("f", "nodejs22.x", "") },
            "64 MB of memory is not from 128 to 10240",
        ),
        (ProcessFunction { handler: String::new(), ..inline("f", "nodejs22.x", "") }, "the handler is empty"),
        (inline("a/b", "nodejs22.x", ""), "the name `a/b` must be"),
    ];
    for (function, expected) in cases {
        let problem = problem(function);
        assert!(problem.contains(expected), "{problem}\ndoes not say\n{expected}");
    }
}
