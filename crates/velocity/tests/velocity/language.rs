//! The language itself. Rows marked AWS were seen on API Gateway where they differ from plain Velocity.

use crate::check;

#[test]
fn references() {
    check(&[
        ("plain text", "plain text"),
        ("", ""),
        ("#set($n = 'Ada')Hello $n!", "Hello Ada!"),
        ("#set($n = 'Ada')Hello ${n}s", "Hello Adas"),
        ("#set($n = 'Ada')Hello $!n and $!{n}", "Hello Ada and Ada"),
        ("Hello $nobody.", "Hello ."), // AWS: printed literally by Velocity
        ("Hello $!nobody.", "Hello ."),
        ("Hello ${nobody}.", "Hello ."),
        ("[$nobody.of.any(1)[2].kind]", "[]"),
        ("Hello $ ", "Hello $ "),
        ("costs 5$ or $5 or $0.50", "costs 5$ or $5 or $0.50"),
        ("$", "$"),
        ("$!", "$!"),
        ("${}", "${}"),
        ("${ x}", "${ x}"),
        ("$[0]", "$[0]"),
        ("#set($a = 1)$$a", "$1"),
        ("#set($a = 1)$a}.", "1}."),
        ("#set($a = 1)$a.", "1."),
        ("#set($a = 1)$a. b", "1. b"),
        ("#set($a = 1)$a.1", "1.1"),
        ("#set($a-b = 1)$a-b", "1"),
        ("#set($_a = 1)$_a", "1"),
        ("#set($a = 'x')${a}[0]", "x[0]"),
        ("#set($a = 'x')$a #set($b = 2)$b", "x2"),
        ("Grüße $nobody Grüße", "Grüße  Grüße"),
    ]);
}

#[test]
fn escapes() {
    check(&[
        (r"#set($email = 'foo')\$email", "$email"),
        (r"#set($email = 'foo')\\$email", r"\foo"),
        (r"#set($email = 'foo')\\\$email", r"\$email"),
        (r"\$nobody.there", "$nobody.there"),
        (r"\$!{nobody}", "$!{nobody}"),
        (r"\\ \# \$", r"\\ \# \$"),
        (r"\#if(true)", "#if(true)"),
        (r"\#set($email = 1)", "#set( = 1)"),
        (r"\\#if(true)x#end", r"\x"),
        (r"\#unknown", r"\#unknown"),
        (r"\# end", r"\# end"),
        (r"a\b", r"a\b"),
        ("#[[ $a #if(x) \\ ]]#.", " $a #if(x) \\ ."),
    ]);
}

#[test]
fn whitespace() {
    check(&[
        // A directive takes the blanks and the line's end after it.
        ("#if(true)\nhello\n#end\nbye", "hello\nbye"),
        ("#if(true)  \t\nhello\n#end  \nbye", "hello\nbye"),
        ("#if(true)\r\nhello\r\n#end\r\nbye", "hello\r\nbye"),
        ("#if(true) hello #end bye", " hello  bye"),
        ("#if(false)\na\n#else\nb\n#end\n", "b\n"),
        ("#foreach($i in [1..2])\n  $i\n#end\n", "  1\n  2\n"),
        // Blanks before it stay, ...
        ("{\n  #if(true)\n  x\n  #end\n}", "{\n    x\n  }"),
        // ... but for #set where no text stands before the blanks.
        ("  #set($a = 1)\n$a", "1"),
        ("#set($a = 1)\n   #set($b = 2)\n{", "{"),
        ("\n        #set($a = 1)\n        {", "\n                {"), // AWS: newer engines take these blanks
        ("x  #set($a = 1)\n$a", "x  1"),
        // Comments.
        ("## comment\nStuff\nMore## comment $blah", "Stuff\nMore"),
        ("a ## b\nc", "a c"),
        ("a ## b\r\nc", "a c"),
        ("Stuff#*\n more *#\n and", "Stuff\n and"),
        ("#** doc *#x", "x"),
        ("#if(true)\nhello##\n#end", "hello"),
    ]);
}

#[test]
fn sets_and_literals() {
    check(&[
        ("#set($v = true)$v #set($v = false)$v", "truefalse"),
        ("#set ($v = 10)$v", "10"),
        ("#{set}($v = -10)$v", "-10"),
        ("#set($v = 'a $b \"c\"')$v", "a $b \"c\""),
        ("#set($n = 'Ada')#set($v = \"I am $n, ${n}!\")$v", "I am Ada, Ada!"),
        ("#set($n = 'Ada')#set($v = \"I am \\$n\")$v", "I am $n"),
        ("#set($v = 'it''s')$v", "it's"),
        ("#set($v = \"{\"\"a\"\": 2}\")$v", "{\"a\": 2}"),
        (r#"#set($v = "1\\""2""3")$v"#, r#"1\\"2"3"#),
        (r#"#set($v = "\\batman\nand")$v"#, r"\\batman\nand"),
        ("#set($v = \"\\u0041\\u00e9\")$v", "Aé"),
        ("#set($v = '\\u0041')$v", "\\u0041"),
        ("#set($v = \"#if(true)yes#end\")$v", "yes"),
        ("#set($v = \"color: #fff\")$v", "color: #fff"),
        ("#set( $v = \"\" )#set( $y = '' ).$v.$y.", "..."),
        ("#set($v = [])$v #set($v = {})$v", "[]{}"),
        ("#set($v = [1, 'a', true, [2]])$v", "[1, a, true, [2]]"),
        ("#set($v = {'k1': 'v1', \"k2\": [1]})$v", "{k1=v1, k2=[1]}"),
        ("#set($v = {'z': 1, 'a': 2})$v.keySet() $v.values()", "[z, a] [1, 2]"),
        ("#set($v = {\n 'a' : 1 ,\n 'b':2\n})$v.a$v.b", "12"),
        ("#set($v = [1..5])$v #set($v = [2..-2])$v", "[1, 2, 3, 4, 5][2, 1, 0, -1, -2]"),
        ("#set($a = 2)#set($b = 4)#foreach($i in [$a .. $b])${i}-#end", "2-3-4-"),
        ("#set($v = 1)#set($v = $x / 0)$v", "1"), // null is not set
        ("#set($v = $nobody)[$v]", "[]"),
        ("#set($m = {})#set($m.a = 1)#set($m['b'] = 2)#set($k = 'c')#set($m[$k] = 3)$m", "{a=1, b=2, c=3}"),
        ("#set($m = {})#set($m.a = {})#set($m.a.b = 'x')$m.a['b']", "x"),
        ("#set($m = {})#set($m[\"$key\"] = 'foo')$m", "{=foo}"), // AWS: {$key=foo} in Velocity
        ("#set($l = ['a', 'b'])#set($l[1] = 'c')#set($l[-2] = 'd')$l", "[d, c]"),
        ("#set($nobody.there = 1)ok", "ok"),
        ("#set($v = .5*.1)$v #set($v = 1e3)$v #set($v = 1.5E-5)$v", "0.051000.01.5E-5"),
    ]);
}

#[test]
fn conditions() {
    check(&[
        ("#if(true)a#elseif(true)b#else c#end", "a"),
        ("#if(false)a#elseif(true)b#else c#end", "b"),
        ("#if(false)a#elseif(false)b#else c#end", " c"),
        ("#if(false)a#elseif(false)b#end", ""),
        ("#if(true)true#{else}false#{end}monkey", "truemonkey"),
        ("#if ( $nobody )taken#end", "taken"), // AWS: not taken by Velocity
        ("#if($nobody == $null)null#end#if($nobody == '')empty#end", "nullempty"), // AWS
        ("#if(!$nobody)a#{else}b#end", "b"),   // AWS
        ("#set($v = false)#if($v)a#{else}b#end", "b"),
        ("#set($v = '')#if($v)a#{else}b#end", "a"),
        ("#set($v = 0)#if($v)a#{else}b#end", "a"),
        ("#if('text')a#{else}b#end#if(1)a#{else}b#end", "bb"), // only references, comparisons and booleans hold
        ("#if(1 == 1 && 2 == 2)a#end", "a"),
        ("#if(1 == 2 || 2 == 2)a#end", "a"),
        ("#if(1 == 2 or 2 eq 2 and 1 ne 2)a#end", "a"),
        ("#if(!(1 == 2))a#end#if(not false)b#end#if(!!true)c#end", "abc"),
        (
            "#set($v = 2)#if($v > 1)a#end#if($v gt 2)b#end#if($v >= 2)c#end#if($v lt 3)d#end#if($v le 1)e#end#if($v < 2)f#end",
            "acd",
        ),
        ("#if(1 == 1.0)a#end#if('1' == 1)b#end#if('true' == true)c#end", "abc"),
        ("#if('a' == 'b')a#end#if('a' != 'b')b#end", "b"),
        ("#if('b' > 'a')a#{else}not ordered#end", "not ordered"),
        ("#if([1, 2] == [1, 2])a#end#if({'a': 1, 'b': 2} == {'b': 2, 'a': 1})b#end", "ab"),
        ("#set($v = 4 > 2 + 5)$v #set($v = (5 + 4) > 2)$v", "falsetrue"),
        ("#set($v = true && false)$v #set($v = !true)$v", "falsefalse"),
        ("#if($nobody.a.b || false)a#end", "a"),
        ("#set($n = 0)#if(true || $n.add(1))a#end", "a"),
    ]);
}

#[test]
fn arithmetic() {
    check(&[
        ("#set($v = 5 * 4 - 2)$v #set($v = 2 + 5 * 4)$v #set($v = (2 + 5) * 4)$v", "182228"),
        ("#set($v = 7 / 2)$v #set($v = 7 % 2)$v #set($v = -7 / 2)$v #set($v = -7 % 2)$v", "31-3-1"),
        ("#set($v = 100.0 / 50)$v #set($v = 7 / 2.0)$v", "2.03.5"),
        ("#set($v = 10 - 2 - 3)$v", "5"),
        ("#set($v = 3-1)$v", "2"),
        ("#set($v = 9223372036854775807 + 1)$v", "9223372036854775808"),
        ("#set($v = 'a' + 1 + 2)$v #set($v = 1 + 2 + 'a')$v", "a123a"),
        ("#set($v = 'x' + [1] + {'a': true})$v", "x[1]{a=true}"),
        ("#set($v = 1)#set($v = true + 1)$v", "1"),
    ]);
}

#[test]
fn loops() {
    check(&[
        ("#foreach($x in ['a', 'b', 'c'])$x#if($foreach.hasNext),#end#end", "a,b,c"),
        (
            "#foreach($x in ['a', 'b'])$foreach.count$foreach.index$foreach.first$foreach.last;#end",
            "10truefalse;21falsetrue;",
        ),
        ("#foreach($x in ['a', 'b'])$velocityCount#if($velocityHasNext),#end#end", "1,2"),
        ("#foreach($x in {'a': 1, 'b': 2})$x#end", "12"),
        ("#set($m = {'a': 1, 'b': 2})#foreach($e in $m.entrySet())$e.key=$e.value;$e;#end", "a=1;a=1;b=2;b=2;"),
        ("#foreach($x in $nobody)x#end#foreach($x in 'text')x#end#foreach($x in 5)x#end", ""),
        ("#set($x = 1)$x,#foreach($x in [2, 3])$x,#set($x = 9)#end$x", "1,2,3,1"),
        ("#set($v = 0)#foreach($x in [1, 2])#set($v = $v + $x)#end$v$x", "3"),
        ("#foreach($j in [1, 2])#foreach($i in [3, 4])$foreach.count,#end$foreach.count|#end", "1,2,1|1,2,2|"),
        ("#foreach($j in [1, 2])#foreach($i in [3])$foreach.parent.count$foreach.topmost.index #end#end", "10 21 "),
        ("#foreach($x in [1, 2, 3])#if($x == 2)#break#end$x#end.", "1."),
        ("#foreach($j in [1, 2])$j#foreach($i in [3, 4])#break #end#end.", "12."),
        ("hello #stop world", "hello "),
        ("#foreach($x in [1, 2])$x#stop#end.", "1"),
        ("a#break b", "a"),
        ("#foreach ( $x  in\n [1,2] )$x#end", "12"),
        ("$foreach.count$velocityCount", ""),
    ]);
}

#[test]
fn definitions_and_unknown_directives() {
    check(&[
        ("#define($hello)hi#end$hello()$hello()", "hi()hi()"),
        ("#define( $f )$ctx#end\n#set($ctx = 'foo')$f#set($ctx = 'bar')$f", "foobar"),
        ("#define($i)$foreach.index#end#foreach($x in [1,2,3])$i#end", "012"),
        ("#define($f)x#end#set($v = \"[$f]\")$v", "[x]"),
        ("#define($f).$f#end$f", ".."), // a block is open twice at most
        ("#macro(hello $a)\nhi $a\n#end\n#hello('x') $a", "#hello('x') "), // AWS: macros are not defined
        ("#evaluate($x) #parse('a.vm') #include(\"b\")", "#evaluate($x) #parse('a.vm') #include(\"b\")"),
        ("<a href=\"#\">#13ff93 #fff #end1</a>", "<a href=\"#\">#13ff93 #fff #end1</a>"),
        ("#nothing (a + $nobody)", "#nothing (a + )"),
        ("#return($v)", "#return($v)"),
        ("# set($a = 1)", "# set( = 1)"),
        ("#$nobody#", "##"),
    ]);
}
