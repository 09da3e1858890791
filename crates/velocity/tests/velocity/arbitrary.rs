//! Whatever is thrown at it: an answer or an error, never a panic.

use crate::render_with_body;
use proptest::prelude::*;
use sluicegate_velocity::{Params, Scope, Template};

/// Parts that mean something, so that chance gets past the parser.
const PARTS: &[&str] = &[
    "#if(",
    "#elseif(",
    "#else",
    "#end",
    "#foreach($x in ",
    "#set($x = ",
    "#set($x.y = ",
    "#define($d)",
    "#macro(m)",
    "#break",
    "#stop",
    "$x",
    "$!x",
    "${x",
    "}",
    "$d",
    "$input",
    "$util",
    "$context",
    "$foreach",
    ".path('$..a')",
    ".json('$')",
    ".params()",
    ".size()",
    ".get(0)",
    ".keySet()",
    ".entrySet()",
    ".put('a', $x)",
    ".add($x)",
    ".substring(1, 2)",
    ".split('')",
    ".replaceAll('.', '$0')",
    ".count",
    ".hasNext",
    "[0]",
    "[-1]",
    "['a']",
    "[1..3]",
    "{'a': 1}",
    "[$x, 'b']",
    "'text'",
    "\"in $x\"",
    "\"",
    "'",
    "(",
    ")",
    "[",
    "]",
    " + ",
    " - ",
    " * ",
    " / ",
    " % ",
    " == ",
    " && ",
    " || ",
    "!",
    " and ",
    "not ",
    "1",
    "-2.5",
    "true",
    "null",
    ",",
    ":",
    "..",
    "\\",
    "#",
    "$",
    "##",
    "#*",
    "*#",
    "#[[",
    "]]#",
    "\n",
    "\r\n",
    " ",
    "é🦀",
    "text",
    "\\u00e9",
    "\\u",
    "#x(",
    "=",
];

fn template() -> impl Strategy<Value = String> {
    let part = prop_oneof![4 => prop::sample::select(PARTS).prop_map(str::to_owned), 1 => any::<String>()];
    prop::collection::vec(part, 0..40).prop_map(|parts| parts.concat())
}

fn try_all(text: &str, body: &str) {
    let Ok(template) = Template::parse(text) else { return };
    let context = serde_json::json!({"a": {"b": 1}});
    let scope = Scope { body, params: Params::default(), context: &context, stage_variables: vec![("s", "v")] };
    let first = template.render(&scope);
    // The same template gives the same answer.
    assert_eq!(first, template.render(&scope));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn meaningful_noise_is_answered(text in template(), body in any::<String>()) {
        try_all(&text, &body);
        try_all(&text, r#"{"a":[1,{"a":"x"},null]}"#);
    }

    #[test]
    fn any_text_is_answered(text in any::<String>()) {
        try_all(&text, "{}");
    }

    #[test]
    fn any_call_is_answered(
        method in prop::sample::select(&["substring", "charAt", "indexOf", "split", "replace", "replaceAll", "replaceFirst", "matches",
            "concat", "get", "set", "remove", "add", "subList", "put", "path", "json", "parseJson", "base64Decode", "urlDecode",
            "escapeJavaScript", "parseInt", "valueOf", "compareTo", "lastIndexOf"][..]),
        on in prop::sample::select(&["$s", "$l", "$m", "$n", "$input", "$util"][..]),
        arguments in prop::collection::vec(prop_oneof![
            any::<i64>().prop_map(|n| n.to_string()),
            any::<String>().prop_map(|text| format!("'{}'", text.replace('\'', "''"))),
            Just("$s".to_owned()), Just("$l".to_owned()), Just("$m".to_owned()),
        ], 0..3),
    ) {
        let arguments = arguments.join(", ");
        try_all(&format!("#set($s = 'aé🦀b')#set($l = [1, 'x'])#set($m = {{'a': 1}})#set($n = 5){on}.{method}({arguments})$l$m"), "{}");
    }

    #[test]
    fn json_keeps_its_order_and_its_values(keys in prop::collection::hash_set("[a-z]{1,6}", 0..8)) {
        let body = format!("{{{}}}", keys.iter().enumerate().map(|(i, key)| format!("\"{key}\":{i}")).collect::<Vec<_>>().join(","));
        prop_assert_eq!(render_with_body("$input.json('$')", &body).unwrap(), body);
    }
}
