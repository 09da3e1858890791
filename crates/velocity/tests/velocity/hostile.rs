//! Templates that want too much get an error, soon, and no more than that.

use crate::render;
use sluicegate_velocity::limits::{MAX_FOREACH_ROUNDS, MAX_TEMPLATE_BYTES};
use sluicegate_velocity::{RenderErrorKind, Template};

#[test]
fn deep_nesting_is_refused_without_a_deep_stack() {
    let nest = |open: &str, times: usize| open.repeat(times);
    for (name, template) in [
        ("ifs", nest("#if(true)", 10_000)),
        ("foreachs", nest("#foreach($x in $y)", 10_000)),
        ("defines", nest("#define($x)", 10_000)),
        ("macros", nest("#macro(x)", 10_000)),
        ("brackets", format!("#set($x = {}", nest("(", 100_000))),
        ("nots", format!("#if({}$x)a#end", nest("!", 100_000))),
        ("lists", format!("#set($x = {}", nest("[", 100_000))),
        ("maps", format!("#set($x = {}", nest("{", 100_000))),
        ("map keys", format!("#set($x = {}", nest("{1:", 50_000))),
        ("indexes", nest("$x[", 50_000)),
        ("arguments", nest("$x.y(", 50_000)),
        ("unknown directives", format!("#x({}", nest("[", 100_000))),
    ] {
        let error = Template::parse(&template).expect_err(name);
        assert!(error.message.contains("nested deeper"), "{name}: {error}");
    }
}

#[test]
fn long_is_not_deep() {
    let sum = format!("#set($x = 0{})$x", "+1".repeat(50_000));
    assert_eq!(render(&sum).unwrap(), "50000");
    let elseifs = format!("#if(false){}#end", "#elseif(false)".repeat(15_000));
    assert_eq!(render(&elseifs).unwrap(), "");
    assert_eq!(render(&"$x.y.z".repeat(40_000)).unwrap(), "");
    assert_eq!(render(&"$x$".repeat(90_000)).unwrap().len(), 90_000);
    assert_eq!(render(&"#x(".repeat(90_000)).unwrap().len(), 270_000);
    assert_eq!(render(&"\\".repeat(300_000)).unwrap().len(), 300_000);
}

/// Each chain would nest as deep as the limits let it, in a build without optimisation, on a test's small stack.
#[test]
fn rendering_does_not_outgrow_the_stack() {
    let chain = |link: &dyn Fn(usize) -> String| (0..200).rev().map(link).collect::<String>();
    let (open, close) = ("(".repeat(25), ")".repeat(25));
    let groups = chain(&|i| format!("#define($b{i})#set($x = {open}\"$b{}\"{close})#end", i + 1)) + "$b0";
    let conditions = chain(&|i| format!("#define($b{i})#if({open}\"$b{}\" == 'x'{close})a#end#end", i + 1)) + "$b0";
    let nots = chain(&|i| format!("#define($b{i})#if({}$m.get(\"$b{}\"))a#end#end", "!".repeat(25), i + 1))
        + "#set($m = {})$b0";
    let calls = chain(&|i| format!("#define($b{i})$m{}.get($b{}){}#end", ".get($m".repeat(12), i + 1, ")".repeat(12)))
        + "#set($m = {})$b0";
    let lists = chain(&|i| {
        let wrapped = format!("#foreach($j in [1..100])#set($l{i} = [$l{i}])#end");
        format!("#define($b{i})$l{i}#end#set($l{i} = [$b{}]){wrapped}", i + 1)
    }) + "$b0";
    let maps = lists.replace("[$l", "{'a': $l").replace("])#end", "})#end").replace("[1..100})", "[1..100])");
    let entries = "#set($e = 1)#foreach($i in [1..1000])#foreach($j in [1..9])#set($m = {'a': $e})#set($e = $m.entrySet().get(0))#end#end$e";
    for (name, template) in [
        ("groups", groups),
        ("conditions", conditions),
        ("nots", nots),
        ("calls", calls),
        ("lists", lists),
        ("maps", maps),
        ("entries", entries.to_owned()),
    ] {
        match render(&template) {
            Ok(text) => panic!("{name} is within the limits, {} bytes", text.len()),
            Err(error) => assert_eq!(error.kind, RenderErrorKind::Limit, "{name}: {error}"),
        }
    }
}

#[test]
fn what_is_as_deep_as_it_may_be_is_rendered() {
    let body = format!("{}1{}", "[".repeat(127), "]".repeat(127));
    let template = format!("{}$input.json('$'){}", "#if((true))".repeat(30), "#end".repeat(30));
    assert_eq!(crate::render_with_body(&template, &body).unwrap(), body);
    let strings = format!("#set($x = {}$input.path('$..[0]').size(){})$x", "(".repeat(28), ")".repeat(28));
    assert_eq!(crate::render_with_body(&strings, &body).unwrap(), "127");
}

#[test]
fn text_past_the_quota_is_refused() {
    assert!(Template::parse(&"a".repeat(MAX_TEMPLATE_BYTES)).is_ok());
    let error = Template::parse(&"a".repeat(MAX_TEMPLATE_BYTES + 1)).unwrap_err();
    assert!(error.message.contains("more than"), "{error}");
}

#[test]
fn a_loop_ends_after_a_thousand_rounds() {
    let rounds = MAX_FOREACH_ROUNDS;
    assert_eq!(render("#foreach($i in [1..5000]).#end").unwrap(), ".".repeat(rounds));
    assert_eq!(render("#set($l = [1])#foreach($x in $l)#set($ok = $l.add($x))#end$l.size()").unwrap(), "2");
}

#[test]
fn renderings_are_bounded() {
    let doubling = "#set($s = 'xxxxxxxxxxxxxxxx')#foreach($i in [1..1000])#set($s = $s + $s)#end$s";
    let lists = "#set($l = ['x'])#foreach($i in [1..60])#set($l = [$l, $l])#end";
    let cases = [
        ("doubling", doubling.to_owned()),
        ("doubling in quotes", doubling.replace("$s + $s", "\"$s$s\"")),
        ("doubling by replace", doubling.replace("$s + $s", "$s.replace('x', 'xx')")),
        ("doubling by regex", doubling.replace("$s + $s", "$s.replaceAll('x', 'xx')")),
        ("doubling by concat", doubling.replace("$s + $s", "$s.concat($s)")),
        ("loops in loops", "#foreach($a in [1..1000])#foreach($b in [1..1000])#foreach($c in [1..1000])x#end#end#end".to_owned()),
        ("empty loops", "#foreach($a in [1..1000])#foreach($b in [1..1000])#foreach($c in [1..1000])#end#end#end".to_owned()),
        ("a list that doubles, printed", format!("{lists}$l")),
        ("a list that doubles, compared", format!("{lists}#set($k = ['x'])#foreach($i in [1..60])#set($k = [$k, $k])#end#if($l == $k)a#end")),
        ("a list appended to itself", "#set($l = [1])#foreach($i in [1..1000])#set($ok = $l.addAll($l))#end".to_owned()),
        ("a list in itself", "#set($l = [1])#set($ok = $l.add($l))$l".to_owned()),
        ("a map in itself", "#set($m = {})#set($m.m = $m)#set($n = {})#set($n.m = $n)#if($m == $n)a#end".to_owned()),
        ("a search in itself", "#set($input.path('$').self = $input.path('$'))$input.json('$..x')".to_owned()),
        ("a deep value", "#set($l = [])#foreach($i in [1..1000])#set($l = [$l])#end$l".to_owned()),
        ("a range", "#set($l = [1..1000000000])".to_owned()),
        ("output", "#set($s = 'x')#foreach($i in [1..20])#set($s = $s + $s)#end#foreach($i in [1..1000])$s#end".to_owned()),
        ("a large regex", "#set($s = 'x')$s.matches('((a{1,100}){1,100}){1,100}')".to_owned()),
        ("regexes over long text", "#set($s = 'x')#foreach($i in [1..20])#set($s = $s + $s)#end#foreach($i in [1..1000])#set($b = $s.matches('(.*)(.*)(.*)(.*)(.*)[^x]'))#end".to_owned()),
        ("splitting into nothing", "#set($s = 'x')#foreach($i in [1..22])#set($s = $s + $s)#end#foreach($i in [1..1000])#set($p = $s.split(''))#end".to_owned()),
        ("blocks that print each other", (0..200).map(|i| format!("#define($b{i})$b{}$b{}#end", i + 1, i + 1)).collect::<String>() + "$b0"),
        ("searching from everywhere", format!("{lists}#set($input.path('$').l = $l)$input.json('$..x')")),
    ];
    for (name, template) in cases {
        let error = render(&template).expect_err(name);
        assert!(matches!(error.kind, RenderErrorKind::Limit | RenderErrorKind::Call), "{name}: {error}");
    }
}
