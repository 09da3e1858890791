//! `$input`, `$context`, `$stageVariables`, `$util`, and templates as people write them for API Gateway.

use crate::{check, render, render_with_body};
use sluicegate_velocity::RenderErrorKind;

#[test]
fn input() {
    check(&[
        ("$input.json('$.name') $input.path('$.name')", "\"Ada\" Ada"),
        ("$input.json('$.deep')", r#"{"b":[1,{"c":"x"}],"a":null}"#),
        ("$input.json('$.items[0]')", r#"{"id":1,"kind":"x","tags":["p","q"]}"#),
        ("$input.json('$.nothing') [$input.path('$.nothing')]", "\"\" []"),
        ("$input.json('$.deep.a')", "\"\""),
        ("$input.path('$.deep')", r#"{b=[1,{"c":"x"}], a=null}"#), // AWS: lists from JSON print as JSON
        ("$input.path('$.items')[0]", r#"{id=1, kind=x, tags=["p","q"]}"#),
        ("$input.path('$.items')", r#"[{"id":1,"kind":"x","tags":["p","q"]},{"id":2,"kind":"y"},{"id":3,"kind":"x"}]"#),
        ("#set($r = $input.path('$.nothing')){$r, $r.x, #if($r == $null)1#end, #if($r == '')2#end}", "{, , 1, 2}"), // AWS
        ("#set($r = $input.path('$.empty')){$r, $r.x, #if($r == $null)1#end, #if($r == '')2#end}", "{[], , , }"), // AWS
        ("#set($r = $input.path('$'))$r.name $r.items.size() $r.items[1].kind", "Ada 3 y"),
        ("#set($r = $input.path('$.deep'))#set($r.a = 'set')$input.json('$.deep')", r#"{"b":[1,{"c":"x"}],"a":"set"}"#),
        ("#set($input.path('$.deep').b = 1)$input.json('$.deep')", r#"{"b":1,"a":null}"#),
        ("$input.json('$.zeta') $input.json('$.alpha') $input.json('$.yes')", "1 2.5 true"),
        ("$input.json('$.quote')", r#""it's \"so\"""#),
        (
            "$input.params('room') $input.params('proxy') $input.params('Host') $input.params('x-token')",
            "42 a/b example.org s3'cret",
        ),
        ("[$input.params('none')]", "[]"),
        (
            "$input.params().querystring.room $input.params().header.get('X-Token') $input.params().path",
            "42 s3'cret {proxy=a/b}",
        ),
        ("$input.params().keySet()", "[path, querystring, header]"),
        ("$input.body.name|$input.nothing|$input.nothing()|$input", "|||"),
    ]);
    assert_eq!(render_with_body("$input.body", r#"{"a" : 1}"#).unwrap(), r#"{"a" : 1}"#);
    assert_eq!(render_with_body("$input.body $input.json('$')", "").unwrap(), "{} {}"); // AWS
    assert_eq!(
        render_with_body("$input.json('$')", r#"{"z":1,"a":[2, 3],"m":{"y":0,"b":0}}"#).unwrap(),
        r#"{"z":1,"a":[2,3],"m":{"y":0,"b":0}}"#
    );
    assert_eq!(render_with_body("$input.json('$')", "\"text\"").unwrap(), "\"text\"");
    assert_eq!(render_with_body("$input.body", "plain").unwrap(), "plain");
}

#[test]
fn a_body_that_is_not_json_is_told_apart() {
    for template in ["$input.json('$')", "a\n  $input.path('$.x')"] {
        let error = render_with_body(template, "plain text").unwrap_err();
        assert_eq!(error.kind, RenderErrorKind::BodyNotJson, "{error}");
    }
    assert_eq!(render_with_body("no need $util.urlEncode('a')", "plain text").unwrap(), "no need a");
}

#[test]
fn json_paths() {
    check(&[
        ("$input.json('$.items[*].id')", "[1,2,3]"),
        ("$input.json('$.items[-1].id') $input.json(\"$['items'][1]['id']\") $input.json('items[0].id')", "3 2 1"),
        (
            "$input.json('$.items[0:2].id') $input.json('$.items[1:].id') $input.json('$.items[-2:].id')",
            "[1,2] [2,3] [2,3]",
        ),
        ("$input.json('$.items[0,2].id')", "[1,3]"),
        ("$input.json('$..c') $input.json('$..id')", "[\"x\"] [1,2,3]"),
        ("$input.json('$.deep.*')", r#"[[1,{"c":"x"}],null]"#),
        ("$input.json(\"$.items[?(@.kind=='x')].id\")", "[1,3]"),
        (
            "$input.json('$.items[?(@.id > 1 && @.id <= 3)].id') $input.json('$.items[?(@.id==1 || @.id==3)].id')",
            "[2,3] [1,3]",
        ),
        ("$input.json('$.items[?(@.tags)].id') $input.json('$.items[?(!@.tags)].id')", "[1] [2,3]"),
        (
            "$input.json('$.items[9].id') $input.json('$.items[*].none') $input.json(\"$['name','zeta']\")",
            r#""" [] {"name":"Ada","zeta":1}"#,
        ),
    ]);
}

#[test]
fn context_and_stage_variables() {
    check(&[
        (
            "$context.connectionId $context.identity.sourceIp $context.connectedAt",
            "ahxA0bIfjoECHlw= 198.51.100.7 1772619630117",
        ),
        ("[$context.authorizer.principalId$context.authorizer.none$context.error.message]", "[u1]"),
        ("$context['routeKey'] $context.get('stage')", "send prod"),
        (
            "#foreach($k in $context.authorizer.keySet())$k=$context.authorizer.get($k);#end",
            "principalId=u1;tenant=t9;",
        ),
        ("#set($context.responseOverride.status = 400)ok", "ok"),
        (
            "$stageVariables.table ${stageVariables.table} $stageVariables['z-y'] $stageVariables.z-y $stageVariables.no|",
            "live live hyphen hyphen |",
        ),
        ("#foreach($k in $stageVariables.keySet())$k #end", "table z-y "),
    ]);
}

#[test]
fn utilities() {
    check(&[
        ("$util.escapeJavaScript(\"it's \"\"so\"\" \\ /\")", r#"it\'s \"so\" \\ \/"#),
        ("$util.escapeJavaScript('é\t\n🦀')", r"\u00E9\t\n\uD83E\uDD80"),
        (r#"$util.escapeJavaScript("it's").replaceAll("\\'", "'")"#, "it's"),
        ("$util.escapeJavaScript($input.json('$.quote'))", r#"\"it\'s \\\"so\\\"\""#),
        ("[$util.escapeJavaScript($nobody)]", "[]"),
        ("$util.urlEncode('x=a+b c/é*~_-.') $util.urlDecode('x%3Da+b%C3%A9')", "x%3Da%2Bb+c%2F%C3%A9*%7E_-. x=a bé"),
        ("$util.base64Encode('héllo') $util.base64Decode('aMOpbGxv')", "aMOpbGxv héllo"),
        ("$util.base64Decode('YQ') $util.base64Decode('YQ==')", "a a"),
        (
            "#set($o = $util.parseJson('{\"key1\":\"v\",\"key2\":{\"arr\":[1,2]}}'))$o.key1 $o.key2.arr[1] $o",
            "v 2 {key1=v, key2={arr=[1,2]}}",
        ),
        ("$util.parseJson('[{\"val\": 0}, {\"val\": 2}]')", r#"[{"val":0},{"val":2}]"#),
        ("$util.parseJson('1') $util.parseJson('true') $util.nothing('x')|", "1 true |"),
    ]);
}

#[test]
fn templates_as_people_write_them() {
    // The pass-through template that the console offers.
    let all_parameters = r#"#set($allParams = $input.params())
{
"body-json" : $input.json('$.deep.b'),
"params" : {
#foreach($type in $allParams.keySet())
    #set($params = $allParams.get($type))
"$type" : {
    #foreach($paramName in $params.keySet())
    "$paramName" : "$util.escapeJavaScript($params.get($paramName))"
        #if($foreach.hasNext),#end
    #end
}
    #if($foreach.hasNext),#end
#end
}
}"#;
    let text = render(all_parameters).unwrap();
    let expected = "{\n\"body-json\" : [1,{\"c\":\"x\"}],\n\"params\" : {\n\"path\" : {\n        \"proxy\" : \"a\\/b\"\n            }\n    ,\"querystring\" : {\n        \"room\" : \"42\"\n        ,        \"proxy\" : \"shadowed\"\n            }\n    ,\"header\" : {\n        \"Host\" : \"example.org\"\n        ,        \"X-Token\" : \"s3\\'cret\"\n            }\n    }\n}";
    assert_eq!(text, expected);
    check(&[
        // A loop that a #define holds, over whatever the variable holds where it is printed.
        (
            "#define($loop){#foreach($e in $map.keySet())\"$e\":\"$map.get($e)\"#if($foreach.hasNext),#end#end}#end\n#set($map = $context.authorizer)\n{\"a\":$loop,#set($map = $stageVariables)\"b\":$loop}",
            r#"{"a":{"principalId":"u1","tenant":"t9"},"b":{"table":"live","z-y":"hyphen"}}"#,
        ),
        // Joining, with a list made on the way.
        (
            "#set($ids = [])#foreach($item in $input.path('$.items'))#if($item.kind == 'x')#set($ok = $ids.add($item.id))#end#end{\"ids\": $ids}",
            "{\"ids\": [1, 3]}",
        ),
        ("{\"statusCode\": 200}", "{\"statusCode\": 200}"),
        (
            "#set($inputRoot = $input.path('$'))\n{\n  \"count\": $inputRoot.items.size(),\n  \"first\": \"$inputRoot.items.get(0).id\"\n}",
            "{\n  \"count\": 3,\n  \"first\": \"1\"\n}",
        ),
        (
            "Action=SendMessage&MessageBody=$util.urlEncode($input.json('$.deep'))",
            "Action=SendMessage&MessageBody=%7B%22b%22%3A%5B1%2C%7B%22c%22%3A%22x%22%7D%5D%2C%22a%22%3Anull%7D",
        ),
        ("#if($input.path('$.name') != '' && $input.path('$.yes'))\"$input.path('$.name')\"#{else}null#end", "\"Ada\""),
        (
            "{\"default\": #if(\"$!input.path('$.limit')\" == \"\")10#{else}$input.json('$.limit')#end}",
            "{\"default\": 10}",
        ),
    ]);
}
