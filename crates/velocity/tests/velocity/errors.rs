//! What is refused, where, and with what advice.

use crate::render;
use sluicegate_velocity::{RenderErrorKind, Template};

#[test]
fn templates_that_do_not_parse_say_where_and_how_to_mend_it() {
    for (template, line, column, message, remedy) in [
        ("#if(true)", 1, 1, "the #if has no #end", "#end"),
        ("a\nb #foreach($x in $y)\nc", 2, 3, "the #foreach has no #end", "#end"),
        ("#if(true)#else#else#end", 1, 15, "already has an #else", "once"),
        ("#if(true)#else#elseif(true)#end", 1, 15, "already has an #else", "last"),
        ("x #end", 1, 3, "#end without an open", "remove"),
        ("#else", 1, 1, "#else without", "remove"),
        ("#elseif(true)", 1, 1, "#elseif without", "remove"),
        ("#if", 1, 1, "#if needs brackets", "\\#if"),
        ("#if(true", 1, 1, "#if is not closed", ")"),
        ("#if(true x)", 1, 10, "found 'x'", ")"),
        ("#if()a#end", 1, 5, "expected a value, found ')'", "$reference"),
        ("#if($a = 1)a#end", 1, 8, "found '='", ")"),
        ("#if(1 +)a#end", 1, 8, "expected a value", "number"),
        ("#if(maybe)a#end", 1, 5, "expected a value, found 'm'", "'text'"),
        ("#set $a = 1", 1, 1, "#set needs an assignment", "#set($name = value)"),
        ("#set(a = 1)", 1, 6, "needs a reference", "#set($name"),
        ("#set($a 1)", 1, 9, "needs =", "#set($name"),
        ("#set($a = 'x)", 1, 11, "string is not closed", "'"),
        ("#set($a = \"x)", 1, 11, "string is not closed", "\""),
        ("#set($a = [1, 2)", 1, 16, "expected , or ]", "#set first"),
        ("#set($a = [1 2])", 1, 14, "list is not closed", ","),
        ("#set($a = [1..2)", 1, 16, "range is not closed", "[1..10]"),
        ("#set($a = {'a' 1})", 1, 16, "key has no value", "\"key\""),
        ("#set($a = {'a': 1)", 1, 18, "map is not closed", "\"key\""),
        ("#set($a = (1 + 2)", 1, 1, "#set is not closed", ")"),
        ("#set($a = (1 + 2", 1, 11, "bracket is not closed", ")"),
        ("Hello ${name.", 1, 7, "the reference ${name is not closed", "}"),
        ("$a[b]", 1, 4, "expected a value", "${name}["),
        ("$a[1", 1, 3, "index is not closed", "${name}["),
        ("$a.b(1 + 2)", 1, 8, "expected , or )", "#set first"),
        ("#foreach($x on $y)a#end", 1, 13, "the word in", "#foreach($element in $list)"),
        ("#foreach(x in $y)a#end", 1, 10, "plain name", "#foreach("),
        ("#foreach($x.y in $y)a#end", 1, 10, "plain name", "#foreach("),
        ("#foreach($x in $y)a#else b#end", 1, 20, "#foreach has no #else", "remove"),
        ("#define($x)", 1, 1, "the #define has no #end", "#end"),
        ("#macro(x", 1, 1, "#macro has no closing bracket", ")"),
        ("é #* open", 1, 3, "comment is not closed", "*#"),
        ("#[[ open", 1, 1, "literal text is not closed", "]]#"),
        ("ok\n  #set($a = \"x #if(true) y\")", 2, 13, "the #if has no #end", "#end"),
    ] {
        let error = Template::parse(template).expect_err(template);
        assert_eq!((error.line, error.column), (line, column), "{template:?}: {error}");
        assert!(error.message.contains(message), "{template:?}: {error}");
        assert!(error.remedy.contains(remedy), "{template:?}: {error}");
    }
}

#[test]
fn calls_that_java_would_refuse_fail_with_their_place() {
    for (template, line, column, message) in [
        ("a\n $input.path('$.items')[7]", 2, 2, "outside the list of 3"),
        ("#set($l = [])$l.get(0)", 1, 14, "outside the list of 0"),
        ("#set($l = [])#set($l[0] = 1)", 1, 19, "outside the list of 0"),
        ("#set($s = 'abc')$s.substring(2, 9)", 1, 17, "2 to 9 is outside the string of 3"),
        ("#set($s = 'abc')$s.replaceAll('(', '')", 1, 17, "regular expression"),
        ("#set($s = 'abc')$s.matches('(?=a)')", 1, 17, "look-around"),
        ("#set($s = 'abc')$s.replaceAll('a', '$1')", 1, 17, "group"),
        ("#set($i = 0)$i.parseInt('x')", 1, 13, "cannot read \"x\""),
        ("$util.parseJson('{')", 1, 1, "parseJson"),
        ("$util.base64Decode('!')", 1, 1, "base64Decode"),
        ("$input.path('$[')", 1, 1, "JSONPath"),
    ] {
        let error = render(template).expect_err(template);
        assert_eq!((error.line, error.column), (line, column), "{template:?}: {error}");
        assert_eq!(error.kind, RenderErrorKind::Call, "{template:?}: {error}");
        assert!(error.message.contains(message), "{template:?}: {error}");
    }
}
